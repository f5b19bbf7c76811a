"""What a selected value of a log event is compared with: text with wildcards, numbers, regex. Pure.

Source: CloudWatch Logs User Guide, "Filter pattern syntax" (JSON and space-delimited log events).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lambent.services.logs.patterns.errors import InvalidPattern
from lambent.services.logs.patterns.regex import InvalidRegex, Regex

Value = str | int | float | bool | None
Test = Callable[[Value], bool]

OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
LITERAL = re.compile(
    r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]*)%|(?P<bare>[^\s,&|(){}\[\]"]+))'
)
REGEX_MAX = 2
"""Regular expressions in one JSON or space-delimited pattern (same page, Quotas)."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Literal:
    """The right side of a comparison."""

    text: str
    quoted: bool = False
    regex: Regex | None = None


def read_literal(text: str, at: int) -> tuple[Literal, int]:
    """The literal at that place and where it ends. Raises InvalidPattern."""
    match = LITERAL.match(text, at)
    if match is None:
        raise InvalidPattern("a value is missing after an operator")
    if match["regex"] is not None:
        try:
            return Literal(match["regex"], regex=Regex(match["regex"])), match.end()
        except InvalidRegex as error:
            raise InvalidPattern(f"invalid regular expression: {error}") from None
    if match["quoted"] is not None:
        return Literal(_ESCAPE.sub(r"\1", match["quoted"]), quoted=True), match.end()
    return Literal(match["bare"]), match.end()


def compile_test(operator: str, literal: Literal) -> Test:
    """Whether a value passes. Raises InvalidPattern where the two do not go together."""
    if operator in ("=", "!="):
        equal = _compile_equal(literal)
        return equal if operator == "=" else lambda value: not equal(value)
    if literal.regex is not None or literal.quoted:
        raise InvalidPattern(f"{operator} compares numbers")
    bound = parse_number(literal.text)
    if bound is None:
        raise InvalidPattern(f"{operator} compares numbers")
    return _compile_order(operator, bound)


def parse_number(text: str) -> float | None:
    """Integer, decimal or scientific; None for anything else."""
    return float(text) if len(text) <= 64 and _NUMBER.fullmatch(text) else None


def as_text(value: Value) -> str:
    """A JSON value as it stands in an event."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _compile_equal(literal: Literal) -> Test:
    if literal.regex is not None:
        search = literal.regex.search
        return lambda value: search(as_text(value))
    if "*" in literal.text:
        parts = literal.text.split("*")
        return lambda value: _fits(parts, as_text(value))
    number = None if literal.quoted else parse_number(literal.text)
    text = literal.text
    if number is None:
        return lambda value: as_text(value) == text

    def equal(value: Value) -> bool:
        found = _number_of(value)
        return found == number if found is not None else as_text(value) == text

    return equal


def _compile_order(operator: str, bound: float) -> Test:
    def test(value: Value) -> bool:
        found = _number_of(value)
        if found is None:
            return False
        if operator == "<":
            return found < bound
        if operator == ">":
            return found > bound
        return found <= bound if operator == "<=" else found >= bound

    return test


def _number_of(value: Value) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return parse_number(value)
    return float(value)


def _fits(parts: list[str], text: str) -> bool:
    """Whether the text is the parts with anything between them; linear in both."""
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
