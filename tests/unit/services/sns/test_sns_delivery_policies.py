"""Delivery policies: SNS Developer Guide, "Creating an HTTP/S delivery policy"."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.domain.errors import LambdaError
from lambent.services.sns.delivery_policy import (
    DeliveryPolicy,
    RetryPolicy,
    effective,
    parse_delivery,
    parse_topic_delivery,
)


def delays(**members: Any) -> list[float]:
    policy = parse_delivery(json.dumps({"healthyRetryPolicy": members}))
    assert policy.retry is not None
    found = []
    while (delay_s := policy.retry.delay_s(len(found))) is not None:
        found.append(delay_s)
    return found


def test_sns_tries_three_times_20_seconds_apart_unless_told() -> None:
    assert [RetryPolicy().delay_s(retry) for retry in range(4)] == [20.0, 20.0, 20.0, None]


def test_sns_retries_go_through_four_phases() -> None:
    found = delays(
        minDelayTarget=1,
        maxDelayTarget=60,
        numRetries=10,
        numNoDelayRetries=2,
        numMinDelayRetries=2,
        numMaxDelayRetries=3,
        backoffFunction="linear",
    )
    assert found == [0.0, 0.0, 1.0, 1.0, 1.0, 30.5, 60.0, 60.0, 60.0, 60.0]


@pytest.mark.parametrize("name", ["linear", "arithmetic", "geometric", "exponential"])
def test_sns_back_off_grows_from_the_least_delay_to_the_most(name: str) -> None:
    found = delays(minDelayTarget=2, maxDelayTarget=32, numRetries=5, backoffFunction=name)
    assert found == sorted(found)
    assert (found[0], round(found[-1], 6)) == (2.0, 32.0)
    assert delays(minDelayTarget=2, maxDelayTarget=9, numRetries=1, backoffFunction=name) == [2.0]


@pytest.mark.parametrize(
    "members",
    [
        {"numRetries": 101},
        {"numRetries": True},
        {"minDelayTarget": 0},
        {"minDelayTarget": 30, "maxDelayTarget": 20},
        {"maxDelayTarget": 3601},
        {"numRetries": 1, "numNoDelayRetries": 2},
        {"minDelayTarget": 3600, "maxDelayTarget": 3600, "numRetries": 2},
        {"backoffFunction": "random"},
        {"unheard": 1},
    ],
)
def test_sns_delivery_policies_are_refused(members: dict[str, Any]) -> None:
    with pytest.raises(LambdaError, match="DeliveryPolicy"):
        delays(**members)
    for text in ("{", "[]", '{"healthyRetryPolicy": 1}', '{"unheard": {}}'):
        with pytest.raises(LambdaError, match="DeliveryPolicy"):
            parse_delivery(text)
    for kind in ("image/png", "text/plain\r\nX: y"):
        with pytest.raises(LambdaError, match="headerContentType"):
            parse_delivery(json.dumps({"requestPolicy": {"headerContentType": kind}}))


def test_sns_subscriptions_have_their_topics_policy_where_they_have_none() -> None:
    topic = parse_topic_delivery(
        json.dumps(
            {
                "http": {
                    "defaultHealthyRetryPolicy": {"numRetries": 1},
                    "defaultThrottlePolicy": {"maxReceivesPerSecond": 5},
                    "disableSubscriptionOverrides": False,
                }
            }
        )
    )
    own = parse_delivery(json.dumps({"requestPolicy": {"headerContentType": "application/json"}}))
    held = effective(topic, own)
    assert held.retry == RetryPolicy(retries=1)
    assert (held.per_s_max, held.content_type) == (5, "application/json")
    closed = DeliveryPolicy(overrides_disabled=True)
    assert effective(closed, own) is closed
