"""Java's patterns in Python: what each must take and refuse."""

from __future__ import annotations

import re
import warnings

import pytest

from lambent.wire.model import load_service
from lambent.wire.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "taken", "refused"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", ["", "Grüße 1", "日本語", "\u00a0²"], ["a,b", "#"]),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$", ["é-x"], ["", "a;"]),
        (r"\p{Alpha}+", ["abc"], ["a1", "é"]),
        (r"[\p{Print}]+", ["a b"], ["é"]),
        (r"\w+", ["a_1"], ["é", "²"]),
        (r"\d{1}", ["7"], ["٣"]),
        (r"[\w-_]*", ["a-b_c"], ["é"]),
        (r"[a-zA-Z0-9-_]+", ["a-b_c"], ["a.b"]),
        (r"[-a]+", ["-a"], ["b"]),
        (r"[a-]+", ["-a"], ["b"]),
        (r"[^a-c\s]+", ["xyz"], ["abc", "x y"]),
        (r"[\s\S]*", ["any\nthing \u00a0"], []),
        (r".*", ["line", "\t"], ["a\nb", "a\u2028b"]),
        (r"\S+", ["abc"], ["a b"]),
        (r"(?<year>\d{4})", ["2026"], ["x"]),
        (r"a(?<!b)c", ["ac"], ["bc"]),
        (r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)", ["a1"], ["12"]),
        (r"[\u0020-\uD7FF\uD800\uDC00-\uDBFF\uDFFF]*", ["a\U0001f600"], ["\x00"]),
        (r"\u002F[\u0021-\u007F]*", ["/a"], ["a"]),
        (r"$|kafka://.*", ["", "kafka://x"], ["x"]),
        (r"abc\z", ["abc"], ["abcd"]),
        (r"[\[\]]+", ["[]"], ["x"]),
    ],
)  # fmt: skip
def test_a_pattern_means_what_it_means_in_java(
    pattern: str, taken: list[str], refused: list[str]
) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is not None
    for text in taken:
        assert compiled.fullmatch(text), text
    for text in refused:
        assert not compiled.fullmatch(text), text


@pytest.mark.parametrize(
    "pattern", ["[a-z&&[^b]]", "(", "[", "\\", "a{2}{3}", r"\Qx\E", "[\\", r"\p{L", "a(?i)b", "(?<"]
)
def test_what_python_cannot_say_is_not_checked(pattern: str) -> None:
    assert compile_pattern(pattern) is None


@pytest.mark.timeout(60)  # a pattern that explodes would not end in hours
@pytest.mark.parametrize("name", ["lambda", "logs", "sts", "iam"])
def test_every_pattern_of_the_services_in_use_is_checked_and_does_not_explode(name: str) -> None:
    """The longest text that may reach it, of the kinds that make a bad pattern explode."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shape in load_service(name)._model.values():
            if "pattern" not in shape:
                continue
            compiled = compile_pattern(shape["pattern"])
            assert isinstance(compiled, re.Pattern), shape["pattern"]
            length = min(shape.get("max", 4_096), 4_096)
            for unit in ("a", "0", "a.", "a-", "/a", "arn:", "\u00e9", "[", " "):
                compiled.fullmatch((unit * length)[:length] + "\n!")
