"""The regular expressions of filter patterns. Source: CloudWatch Logs User Guide, regex syntax."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.logs.patterns.regex import InvalidRegex, Regex


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("colou?r", "the color red", True),
        ("colou?r", "the colr", False),
        ("^abc", "abcdef", True),
        ("^abc", "xabc", False),
        ("abc$", "xabc", True),
        ("abc$", "abcx", False),
        ("^$", "", True),
        ("^$", "x", False),
        ("gray|grey", "a grey cat", True),
        ("^a|b$", "xb", True),
        (r"10\.10\.0\.1", "from 10.10.0.1 to", True),
        (r"10\.10\.0\.1", "from 10x10x0x1 to", False),
        (r"\d{3}-\d{2,4}", "call 555-1234", True),
        (r"^\d{3}$", "1234", False),
        (r"^a{2,}$", "aaaa", True),
        (r"^a{2,}$", "a", False),
        ("[^0-9]x", "1x", False),
        ("[^0-9]x", "ax", True),
        (r"[\d_]+z", "1_2z", True),
        ("a.c", "a\nc", False),
        (r"\x41", "A", True),
        ("", "anything", True),
    ],
)
def test_expression_matches_as_documented(pattern: str, text: str, matches: bool) -> None:
    """Source: as above."""
    assert Regex(pattern).search(text) is matches


@pytest.mark.parametrize(
    "pattern", ["(a)", "a b", "a!", "a{2", "a{3,1}", "[abc", "*a", r"\q", r"\xZZ", "a$b", "a{999}"]
)
def test_expression_outside_the_syntax_is_refused(pattern: str) -> None:
    """Parentheses, symbols that are not listed, broken braces and brackets."""
    with pytest.raises(InvalidRegex):
        Regex(pattern)


_ATOM = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "1"])
_QUANTIFIER = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{2,}"])
_ALTERNATIVE = st.builds(
    lambda start, parts, end: start + "".join(a + q for a, q in parts) + end,
    st.sampled_from(["", "^"]),
    st.lists(st.tuples(_ATOM, _QUANTIFIER), max_size=4),
    st.sampled_from(["", "$"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_ALTERNATIVE, min_size=1, max_size=3).map("|".join), st.text("ab1\nc", max_size=8))
def test_expression_agrees_with_the_standard_library(pattern: str, text: str) -> None:
    r"""On the common subset; `$` is the very end here, which `re` calls \Z."""
    expected = re.search(pattern.replace("$", r"\Z"), text) is not None
    assert Regex(pattern).search(text) is expected


def test_expression_that_backtracks_elsewhere_is_linear_here() -> None:
    """`re` needs time cubic in the text for this one."""
    assert Regex("a*a*a*a*a*a*b").search("a" * 100_000) is False
