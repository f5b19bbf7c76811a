"""Patterns over space-delimited events: `[ip, ..., status = 4*, bytes > 1000]`. Pure.

Source: CloudWatch Logs User Guide, "Using filter patterns to match terms in space-delimited log
events": what stands in brackets or in quotes is one field, `...` any number of fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lambent.services.logs.patterns.comparison import (
    OPERATOR,
    REGEX_MAX,
    compile_test,
    read_literal,
)
from lambent.services.logs.patterns.conditions import Condition, ConditionReader
from lambent.services.logs.patterns.errors import InvalidPattern

_FIELD = re.compile(r'\[(?P<bracketed>[^\]]*)\]|"(?P<quoted>[^"]*)"|(?P<bare>\S+)')
_NAME = re.compile(r"[\w-]+")
_ELLIPSIS = "..."
FIELDS_MAX = 100
"""[own]"""


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    test: Condition[str] | None


class DelimitedPattern:
    """A compiled pattern. Raises InvalidPattern."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._regexes = 0
        self._name = ""
        self._before: list[_Column] = []
        self._after: list[_Column] | None = None  # of an ellipsis, where there is one
        self._reader: ConditionReader[str] = ConditionReader(text, self._read_condition)
        if not text.endswith("]"):
            raise InvalidPattern("the bracket is not closed")
        self._read_columns()

    def matches(self, message: str) -> bool:
        return self._columns_of(split_fields(message)) is not None

    def extract(self, message: str) -> dict[str, str]:
        """The fields by name, as TestMetricFilter shows them; unnamed ones by their number."""
        columns = self._columns_of(split_fields(message)) or []
        return {
            f"${column.name or number}": value
            for number, (column, value) in enumerate(columns, start=1)
        }

    def _columns_of(self, fields: Sequence[str]) -> list[tuple[_Column, str]] | None:
        """Columns with their values; None where the event does not match."""
        after = self._after or []
        least = len(self._before) + len(after)
        if len(fields) < least or (self._after is None and len(fields) != least):
            return None
        skipped = [_Column("", None)] * (len(fields) - least)
        columns = [*self._before, *skipped, *after]
        pairs = list(zip(columns, fields, strict=True))
        return pairs if all(c.test is None or c.test(value) for c, value in pairs) else None

    def _read_columns(self) -> None:
        at, end = 1, len(self._text) - 1
        count = 0
        while True:
            at = self._reader.skip(at)
            if self._text.startswith(_ELLIPSIS, at):
                if self._after is not None:
                    raise InvalidPattern("more than one ellipsis")
                self._after = []
                at = self._reader.skip(at + len(_ELLIPSIS))
            else:
                column, at = self._read_column(at, end)
                (self._before if self._after is None else self._after).append(column)
            count += 1
            if count > FIELDS_MAX:
                raise InvalidPattern(f"more than {FIELDS_MAX} fields")
            if at == end:
                return
            if self._text[at] != ",":
                raise InvalidPattern(f"unexpected text at {at}")
            at += 1

    def _read_column(self, at: int, end: int) -> tuple[_Column, int]:
        """A name alone, conditions on a name, or nothing."""
        self._name = ""
        if at == end or self._text[at] == ",":
            return _Column("", None), at
        if match := _NAME.match(self._text, at):
            after = self._reader.skip(match.end())
            if after == end or self._text[after] == ",":
                return _Column(match[0], None), after
        test, at = self._reader.read(at)
        return _Column(self._name, test), self._reader.skip(at)

    def _read_condition(self, at: int) -> tuple[Condition[str], int]:
        match = _NAME.match(self._text, at)
        if match is None:
            raise InvalidPattern(f"a field's name is missing at {at}")
        if self._name not in ("", match[0]):
            raise InvalidPattern(f"{match[0]} is not {self._name}, which the field is called")
        self._name = match[0]
        operator = OPERATOR.match(self._text, self._reader.skip(match.end()))
        if operator is None:
            raise InvalidPattern(f"an operator is missing at {match.end()}")
        literal, end = read_literal(self._text, operator.end())
        self._regexes += literal.regex is not None
        if self._regexes > REGEX_MAX:
            raise InvalidPattern(f"at most {REGEX_MAX} regular expressions")
        return compile_test(operator[0], literal), end


def split_fields(message: str) -> list[str]:
    """The event's fields."""
    return [
        next(part for part in match.group("bracketed", "quoted", "bare") if part is not None)
        for match in _FIELD.finditer(message)
    ]
