"""Policies of forms. Source: S3 API Reference, "POST policy"."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lambent.services.s3.errors import S3Error
from lambent.services.s3.post_policy import check_policy

NOW_S = 1_700_000_000.0  # 2023-11-14T22:13:20Z
LATER = "2023-11-14T22:13:21Z"
MOST = 1_000


def _check(fields: dict[str, str], *conditions: Any, expiration: Any = LATER) -> tuple[int, int]:
    policy = {"expiration": expiration, "conditions": list(conditions)}
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    return check_policy({"policy": text, **fields}, "b", NOW_S, MOST)


def _refused(fields: dict[str, str], *conditions: Any, expiration: Any = LATER) -> str:
    with pytest.raises(S3Error) as caught:
        _check(fields, *conditions, expiration=expiration)
    return f"{caught.value.code}: {caught.value.message}"


def test_fields_that_a_policy_names_pass() -> None:
    fields = {"key": "user/a", "x-amz-meta-tag": "anything", "acl": "private", "x-ignore-me": "1"}
    conditions = (
        {"bucket": "b"},
        ["starts-with", "$key", "user/"],
        {"acl": "private"},
        ["starts-with", "$x-amz-meta-tag", ""],
        ["content-length-range", 1, 10],
    )
    assert _check(fields, *conditions) == (1, 10)
    assert _check({"key": "a"}, ["eq", "$Key", "a"]) == (0, MOST)
    assert _check({"key": "a"}, {"key": "a"}, ["content-length-range", 0, 10**12]) == (0, MOST)


def test_fields_that_do_not_fit_are_refused() -> None:
    assert _refused({"key": "b"}, {"key": "a"}).startswith("AccessDenied: Invalid according to")
    assert 'failed: ["starts-with", "$key", "u/"]' in _refused(
        {"key": "x"}, ["starts-with", "$key", "u/"]
    )
    assert "Policy Condition failed" in _refused({"key": "a"}, {"bucket": "c"}, {"key": "a"})
    assert _refused({"key": "a", "acl": "x"}, {"key": "a"}).endswith("Extra input fields: acl")


def test_a_policy_expires() -> None:
    assert _refused({}, expiration="2023-11-14T22:13:20.000Z") == (
        "AccessDenied: Invalid according to Policy: Policy expired."
    )


@pytest.mark.parametrize("expiration", [None, 5, "tomorrow"])
def test_a_policy_says_when_it_expires(expiration: Any) -> None:
    assert _refused({}, expiration=expiration).startswith("InvalidPolicyDocument: ")


@pytest.mark.parametrize(
    "condition", [5, ["eq", "$key"], {"a": "b", "c": "d"}, ["like", "$a", "b"]]
)
def test_a_condition_has_one_of_its_forms(condition: Any) -> None:
    assert _refused({}, condition).startswith("InvalidPolicyDocument: ")


@pytest.mark.parametrize("text", ["", "!!", "bm8=", base64.b64encode(b"[]").decode()])
def test_a_policy_is_json_in_base64(text: str) -> None:
    with pytest.raises(S3Error) as caught:
        check_policy({"policy": text}, "b", NOW_S, MOST)
    assert caught.value.code == "InvalidPolicyDocument"
