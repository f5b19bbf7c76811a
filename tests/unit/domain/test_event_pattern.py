"""Event patterns: what matches, what does not, and what is none.

Sources: EventBridge User Guide, "Comparison operators for use in event patterns" and "Arrays in
event patterns"; the README of event-ruler (arrays of objects, leaves).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.event_pattern import PatternError, compile_pattern, parse_pattern

MATCHES = [
    ({"source": ["aws.ec2"]}, {"source": "aws.ec2"}, True),
    ({"source": ["aws.ec2"]}, {"source": "aws.s3"}, False),
    ({"source": ["a", "b"]}, {"source": "b", "other": 1}, True),
    ({"detail": {"state": ["stopped"]}}, {"detail": {"state": "stopped"}}, True),
    ({"detail": {"state": ["stopped"]}}, {"detail": {}}, False),
    ({"detail": {"state": ["stopped"]}}, {"detail": "stopped"}, False),
    ({"a": ["x"], "b": ["y"]}, {"a": "x"}, False),
    ({"n": [100]}, {"n": 100.0}, True),
    ({"n": [1]}, {"n": True}, False),
    ({"n": [True]}, {"n": 1}, False),
    ({"n": [None]}, {"n": None}, True),
    ({"n": [None]}, {}, False),
    ({"n": [""]}, {"n": ""}, True),
    ({"n": ["1"]}, {"n": 1}, False),
    # arrays in the event: one element is enough
    ({"r": ["one"]}, {"r": ["two", "one"]}, True),
    ({"r": ["one"]}, {"r": []}, False),
    # arrays of objects: one and the same element for all fields
    ({"r": {"t": ["x"], "v": [1]}}, {"r": [{"t": "x", "v": 1}]}, True),
    ({"r": {"t": ["x"], "v": [1]}}, {"r": [{"t": "x", "v": 2}, {"t": "y", "v": 1}]}, False),
    ({"r": {"t": ["x"], "v": [1]}}, {"r": [{"t": "y"}, {"t": "x", "v": 1}]}, True),
    # comparisons
    ({"t": [{"prefix": "2017-"}]}, {"t": "2017-10-02"}, True),
    ({"t": [{"prefix": "2017-"}]}, {"t": 2017}, False),
    ({"t": [{"prefix": {"equals-ignore-case": "EVENT"}}]}, {"t": "eventBridge"}, True),
    ({"f": [{"suffix": ".png"}]}, {"f": "a.png"}, True),
    ({"f": [{"suffix": {"equals-ignore-case": ".PNG"}}]}, {"f": "a.png"}, True),
    ({"f": [{"suffix": ".png"}]}, {"f": "png"}, False),
    ({"n": [{"equals-ignore-case": "Alice"}]}, {"n": "aLICE"}, True),
    ({"s": [{"anything-but": "initializing"}]}, {"s": "running"}, True),
    ({"s": [{"anything-but": "initializing"}]}, {"s": "initializing"}, False),
    ({"s": [{"anything-but": "initializing"}]}, {}, False),
    ({"s": [{"anything-but": [1, 2]}]}, {"s": 3}, True),
    ({"s": [{"anything-but": [1, 2]}]}, {"s": 2}, False),
    ({"s": [{"anything-but": {"prefix": "init"}}]}, {"s": "running"}, True),
    ({"s": [{"anything-but": {"prefix": ["init", "run"]}}]}, {"s": "running"}, False),
    ({"s": [{"anything-but": {"suffix": ".txt"}}]}, {"s": "a.txt"}, False),
    ({"s": [{"anything-but": {"equals-ignore-case": ["A", "b"]}}]}, {"s": "B"}, False),
    ({"s": [{"anything-but": {"wildcard": "*/lib/*"}}]}, {"s": "a/lib/b"}, False),
    ({"s": [{"anything-but": {"wildcard": "*/lib/*"}}]}, {"s": "a/bin/b"}, True),
    ({"p": [{"numeric": ["=", 3.018e2]}]}, {"p": 301.8}, True),
    ({"p": [{"numeric": [">", 0, "<=", 5]}]}, {"p": 5}, True),
    ({"p": [{"numeric": [">", 0, "<=", 5]}]}, {"p": 0}, False),
    ({"p": [{"numeric": ["<", 10]}]}, {"p": "5"}, False),
    ({"i": [{"cidr": "10.0.0.0/24"}]}, {"i": "10.0.0.255"}, True),
    ({"i": [{"cidr": "10.0.0.0/24"}]}, {"i": "10.0.1.0"}, False),
    ({"i": [{"cidr": "2001:db8::/32"}]}, {"i": "2001:db8::1"}, True),
    ({"i": [{"cidr": "10.0.0.0/24"}]}, {"i": "no address"}, False),
    ({"e": [{"exists": True}]}, {"e": None}, True),
    ({"e": [{"exists": True}]}, {}, False),
    ({"e": [{"exists": True}]}, {"e": {"no": "leaf"}}, False),
    ({"e": [{"exists": False}]}, {}, True),
    ({"e": [{"exists": False}]}, {"e": 1}, False),
    ({"d": {"e": [{"exists": False}]}}, {}, True),
    ({"e": ["x", {"exists": False}]}, {}, True),
    ({"w": [{"wildcard": "dir/*.png"}]}, {"w": "dir/a/b.png"}, True),
    ({"w": [{"wildcard": "dir/*.png"}]}, {"w": "dir/a.jpg"}, False),
    ({"w": [{"wildcard": "a*a"}]}, {"w": "a"}, False),
    ({"w": [{"wildcard": "*b*c*"}]}, {"w": "abcd"}, True),
    ({"w": [{"wildcard": "*b*c*"}]}, {"w": "acbd"}, False),
    ({"w": [{"wildcard": "a\\*b"}]}, {"w": "a*b"}, True),
    ({"w": [{"wildcard": "a\\*b"}]}, {"w": "axb"}, False),
    ({"w": [{"wildcard": "*"}]}, {"w": ""}, True),
    # one of several patterns
    ({"$or": [{"a": [1]}, {"b": [{"numeric": [">", 2]}]}]}, {"b": 3}, True),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"a": 2, "b": 1}, False),
    ({"d": {"$or": [{"a": [1]}, {"b": [2]}], "c": [3]}}, {"d": {"b": 2, "c": 3}}, True),
    ({"d": {"$or": [{"a": [1]}, {"b": [2]}], "c": [3]}}, {"d": {"b": 2}}, False),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), MATCHES)
def test_an_event_matches_a_pattern_or_not(
    pattern: dict[str, Any], event: dict[str, Any], expected: bool
) -> None:
    assert parse_pattern(json.dumps(pattern)).matches(event) is expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not valid JSON"),
        ("[]", "non-empty object"),
        ("{}", "non-empty object"),
        ('{"a": "b"}', "must be an object or an array"),
        ('{"a": []}', "must not be an empty array"),
        ('{"a": {}}', "must not be an empty object"),
        ('{"a": [["b"]]}', "array within an array"),
        ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
        ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false"),
        ('{"a": [{"like": "b"}]}', "Unrecognized match type like"),
        ('{"a": [{"prefix": "b", "suffix": "c"}]}', "Only one key allowed"),
        ('{"a": [{"numeric": [">", "1"]}]}', "must be a number"),
        ('{"a": [{"numeric": ["~", 1]}]}', "Unrecognized numeric range operator"),
        ('{"a": [{"numeric": [">", 5, "<", 1]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": [">", 5, ">", 1]}]}', "lower bound, then an upper one"),
        ('{"a": [{"anything-but": []}]}', "must not be empty"),
        ('{"a": [{"anything-but": ["a", 1]}]}', "all values are number or string"),
        ('{"a": [{"anything-but": {"numeric": [">", 1]}}]}', "Unsupported anything-but"),
        ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters at pos 1"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character"),
        ('{"a": [{"cidr": "10.0.0"}]}', "Malformed CIDR"),
        ('{"a": [1], "a": [2]}', "specified twice"),
        ("[" * 100_000, "pattern"),
        ('{"a":' * 500 + "[1]" + "}" * 500, "nested too deeply"),
    ],
)
def test_what_is_no_pattern_says_why(text: str, why: str) -> None:
    with pytest.raises(PatternError, match=why.replace("[", "\\[")):
        parse_pattern(text)


LEAVES = st.one_of(st.text(max_size=5), st.integers(-9, 9), st.booleans(), st.none())
EVENTS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        LEAVES,
        lambda below: st.one_of(
            st.lists(below, max_size=3), st.dictionaries(st.sampled_from("abc"), below, max_size=2)
        ),
        max_leaves=8,
    ),
    min_size=1,
    max_size=3,
)


@given(EVENTS)
def test_any_event_is_answered_and_a_pattern_made_of_its_own_leaves_matches_it(
    event: dict[str, Any],
) -> None:
    pattern = {
        name: [value] for name, value in event.items() if not isinstance(value, (dict, list))
    }
    if pattern:
        assert compile_pattern(pattern).matches(event)
    assert compile_pattern({"a": {"b": [{"exists": True}]}}).matches(event) in (True, False)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_wildcard_is_what_the_shell_would_say(pattern: str, text: str) -> None:
    import fnmatch

    if "**" in pattern:
        return
    found = compile_pattern({"x": [{"wildcard": pattern}]}).matches({"x": text})
    assert found == fnmatch.fnmatchcase(text, pattern)
