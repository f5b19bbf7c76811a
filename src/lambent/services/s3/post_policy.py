"""The policy of a form: what may be posted with it, and until when. Pure.

Source: S3 API Reference, "POST policy".
"""

from __future__ import annotations

import binascii
import json
from calendar import timegm
from collections.abc import Mapping
from time import strptime
from typing import Any, NamedTuple

from lambent.services.s3.errors import S3Error

_FREE = {"x-amz-signature", "file", "policy", "awsaccesskeyid", "signature", "bucket"}
"""Fields that no condition has to name; those that begin with x-ignore- as well."""


class Sizes(NamedTuple):
    """How large the file may be."""

    least: int
    most: int


def check_policy(fields: Mapping[str, str], bucket: str, now_s: float, most: int) -> Sizes:
    """Raises S3Error where the fields are not what the policy says, or it has expired.

    `fields` have their names in lower case; `most` is what a post may have at all.
    """
    policy = _parse(fields["policy"])
    if now_s >= _moment(policy.get("expiration")):
        raise S3Error("AccessDenied", "Invalid according to Policy: Policy expired.")
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise _invalid("Invalid Policy: Invalid 'conditions' value: must be a List.")
    found = {**fields, "bucket": bucket}
    sizes, named = Sizes(0, most), set(_FREE)
    for condition in conditions:
        operator, name, wanted = _read(condition)
        if operator == "content-length-range":
            sizes = _sizes(name, wanted, most)
            continue
        field = name.removeprefix("$").lower()
        named.add(field)
        if not _holds(operator, found.get(field, ""), wanted):
            raise S3Error(
                "AccessDenied",
                f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition)}",
            )
    extra = [name for name in fields if name not in named and not name.startswith("x-ignore-")]
    if extra:
        raise S3Error(
            "AccessDenied",
            f"Invalid according to Policy: Extra input fields: {', '.join(extra)}",
        )
    return sizes


def _parse(text: str) -> dict[str, Any]:
    try:
        policy = json.loads(binascii.a2b_base64(text, strict_mode=False))
    except (ValueError, RecursionError):
        raise _invalid("Invalid Policy: Invalid JSON.") from None
    if not isinstance(policy, dict):
        raise _invalid("Invalid Policy: Invalid JSON.")
    return policy


def _moment(text: Any) -> float:
    """Seconds since the epoch of e.g. `2026-11-21T12:00:00.000Z`."""
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return timegm(strptime(text, form))
        except (ValueError, TypeError):
            continue
    raise _invalid(f"Invalid Policy: Invalid 'expiration' value: '{text}'")


def _read(condition: Any) -> tuple[str, str, Any]:
    """Operator, name and value; of content-length-range the two ends."""
    if isinstance(condition, dict) and len(condition) == 1:
        [(name, value)] = condition.items()
        return "eq", name, value
    if isinstance(condition, list) and len(condition) == 3:
        operator = str(condition[0]).lower()
        if operator in ("eq", "starts-with", "content-length-range"):
            return operator, str(condition[1]), condition[2]
    raise _invalid("Invalid Policy: Invalid Simple-Condition: value must be a string.")


def _sizes(least: str, most: Any, most_of_all: int) -> Sizes:
    try:
        return Sizes(max(0, int(least)), min(int(most), most_of_all))
    except (ValueError, TypeError):
        raise _invalid("Invalid Policy: Invalid content-length-range.") from None


def _holds(operator: str, value: str, wanted: Any) -> bool:
    if operator == "eq":
        return value == str(wanted)
    return value.startswith(str(wanted))


def _invalid(message: str) -> S3Error:
    return S3Error("InvalidPolicyDocument", message)
