"""Whatever JSON a caller gives as a policy is taken or refused, and never a fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.domain.errors import LambdaError
from lambent.services.sns.delivery_policy import parse_delivery, parse_topic_delivery
from lambent.services.sns.filter_policy import ATTRIBUTES, BODY, parse_filter
from lambent.services.sns.subscription_attributes import parse_redrive
from lambent.services.sns.topic_attributes import parse_topic_policy

NAMES = st.sampled_from(
    (
        *("$or", "a", "b", "prefix", "anything-but", "numeric", "exists", "cidr", "wildcard"),
        *("http", "defaultHealthyRetryPolicy", "healthyRetryPolicy", "numRetries"),
        *("throttlePolicy", "maxReceivesPerSecond", "requestPolicy", "headerContentType"),
        *("deadLetterTargetArn", "Statement", "Effect", "Principal", "Action", "Resource"),
    )
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5_000),
    st.floats(allow_nan=False),
    st.sampled_from(("", "x", "<", ">=", "Allow", "10.0.0.0/8", "*")),
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(NAMES, below, max_size=3)),
    max_leaves=12,
)


def parsed(parse: Callable[..., Any], *given: Any) -> Any:
    """What `parse` makes of it; None where it is refused as it should be."""
    refused = None
    try:
        return parse(*given)
    except LambdaError as error:
        refused = error
    assert refused.code == "InvalidParameterException"
    return None


@given(document=DOCUMENTS, message=DOCUMENTS)
@settings(max_examples=300)
def test_sns_documents_are_taken_or_refused(document: Any, message: Any) -> None:
    text = json.dumps(document)
    for scope in (ATTRIBUTES, BODY):
        found = parsed(parse_filter, text, scope)
        if found is not None:
            found.lets_through({}, json.dumps(message))
    for parse in (parse_delivery, parse_topic_delivery, parse_topic_policy):
        parsed(parse, text)
    parsed(partial(parse_redrive, fifo=False), text)
