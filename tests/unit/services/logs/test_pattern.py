"""Filter patterns. Source: CloudWatch Logs User Guide, "Filter pattern syntax"."""

from __future__ import annotations

import pytest

from lambent.domain.errors import LambdaError
from lambent.services.logs.pattern import parse_filter_pattern

MESSAGES = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[WARN] INTERNAL SERVER ERROR",
    'said "hello"',
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("ERROR", [0, 1, 2, 3]),
        ("error", []),
        ("ERROR ARGUMENTS", [2]),
        ("  ERROR   REQUEST ", [0, 1]),
        ("?ARGUMENTS ?BAD", [0, 2]),
        ("ERROR -REQUEST", [2, 3]),
        ("-ERROR", [4]),
        ('"INTERNAL SERVER ERROR"', [3]),
        ('ERROR -"BAD REQUEST"', [1, 2, 3]),
        ('?"[WARN]" ?MISSING', [2, 3]),
        (r'"said \"hello\""', [4]),
        ("?WARN REQUEST", [0, 1]),  # the note there: ?terms are ignored beside others
        (r"%ERROR 4[01]\d%".replace(" ", r"\s"), [0, 1, 2]),
        ("%BAD|MISSING%", [0, 2]),
    ],
)
def test_pattern_picks_messages_as_documented(pattern: str, expected: list[int]) -> None:
    """Source: as above, "Match terms in unstructured log events"."""
    matches = parse_filter_pattern(pattern)
    assert matches is not None
    assert [index for index, message in enumerate(MESSAGES) if matches(message)] == expected


@pytest.mark.parametrize("pattern", ["", "   "])
def test_empty_pattern_matches_everything(pattern: str) -> None:
    assert parse_filter_pattern(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("?Status: timeout", "Invalid character(s) in term ':'"),
        ("a(b", "Invalid character(s) in term '('"),
        ('"open', "Invalid character(s) in term '\"'"),
        ('{ $.level = "x" }', "Lambent does not support JSON filter patterns yet."),
        ("[a, b]", "Lambent does not support space-delimited filter patterns yet."),
        ("%a!%", "Invalid regular expression in filter pattern: Invalid character(s) in term '!'"),
    ],
)
def test_pattern_outside_the_syntax_is_refused(pattern: str, message: str) -> None:
    """Source of AWS's text: answers that its users quote, such as the first."""
    with pytest.raises(LambdaError) as raised:
        parse_filter_pattern(pattern)
    assert (raised.value.code, raised.value.message) == ("InvalidParameterException", message)
