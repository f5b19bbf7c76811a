"""Filter patterns. Source: CloudWatch Logs User Guide, "Filter pattern syntax"."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.errors import LambdaError
from lambent.services.logs.patterns import parse_filter_pattern

MESSAGES = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[WARN] INTERNAL SERVER ERROR",
    'said "hello"',
]


def matched(pattern: str, messages: list[str]) -> list[int]:
    compiled = parse_filter_pattern(pattern)
    assert compiled is not None
    return [index for index, message in enumerate(messages) if compiled.matches(message)]


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
    assert matched(pattern, MESSAGES) == expected


@pytest.mark.parametrize("pattern", ["", "   "])
def test_empty_pattern_matches_everything(pattern: str) -> None:
    assert parse_filter_pattern(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("?Status: timeout", "Invalid character(s) in term ':'"),
        ("a(b", "Invalid character(s) in term '('"),
        ('"open', "Invalid character(s) in term '\"'"),
        ("%a!%", "Invalid regular expression in filter pattern: Invalid character(s) in term '!'"),
    ],
)
def test_pattern_outside_the_syntax_is_refused(pattern: str, message: str) -> None:
    """Source of AWS's text: answers that its users quote, such as the first."""
    with pytest.raises(LambdaError) as raised:
        parse_filter_pattern(pattern)
    assert (raised.value.code, raised.value.message) == ("InvalidParameterException", message)


JSON_EVENTS = [
    json.dumps(event)
    for event in (
        {"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "n": 1},
        {"eventType": "DeleteTrail", "sourceIPAddress": "123.123.0.1", "n": 75.5, "gone": None},
        {"users": [{"email": "a@b.c"}, {"email": "x", "id": 7}], "ok": True, "n": -1e3},
        {"a": {"b-c": {"d.e": "deep"}}, "ok": False, "n": "75", "status": 404},
    )
] + ["not JSON, eventType UpdateTrail", '["UpdateTrail"]']


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', [0]),
        ("{$.eventType=UpdateTrail}", [0]),
        ('{ $.eventType = "*Trail" }', [0, 1]),
        ("{ $.eventType != UpdateTrail }", [1]),
        ("{ $.sourceIPAddress != 123.123.* }", [0]),
        ("{ $.sourceIPAddress = %123\\.1\\d3% }", [1]),
        ("{ $.n = 1 }", [0]),
        ("{ $.n > 75 }", [1]),
        ("{ $.n >= 75 }", [1, 3]),
        ("{ $.n < 0 }", [2]),
        ("{ $.n = -1e3 }", [2]),
        ("{ $.n <= 1.0 }", [0, 2]),
        ("{ $.status = 4* }", [3]),
        ("{ $.users[1].id = 7 }", [2]),
        ("{ $.users[2].id = 7 }", []),
        ('{ $.users = "*" }', []),  # an array is no value
        ("{ $.a.b-c['d.e'] = deep }", [3]),
        ('{ $.a.["b-c"]["d.e"] = deep }', [3]),
        ("{ $.gone IS NULL }", [1]),
        ("{ $.ok IS TRUE }", [2]),
        ("{ $.ok IS FALSE }", [3]),
        ("{ $.ok NOT EXISTS }", [0, 1]),
        ('{ $.eventType = "*" }', [0, 1]),
        ("{ $.ok IS TRUE || $.n = 1 && $.eventType = X }", [2]),
        ("{ ($.ok IS TRUE || $.n = 1) && $.eventType = UpdateTrail }", [0]),
        ("{ (($.n = 1)) }", [0]),
    ],
)
def test_json_patterns_pick_events_as_documented(pattern: str, expected: list[int]) -> None:
    """Source: as above, "Match terms in JSON log events"; the events are ours."""
    assert matched(pattern, JSON_EVENTS) == expected


LINES = [
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
    '127.0.0.1 Prod frank [10/Oct/2000:13:35:22 -0700] "GET /about.gif HTTP/1.0" 500 5324',
    "10.0.0.1 - - 200 9",
    "WARN something",
    "",
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", [0, 1]),
        ("[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", [0]),
        ("[..., bytes > 1000 && bytes < 2000]", [0]),
        ("[..., status = 404 || status = 410, bytes]", [0]),
        ("[ip = 127.*, ...]", [0, 1]),
        ("[w1 = WARN, w2]", [3]),
        ("[w1 != %ERR|WARN%, w2]", []),
        ("[ip, , , status, bytes]", [2]),
        ('[..., request = "GET /about.gif HTTP/1.0", status, bytes]', [1]),
        ("[..., bytes = 9]", [2]),
        ("[...]", [0, 1, 2, 3, 4]),
    ],
)
def test_space_delimited_patterns_pick_events_as_documented(
    pattern: str, expected: list[int]
) -> None:
    """Source: as above, "Match terms in space-delimited log events"."""
    assert matched(pattern, LINES) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "{",
        "{}",
        "{ $ = 1 }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a > x }",
        '{ $.a > "1" }',
        "{ ($.a = 1 }",
        "{ $.a = 1 ) }",
        "{ $.a = 1 && }",
        "{ $.a = 1 $.b = 2 }",
        "{ $.a = %(% }",
        "{ $.a = %x% && $.b = %x% && $.c = %x% }",
        "{ " + "(" * 30 + "$.a = 1" + ")" * 30 + " }",
        "[",
        "[a, b",
        "[a = ]",
        "[..., ...]",
        "[a = 1 && b = 2]",
        "[a b]",
        "[a < x]",
        "[" + "," * 200 + "]",
    ],
)
def test_a_broken_structured_pattern_is_refused(pattern: str) -> None:
    """UNVERIFIED text."""
    with pytest.raises(LambdaError) as raised:
        parse_filter_pattern(pattern)
    assert raised.value.code == "InvalidParameterException"
    assert raised.value.message.startswith("Invalid filter pattern: ")


def test_a_pattern_tells_the_values_of_the_fields_it_names() -> None:
    """Source: the API reference of TestMetricFilter, Examples: `$ip`, `$.eventType`."""
    delimited = parse_filter_pattern("[ip, , ..., status = 4*, bytes]")
    assert delimited is not None
    assert delimited.extract("1.2.3.4 - x 404 9") == {
        "$ip": "1.2.3.4",
        "$2": "-",
        "$3": "x",
        "$status": "404",
        "$bytes": "9",
    }
    selected = parse_filter_pattern("{ $.a.b = 1 && $.c NOT EXISTS }")
    assert selected is not None
    assert selected.extract('{"a": {"b": 1}}') == {"$.a.b": "1"}


@given(st.text(alphabet='{}[]$.= <>!&|()"%*a1-,\\', max_size=60), st.text(max_size=40))
def test_any_text_is_a_pattern_or_refused(pattern: str, message: str) -> None:
    try:
        compiled = parse_filter_pattern(pattern)
    except LambdaError:
        return
    if compiled is not None and compiled.matches(message):
        compiled.extract(message)


@given(st.text(alphabet="a*b", max_size=12), st.text(alphabet="ab", max_size=12))
def test_an_asterisk_is_any_text(wanted: str, text: str) -> None:
    compiled = parse_filter_pattern(f'{{ $.x = "{wanted}" }}')
    assert compiled is not None
    expression = ".*".join(map(re.escape, wanted.split("*")))
    expected = re.fullmatch(expression, text) is not None
    assert compiled.matches(json.dumps({"x": text})) == expected
