"""Event patterns: compiled once, then asked of every event. EventBridge rules, the filter criteria
of event source mappings and the filter policies of SNS subscriptions are written in it.

A pattern is a JSON object like the event. At its leaves are arrays of what may stand there: values,
or comparisons such as {"prefix": "a"}. All fields of a pattern must match; of an array in the
event one element is enough, and where its elements are objects, one and the same for all fields
below. `$or` holds patterns of which one is enough.

Source: EventBridge User Guide, "Creating event patterns" and "Comparison operators for use in event
patterns"; the README of the open-source event-ruler for arrays of objects and for what is no leaf.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NESTING_MAX = 100
ALTERNATIVES_MAX = 10_000
"""[own] In one pattern, all leaves together."""

Matches = Callable[[Any], bool]

_MISSING = object()


class PatternError(ValueError):
    """A pattern that is none; the text says why."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """The alternatives for one field."""

    tests: tuple[Matches, ...]
    absent: bool
    """Whether a missing field matches as well."""

    def matches(self, value: Any) -> bool:
        if value is _MISSING:
            return self.absent
        if isinstance(value, list):
            return any(self.matches(one) for one in value)
        if isinstance(value, dict):
            return False  # no leaf
        return any(test(value) for test in self.tests)


@dataclass(frozen=True, slots=True)
class _Fields:
    """All of these, and one of each group of `either`."""

    fields: tuple[tuple[str, _Fields | _Leaf], ...]
    either: tuple[tuple[_Fields, ...], ...]

    def matches(self, value: Any) -> bool:
        if isinstance(value, list):
            return any(self.matches(one) for one in value)
        given = value if isinstance(value, dict) else {}
        return all(below.matches(given.get(name, _MISSING)) for name, below in self.fields) and all(
            any(one.matches(given) for one in group) for group in self.either
        )


@dataclass(frozen=True, slots=True)
class EventPattern:
    """A compiled pattern."""

    _root: _Fields

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether `event` (parsed JSON) is what the pattern describes."""
        return self._root.matches(event)


def parse_pattern(text: str) -> EventPattern:
    """Compile a pattern from its JSON. Raises PatternError."""
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise PatternError("Event pattern is nested too deeply") from None
    except ValueError as error:
        raise PatternError(f"Event pattern is not valid JSON: {error}") from None
    return compile_pattern(value)


def compile_pattern(value: Any) -> EventPattern:
    """Compile a pattern from parsed JSON. Raises PatternError."""
    if not isinstance(value, dict) or not value:
        raise PatternError("Event pattern must be a non-empty object")
    return EventPattern(_Compiler().fields(value, 0))


class _Compiler:
    def __init__(self) -> None:
        self._alternatives = 0

    def fields(self, value: Mapping[str, Any], depth: int) -> _Fields:
        if depth > NESTING_MAX:
            raise PatternError("Event pattern is nested too deeply")
        fields: list[tuple[str, _Fields | _Leaf]] = []
        either: list[tuple[_Fields, ...]] = []
        for name, below in value.items():
            if name == "$or" and _is_or(below):
                either.append(tuple(self.fields(one, depth + 1) for one in below))
            elif isinstance(below, dict):
                if not below:
                    raise PatternError(f'"{name}" must not be an empty object')
                fields.append((name, self.fields(below, depth + 1)))
            elif isinstance(below, list):
                fields.append((name, self._leaf(name, below)))
            else:
                raise PatternError(f'"{name}" must be an object or an array')
        return _Fields(tuple(fields), tuple(either))

    def _leaf(self, name: str, alternatives: Sequence[Any]) -> _Leaf:
        if not alternatives:
            raise PatternError(f'"{name}" must not be an empty array')
        self._alternatives += len(alternatives)
        if self._alternatives > ALTERNATIVES_MAX:
            raise PatternError("Event pattern has too many alternatives")
        tests: list[Matches] = []
        absent = False
        for one in alternatives:
            if isinstance(one, dict):
                operator, operand = _only(one)
                if operator == "exists":
                    if not isinstance(operand, bool):
                        raise PatternError("exists match pattern must be either true or false")
                    if operand:
                        tests.append(_anything)
                    else:
                        absent = True
                else:
                    tests.append(_comparison(operator, operand))
            elif isinstance(one, list):
                raise PatternError(f'"{name}": an array within an array matches nothing')
            else:
                tests.append(_equals(one))
        return _Leaf(tuple(tests), absent)


def _is_or(value: Any) -> bool:
    """Else `$or` is an ordinary name."""
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(one, dict) and one and not _is_comparison(one) for one in value)
    )


