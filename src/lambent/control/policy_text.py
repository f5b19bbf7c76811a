"""The text of resource policies: statements put in and taken out, measured as AWS does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from lambent.domain.errors import LambdaError, resource_conflict, resource_not_found
from lambent.domain.limits import RESOURCE_POLICY_BYTES_MAX
from lambent.policy.evaluator import PolicyDocument, PolicyKind, parse_policy

# Compiled documents are kept: the same text is asked for at each request.
_PARSED_MAX = 4096


@lru_cache(maxsize=_PARSED_MAX)
def parse_resource_policy(text: str) -> PolicyDocument:
    """The policy that a stored text says; raises PolicySyntaxError."""
    return parse_policy(text, kind=PolicyKind.RESOURCE)


def format_json(value: Any) -> str:
    """As AWS writes it: without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def with_statement(text: str | None, statement: Mapping[str, Any]) -> str:
    """The policy with one statement more; a new one where there is none.

    Raises ResourceConflictException, PolicyLengthExceededException. Texts: [LS], and as quoted in
    many issue threads (adobe/helix-deploy#24).
    """
    document: dict[str, Any] = (
        json.loads(text) if text else {"Version": "2012-10-17", "Id": "default", "Statement": []}
    )
    sid = statement["Sid"]
    if any(one.get("Sid") == sid for one in document["Statement"]):
        raise resource_conflict(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, "
            "or remove the existing statement."
        )
    document["Statement"].append(statement)
    return measured(format_json(document))


def without_statement(text: str, sid: str) -> str | None:
    """The policy without a statement; None where none is left. Text: [LS]."""
    document: dict[str, Any] = json.loads(text)
    kept = [one for one in document["Statement"] if one.get("Sid") != sid]
    if len(kept) == len(document["Statement"]):
        raise resource_not_found(f"Statement {sid} is not found in resource policy.")
    return format_json({**document, "Statement": kept}) if kept else None


def normal_text(text: str) -> str:
    """A whole document in the form in which it is kept; it was parsed before."""
    document: dict[str, Any] = json.loads(text)
    if not isinstance(document["Statement"], list):
        document["Statement"] = [document["Statement"]]
    return measured(format_json(document))


def measured(text: str) -> str:
    """The text, if it is not too long."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > RESOURCE_POLICY_BYTES_MAX:
        raise LambdaError(
            "PolicyLengthExceededException",
            f"The final policy size ({size}) is bigger than the limit "
            f"({RESOURCE_POLICY_BYTES_MAX}).",
            Type="User",
        )
    return text
