"""Which filter patterns are patterns. [DG] "Control which events Lambda sends to your function"."""

from __future__ import annotations

import pytest

from lambent.control.filter_patterns import DEPTH_MAX, check_pattern
from lambent.domain.errors import LambdaError


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"body": {"temperature": [{"numeric": [">", 0, "<=", 100]}]}}',
        '{"a": [null, "", "x", 1, true]}',
        '{"a": [{"prefix": "x"}, {"suffix": "y"}, {"equals-ignore-case": "Z"}]}',
        '{"a": [{"exists": false}], "b": [{"anything-but": ["x", 1]}]}',
        '{"a": [{"anything-but": {"prefix": "x"}}]}',
        '{"$or": [{"a": ["x"]}, {"b": [{"numeric": ["=", 3]}]}]}',
    ],
)
def test_documented_patterns_are_patterns(text: str) -> None:
    check_pattern(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        '"simple string"',
        "[]",
        "{",
        '{"eventSource": "aws:sqs"}',
        '{"eventSource": []}',
        '{"a": {}}',
        '{"a": [["x"]]}',
        '{"a": [{"prefix": 1}]}',
        '{"a": [{"prefix": "x", "suffix": "y"}]}',
        '{"a": [{"unknown": "x"}]}',
        '{"a": [{"exists": "yes"}]}',
        '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"numeric": ["!", 1]}]}',
        '{"a": [{"numeric": [">", true]}]}',
        '{"a": [{"numeric": [[], 1]}]}',
        '{"a": [{"anything-but": []}]}',
        '{"a": [{"anything-but": {"exists": true}}]}',
        '{"$or": [{"a": ["x"]}]}',
        '{"$or": [{}, {"a": ["x"]}]}',
        '{"a":' * (DEPTH_MAX + 2) + "[1]" + "}" * (DEPTH_MAX + 2),
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_pattern_is_refused_with_one_text(text: str) -> None:
    with pytest.raises(LambdaError) as caught:
        check_pattern(text)
    assert caught.value.message == "Invalid filter pattern definition."
