"""Filter policies of SNS.

Cases: SNS Developer Guide, "Example filter policies", "Filter policy constraints" and "Key
matching"; LocalStack's recordings of AWS (test_sns_filter_policy.snapshot.json).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.domain.errors import LambdaError
from lambent.services.sns.filter_policy import ATTRIBUTES, BODY, parse_filter


def attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, (int, float)):
        return {"DataType": "Number", "StringValue": str(value)}
    if isinstance(value, list):
        return {"DataType": "String.Array", "StringValue": json.dumps(value)}
    if isinstance(value, bytes):
        return {"DataType": "Binary", "BinaryValue": value}
    return {"DataType": "String", "StringValue": value}


EXAMPLE = {
    "customer_interests": ["rugby", "football", "baseball"],
    "price_usd": [{"numeric": [">", 100]}],
}


@pytest.mark.parametrize(
    ("policy", "attributes", "expected"),
    [
        (EXAMPLE, {"customer_interests": ["soccer", "rugby"], "price_usd": 210.75}, True),
        (EXAMPLE, {"customer_interests": ["soccer"], "price_usd": 210.75}, False),
        (EXAMPLE, {"customer_interests": "rugby", "price_usd": 100}, False),
        (EXAMPLE, {"customer_interests": "rugby"}, False),
        ({"a": ["x"]}, {"a": "x", "b": "y"}, True),
        ({"a": [1]}, {"a": 1.0}, True),
        ({"a": [1]}, {"a": "1"}, False),
        ({"a": ["1"]}, {"a": 1}, False),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "z"}, True),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": ["x", "z"]}, True),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": ["x", "y"]}, False),
        ({"a": [{"anything-but": "x"}]}, {}, False),
        ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": "xyz"}, False),
        ({"a": [{"anything-but": [1, 2]}]}, {"a": 3}, True),
        ({"a": [{"prefix": "bas"}]}, {"a": "baseball"}, True),
        ({"a": [{"suffix": "ball"}]}, {"a": "baseball"}, True),
        ({"a": [{"equals-ignore-case": "Tennis"}]}, {"a": "TENNIS"}, True),
        ({"a": [{"wildcard": "*ball"}]}, {"a": "baseball"}, True),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.255"}, True),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.1.1.0"}, False),
        ({"a": [{"numeric": [">", 0, "<=", 150]}]}, {"a": 150}, True),
        ({"a": [{"numeric": ["=", 301.5]}]}, {"a": 3.015e2}, True),
        ({"a": [{"exists": True}]}, {"a": "x"}, True),
        ({"a": [{"exists": False}]}, {"b": "x"}, True),
        ({"a": [{"exists": True}]}, {}, False),
        ({"a": [{"exists": True}]}, {"a": b"binary"}, False),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}], "c": ["z"]}, {"b": "y"}, False),
        ({"a": [True, None]}, {"a": [True]}, True),
    ],
)
def test_sns_filters_on_attributes(
    policy: dict[str, Any], attributes: dict[str, Any], expected: bool
) -> None:
    found = parse_filter(json.dumps(policy), ATTRIBUTES)
    assert found is not None
    given = {name: attribute(value) for name, value in attributes.items()}
    assert found.lets_through(given, "") is expected


@pytest.mark.parametrize(
    ("policy", "body", "expected"),
    [
        ({"a": {"b": ["c"]}}, '{"a": {"b": "c"}}', True),
        ({"a": {"b": ["c"]}}, '{"a": [{"b": "x"}, {"b": "c"}]}', True),
        ({"a": {"b": [{"numeric": ["<", 5]}]}}, '{"a": {"b": 4}}', True),
        ({"a": [None]}, '{"a": null}', True),
        ({"a": [{"exists": False}]}, "{}", True),
        ({"a": ["c"]}, '["a"]', False),
        ({"a": ["c"]}, "no JSON", False),
        ({"a": ["c"]}, "[" * 100_000, False),
    ],
)
def test_sns_filters_on_the_body(policy: dict[str, Any], body: str, expected: bool) -> None:
    found = parse_filter(json.dumps(policy), BODY)
    assert found is not None
    assert found.lets_through({}, body) is expected


def test_sns_an_empty_filter_lets_everything_through() -> None:
    assert parse_filter("", ATTRIBUTES) is None
    assert parse_filter("{}", BODY) is None


@pytest.mark.parametrize(
    ("policy", "scope", "text"),
    [
        ("{", BODY, "FilterPolicy: failed to parse JSON."),
        ("[]", BODY, "FilterPolicy: Filter policy must be a JSON object."),
        ('{"a": []}', BODY, 'FilterPolicy: "a" must not be an empty array'),
        ('{"a": [["x"]]}', BODY, "FilterPolicy: "),
        ('{"a": [{"numeric": [">", "x"]}]}', BODY, "FilterPolicy: "),
        ('{"a": [{"exists": 1}]}', BODY, "FilterPolicy: exists match pattern must be either"),
        ('{"a": {"b": ["x"]}}', ATTRIBUTES, "Filter policy scope MessageAttributes does not"),
        (
            '{"$or": [{"a": ["x"]}, {"b": {"c": ["y"]}}]}',
            ATTRIBUTES,
            "Filter policy scope MessageAttributes does not",
        ),
        (json.dumps({"a": ["x" * 262_144]}), BODY, "FilterPolicy: Filter policy is too long"),
    ],
)
def test_sns_filters_are_refused(policy: str, scope: str, text: str) -> None:
    with pytest.raises(LambdaError) as raised:
        parse_filter(policy, scope)
    assert raised.value.code == "InvalidParameterException"
    assert raised.value.message.startswith(f"Invalid parameter: {text}")


def test_sns_combinations_of_a_filter_are_counted_by_depth() -> None:
    """The guide's example: 3 x 4 x 2 x 3 = 72 combinations; 150 are allowed."""

    def policy(values: int) -> str:
        deep = {"key_b": {"key_c": [str(one) for one in range(4)]}}
        return json.dumps({"key_a": deep, "key_d": {"key_e": [str(n) for n in range(values)]}})

    assert parse_filter(policy(6), BODY) is not None
    with pytest.raises(LambdaError, match="Filter policy is too complex"):
        parse_filter(policy(7), BODY)
