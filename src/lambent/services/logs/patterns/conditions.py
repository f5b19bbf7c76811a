"""Conditions joined by `&&` and `||`, with parentheses, in one reading. Pure.

The JSON and the space-delimited patterns share this grammar; they differ in what a condition is.
`&&` binds stronger than `||` (CloudWatch Logs User Guide, "Compound expressions").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from lambent.services.logs.patterns.errors import InvalidPattern

Subject = TypeVar("Subject")
Condition = Callable[[Subject], bool]

DEPTH_MAX = 20
CONDITIONS_MAX = 100
"""[own] The pattern's 1,024 characters bound both anyway."""


class ConditionReader(Generic[Subject]):
    """Reads conditions from `text`; `read_one(at)` reads what stands without `&&`, `||` and `(`."""

    def __init__(
        self, text: str, read_one: Callable[[int], tuple[Condition[Subject], int]]
    ) -> None:
        self._text = text
        self._read_one = read_one
        self._count = 0

    def read(self, at: int, depth: int = 0) -> tuple[Condition[Subject], int]:
        """Alternatives from that place, and where they end. Raises InvalidPattern."""
        if depth > DEPTH_MAX:
            raise InvalidPattern("too many parentheses")
        condition, at = self._read_joined(at, depth)
        alternatives = [condition]
        while self._text.startswith("||", at := self.skip(at)):
            condition, at = self._read_joined(at + 2, depth)
            alternatives.append(condition)
        if len(alternatives) == 1:
            return alternatives[0], at
        return (lambda subject: any(test(subject) for test in alternatives)), at

    def _read_joined(self, at: int, depth: int) -> tuple[Condition[Subject], int]:
        condition, at = self._read_part(at, depth)
        joined = [condition]
        while self._text.startswith("&&", at := self.skip(at)):
            condition, at = self._read_part(at + 2, depth)
            joined.append(condition)
        if len(joined) == 1:
            return joined[0], at
        return (lambda subject: all(test(subject) for test in joined)), at

    def _read_part(self, at: int, depth: int) -> tuple[Condition[Subject], int]:
        at = self.skip(at)
        if not self._text.startswith("(", at):
            self._count += 1
            if self._count > CONDITIONS_MAX:
                raise InvalidPattern("too many conditions")
            return self._read_one(at)
        condition, at = self.read(at + 1, depth + 1)
        at = self.skip(at)
        if not self._text.startswith(")", at):
            raise InvalidPattern("a parenthesis is not closed")
        return condition, at + 1

    def skip(self, at: int) -> int:
        """Beyond white space."""
        while at < len(self._text) and self._text[at].isspace():
            at += 1
        return at
