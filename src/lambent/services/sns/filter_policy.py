"""Filter policies of subscriptions: which messages they let through. Pure.

They are event patterns over the message's attributes or its body, within SNS's limits. Source: SNS
Developer Guide, "Amazon SNS subscription filter policies" and "Filter policy constraints"; [LS]
texts and the count of combinations in LocalStack's sns/filter.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambent.domain.event_pattern import EventPattern, PatternError, compile_pattern
from lambent.services.sns.errors import invalid

ATTRIBUTES, BODY = "MessageAttributes", "MessageBody"
KEYS_MAX = 5
COMBINATIONS_MAX = 150
POLICY_BYTES_MAX = 262_144


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter policy that holds."""

    scope: str
    pattern: EventPattern

    def lets_through(self, attributes: Mapping[str, Mapping[str, Any]], body: str) -> bool:
        """`attributes`: as they were published. A body that is no JSON object passes none."""
        if self.scope == ATTRIBUTES:
            return self.pattern.matches(read_attributes(attributes))
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return False
        return isinstance(value, dict) and self.pattern.matches(value)


def read_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a policy sees of message attributes: text, numbers, and arrays; nothing binary."""
    seen: dict[str, Any] = {}
    for name, value in attributes.items():
        text = value.get("StringValue")
        data_type = value["DataType"]
        if text is None:
            continue
        if data_type == "Number" or data_type.startswith("Number."):
            seen[name] = _number(text)
        elif data_type == "String.Array":
            try:
                seen[name] = json.loads(text)
            except (ValueError, RecursionError):
                seen[name] = text
        else:
            seen[name] = text
    return seen


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        try:
            return float(text)
        except ValueError:
            return text


def parse_filter(text: str, scope: str, *, within: str = "") -> Filter | None:
    """None where the policy is empty, which lets all through. Raises LambdaError.

    `within`: what AWS puts before its words where the policy is one of Subscribe's attributes.
    """
    if not text:
        return None
    before = f"{within}FilterPolicy: "
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise invalid(f"{before}Filter policy is too long")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid(f"{before}failed to parse JSON.") from None
    if not isinstance(value, dict):
        raise invalid(f"{before}Filter policy must be a JSON object.")
    if not value:
        return None
    if scope == ATTRIBUTES and _is_nested(value):
        raise invalid(
            f"{within}Filter policy scope MessageAttributes does not support nested filter policy"
        )
    if _count_keys(value) > KEYS_MAX:
        raise invalid(f"{before}Filter policy can not have more than {KEYS_MAX} keys")
    try:
        pattern = compile_pattern(value)
    except PatternError as error:
        raise invalid(f"{before}{error}") from None
    if _combinations(value, 1) > COMBINATIONS_MAX:
        raise invalid(f"{before}Filter policy is too complex")
    return Filter(scope, pattern)


def check_scope(scope: str, *, within: str = "") -> None:
    """[LS]"""
    if scope not in (ATTRIBUTES, BODY):
        raise invalid(
            f"{within}FilterPolicyScope: Invalid value [{scope[:100]}]. Please use either"
            " MessageBody or MessageAttributes"
        )


def _is_nested(value: Mapping[str, Any]) -> bool:
    for name, below in value.items():
        if isinstance(below, dict):
            return True
        inner = below if name == "$or" and isinstance(below, list) else ()
        if any(isinstance(one, dict) and _is_nested(one) for one in inner):
            return True
    return False


def _count_keys(value: Mapping[str, Any]) -> int:
    """Names at the top; those of a `$or` count each."""
    count = 0
    for name, below in value.items():
        if name == "$or" and isinstance(below, list):
            inner = [one for one in below if isinstance(one, dict)]
            count += len({key for one in inner for key in one})
        else:
            count += 1
    return count


def _combinations(value: Mapping[str, Any], depth: int) -> int:
    """The product over all leaves of their alternatives times their depth; of a `$or` the sum."""
    total = 1
    for name, below in value.items():
        if isinstance(below, dict):
            total *= _combinations(below, depth + 1)
        elif name == "$or" and all(isinstance(one, dict) for one in below):
            total *= sum(_combinations(one, depth) for one in below)
        else:
            total *= len(below) * depth
    return total
