"""Patterns with `*`, `?` and policy variables, matched without backtracking.

A pattern is cut at its stars; each piece is looked for at the leftmost place behind the one before,
which finds a match whenever there is one. So the time is bounded by text times pattern, however the
stars are set. What a variable stands for is text: a star in it is a star, not a wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from lambent.policy.principal import ContextValue

Facts = Mapping[str, ContextValue]


class Wild(Enum):
    """What a wildcard stands for."""

    ONE = "?"
    MANY = "*"


@dataclass(frozen=True, slots=True)
class Variable:
    """`${aws:username}` or `${aws:username, 'nobody'}`."""

    key: str
    """In lower case."""
    default: str | None


Part = str | Wild | Variable
Fixed = str | Wild
"""A part of a pattern whose variables are filled in."""

_TOKEN = re.compile(r"\$\{([^{}]*)\}|[*?]")
_DEFAULT = re.compile(r"\s*,\s*'(.*)'\s*\Z", re.DOTALL)
_LITERAL = {"*", "?", "$"}  # ${*}, ${?}, ${$}


def parse_parts(text: str, *, variables: bool, wildcards: bool = True) -> tuple[Part, ...]:
    """The parts of a pattern; variables only where the policy's version has them (2012-10-17)."""
    parts: list[Part] = []
    end = 0
    for token in _TOKEN.finditer(text):
        found = _parse_token(token, variables=variables, wildcards=wildcards)
        if found is None:
            continue
        if token.start() > end:
            parts.append(text[end : token.start()])
        parts.append(found)
        end = token.end()
    if end < len(text):
        parts.append(text[end:])
    return tuple(parts)


def _parse_token(token: re.Match[str], *, variables: bool, wildcards: bool) -> Part | None:
    """None: the text stands for itself."""
    inner = token[1]
    if inner is None:
        return Wild(token[0]) if wildcards else None
    if not variables:  # in a policy of 2008 it is text
        return None
    if inner in _LITERAL:
        return str(inner)
    key, _, _ = inner.partition(",")
    given = _DEFAULT.search(inner)
    return Variable(key=key.strip().lower(), default=given[1] if given else None)


def fill_in(parts: Sequence[Part], facts: Facts) -> tuple[Fixed, ...] | None:
    """The parts with their variables' values; None where one has none (or more than one)."""
    filled: list[Fixed] = []
    for part in parts:
        if isinstance(part, Variable):
            value = facts.get(part.key, part.default)
            if not isinstance(value, str):
                return None
            filled.append(value)
        else:
            filled.append(part)
    return tuple(filled)


class Glob:
    """A pattern without variables, ready to match."""

    __slots__ = ("_pieces",)

    def __init__(self, parts: Sequence[Fixed], *, ignore_case: bool = False) -> None:
        pieces: list[list[Fixed]] = [[]]
        for part in parts:
            if part is Wild.MANY:
                pieces.append([])
            else:
                low = part.lower() if ignore_case and isinstance(part, str) else part
                pieces[-1].append(low)
        self._pieces = tuple(_Piece(piece) for piece in pieces)

    def matches(self, text: str) -> bool:
        """Whether the whole text fits; lower-cased by the caller where case does not count."""
        first, last = self._pieces[0], self._pieces[-1]
        if len(self._pieces) == 1:
            return first.length == len(text) and first.is_at(text, 0)
        end = len(text) - last.length
        if end < first.length or not first.is_at(text, 0) or not last.is_at(text, end):
            return False
        at = first.length
        for piece in self._pieces[1:-1]:
            at = piece.find(text, at, end)
            if at < 0:
                return False
            at += piece.length
        return True


class _Piece:
    """What stands between two stars: of fixed length."""

    __slots__ = ("_expression", "_text", "length")

    def __init__(self, parts: Sequence[Fixed]) -> None:
        self._expression: re.Pattern[str] | None = None
        self._text = "".join(part for part in parts if isinstance(part, str))
        self.length = len(self._text) + sum(part is Wild.ONE for part in parts)
        if self.length > len(self._text):
            self._expression = re.compile(
                "".join(re.escape(part) if isinstance(part, str) else "." for part in parts),
                re.DOTALL,
            )

    def is_at(self, text: str, at: int) -> bool:
        if self._expression is None:
            return text.startswith(self._text, at)
        return self._expression.match(text, at) is not None

    def find(self, text: str, start: int, end: int) -> int:
        """The leftmost place in `text[start:end]`, or -1."""
        if self._expression is None:
            return text.find(self._text, start, end)
        found = self._expression.search(text, start, end)
        return -1 if found is None else found.start()


class Pattern:
    """A pattern of a policy: compiled once where it has no variables."""

    __slots__ = ("_glob", "_ignore_case", "_parts", "text")

    def __init__(self, text: str, *, variables: bool = False, ignore_case: bool = False) -> None:
        self.text = text
        self._ignore_case = ignore_case
        self._parts = parse_parts(text, variables=variables)
        fixed = [part for part in self._parts if not isinstance(part, Variable)]
        self._glob = (
            Glob(fixed, ignore_case=ignore_case) if len(fixed) == len(self._parts) else None
        )

    def matches(self, text: str, facts: Facts | None = None) -> bool:
        """False also where a variable has no value."""
        return bool(self.resolves(text, facts))

    def resolves(self, text: str, facts: Facts | None = None) -> bool | None:
        """Like `matches`, but None where a variable has no value."""
        glob = self._glob
        if glob is None:
            filled = fill_in(self._parts, facts or {})
            if filled is None:
                return None
            glob = Glob(filled, ignore_case=self._ignore_case)
        return glob.matches(text.lower() if self._ignore_case else text)
