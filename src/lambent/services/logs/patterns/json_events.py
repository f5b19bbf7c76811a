"""Patterns over JSON events: `{ ($.user.id = 1) && ($.names[0] = "A*") }`. Pure.

Source: CloudWatch Logs User Guide, "Using filter patterns to match terms in JSON log events".
UNVERIFIED: a comparison with a field that is not there is false, `!=` too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lambent.services.logs.patterns.comparison import (
    OPERATOR,
    REGEX_MAX,
    as_text,
    compile_test,
    read_literal,
)
from lambent.services.logs.patterns.conditions import Condition, ConditionReader
from lambent.services.logs.patterns.errors import InvalidPattern

_SELECTOR = re.compile(r"""\$(?P<path>(?:\.[\w-]+|\.?\['[^']+'\]|\.?\["[^"]+"\]|\[\d{1,6}\])+)""")
_STEP = re.compile(
    r"""\.(?P<name>[\w-]+)|\.?\['(?P<single>[^']+)'\]|\.?\["(?P<double>[^"]+)"\]|\[(?P<index>\d+)\]"""
)
_STATE = re.compile(r"\s*IS\s+(?P<word>NULL|TRUE|FALSE)\b|\s*(?P<absent>NOT\s+EXISTS)\b")
_STATES: Mapping[str, bool | None] = {"NULL": None, "TRUE": True, "FALSE": False}
_MISSING = object()

Path = tuple[str | int, ...]


class JsonPattern:
    """A compiled pattern; an event that is no JSON object does not match. Raises InvalidPattern."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._selectors: dict[str, Path] = {}
        self._regexes = 0
        if not text.endswith("}"):
            raise InvalidPattern("the brace is not closed")
        self._reader: ConditionReader[Any] = ConditionReader(text, self._read_condition)
        self._condition, at = self._reader.read(1)
        if self._reader.skip(at) != len(text) - 1:
            raise InvalidPattern(f"unexpected text at {at}")

    def matches(self, message: str) -> bool:
        event = _parse(message)
        return event is not None and self._condition(event)

    def extract(self, message: str) -> dict[str, str]:
        """The selected fields' values, as TestMetricFilter shows them."""
        event = _parse(message)
        found = {name: _select(event, path) for name, path in self._selectors.items()}
        return {name: as_text(value) for name, value in found.items() if _is_scalar(value)}

    def _read_condition(self, at: int) -> tuple[Condition[Any], int]:
        match = _SELECTOR.match(self._text, at)
        if match is None:
            raise InvalidPattern(f"a selector such as $.field is missing at {at}")
        path = self._selectors[match[0]] = _read_path(match["path"])
        at = match.end()
        if state := _STATE.match(self._text, at):
            if state["absent"]:
                return (lambda event: _select(event, path) is _MISSING), state.end()
            wanted = _STATES[state["word"]]
            return (lambda event: _select(event, path) is wanted), state.end()
        operator = OPERATOR.match(self._text, self._reader.skip(at))
        if operator is None:
            raise InvalidPattern(f"an operator is missing at {at}")
        literal, end = read_literal(self._text, operator.end())
        self._regexes += literal.regex is not None
        if self._regexes > REGEX_MAX:
            raise InvalidPattern(f"at most {REGEX_MAX} regular expressions")
        test = compile_test(operator[0], literal)

        def compare(event: Any) -> bool:
            value = _select(event, path)
            return _is_scalar(value) and test(value)

        return compare, end


def _read_path(text: str) -> Path:
    return tuple(
        int(step["index"])
        if step["index"] is not None
        else step["name"] or step["single"] or step["double"]
        for step in _STEP.finditer(text)
    )


def _select(event: Any, path: Path) -> Any:
    value = event
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return _MISSING
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return _MISSING
    return value


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _parse(message: str) -> dict[str, Any] | None:
    if not message.lstrip().startswith("{"):
        return None
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