def _is_comparison(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in _OPERATORS


def _only(value: Mapping[str, Any]) -> tuple[str, Any]:
    if len(value) != 1:
        raise PatternError("Only one key allowed in match expression")
    return next(iter(value.items()))


def _comparison(operator: str, operand: Any) -> Matches:
    make = _OPERATORS.get(operator)
    if make is None:
        raise PatternError(f"Unrecognized match type {operator}")
    return make(operand)


def _anything(_value: Any) -> bool:
    return True


def _equals(wanted: Any) -> Matches:
    if isinstance(wanted, bool) or wanted is None:
        return lambda value: value is wanted
    if isinstance(wanted, (int, float)):
        return lambda value: _is_number(value) and value == wanted
    return lambda value: isinstance(value, str) and value == wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(operator: str, operand: Any) -> str:
    if not isinstance(operand, str):
        raise PatternError(f"{operator} match pattern must be a string")
    return operand


def _caseless(operator: str, operand: Any) -> tuple[str, bool]:
    """(text, whether case is ignored)."""
    if isinstance(operand, dict):
        inner, text = _only(operand)
        if inner != "equals-ignore-case":
            raise PatternError(f"Unsupported anything-but pattern: {inner}")
        return _text(operator, text).casefold(), True
    return _text(operator, operand), False


def _prefix(operand: Any) -> Matches:
    text, ignore = _caseless("prefix", operand)
    if ignore:
        return lambda value: isinstance(value, str) and value.casefold().startswith(text)
    return lambda value: isinstance(value, str) and value.startswith(text)


def _suffix(operand: Any) -> Matches:
    text, ignore = _caseless("suffix", operand)
    if ignore:
        return lambda value: isinstance(value, str) and value.casefold().endswith(text)
    return lambda value: isinstance(value, str) and value.endswith(text)


def _equals_ignore_case(operand: Any) -> Matches:
    text = _text("equals-ignore-case", operand).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == text


def _wildcard(operand: Any) -> Matches:
    """`*` is any number of characters; `\\*` and `\\\\` are themselves."""
    text = _text("wildcard", operand)
    pieces = [""]
    position, last_star = 0, -2
    while position < len(text):
        one = text[position]
        if one == "*":
            if last_star == position - 1:
                raise PatternError(f"Consecutive wildcard characters at pos {last_star}")
            last_star = position
            pieces.append("")
        else:
            if one == "\\":
                position += 1
                if position == len(text) or text[position] not in "*\\":
                    raise PatternError(f"Invalid escape character at pos {position - 1}")
            pieces[-1] += text[position]
        position += 1
    return _in_order(pieces)


def _in_order(pieces: Sequence[str]) -> Matches:
    """The texts between the wildcards, found from left to right: linear, whatever the pattern."""
    first, middle, last = pieces[0], pieces[1:-1], pieces[-1]
    if len(pieces) == 1:
        return lambda value: isinstance(value, str) and value == first

    def matches(value: Any) -> bool:
        if not isinstance(value, str) or len(value) < len(first) + len(last):
            return False
        if not (value.startswith(first) and value.endswith(last)):
            return False
        position, end = len(first), len(value) - len(last)
        for piece in middle:
            found = value.find(piece, position, end)
            if found < 0:
                return False
            position = found + len(piece)
        return True

    return matches


def _cidr(operand: Any) -> Matches:
    text = _text("cidr", operand)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PatternError(f"Malformed CIDR, one '/' required: {text}") from None

    def matches(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return matches


_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _numeric(operand: Any) -> Matches:
    """One comparison, or a lower and then an upper bound."""
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise PatternError("Value of numeric must be an array of one or two comparisons")
    bounds = list(zip(operand[::2], operand[1::2], strict=True))
    for name, bound in bounds:
        if not isinstance(name, str) or name not in _COMPARE:
            raise PatternError(f"Unrecognized numeric range operator: {name}")
        if not _is_number(bound):
            raise PatternError("Value of numeric operator must be a number")
    if len(bounds) == 2:
        (low_name, low), (high_name, high) = bounds
        if not (low_name[0] == ">" and high_name[0] == "<"):
            raise PatternError("A numeric range is a lower bound, then an upper one")
        if low >= high:
            raise PatternError("Bottom must be less than top")
    tests = [(_COMPARE[name], bound) for name, bound in bounds]
    return lambda value: _is_number(value) and all(test(value, bound) for test, bound in tests)


def _anything_but(operand: Any) -> Matches:
    if isinstance(operand, dict):
        operator, inner = _only(operand)
        make = _OPERATORS.get(operator)
        if make is None or operator not in _NEGATABLE:
            raise PatternError(f"Unsupported anything-but pattern: {operator}")
        inners = inner if isinstance(inner, list) else [inner]
        if not inners:
            raise PatternError("Anything-But list must not be empty")
        tests = [make(one) for one in inners]
        return lambda value: not any(test(value) for test in tests)
    values = operand if isinstance(operand, list) else [operand]
    if not values:
        raise PatternError("Anything-But list must not be empty")
    if not all(isinstance(one, str) for one in values) and not all(map(_is_number, values)):
        raise PatternError("Inside anything but list, either all values are number or string")
    wanted = [_equals(one) for one in values]
    return lambda value: not any(test(value) for test in wanted)


_NEGATABLE = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})
_OPERATORS: dict[str, Callable[[Any], Matches]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
    "numeric": _numeric,
    "anything-but": _anything_but,
}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise PatternError("Path is specified twice")
    return found
