"""The constraints that a model states, checked at once, told in AWS's words.

Sources of the wording are in tests/unit/wire/test_validation.py. What is known of the form:
- one value may break several constraints: a clause each, the pattern before the length;
- what a list or map holds is told once for the whole list or map, with all of the constraints of
  its members: the maximum, the minimum, then the pattern or enumeration; keys before values;
- a sensitive value is not shown;
- Lambda (not EventBridge, ACM or DynamoDB) ends the constraints of members with `Member must not
  be null`, though not for environment variables, whose map is sensitive.
The order of clauses of different members is AWS's hash order and cannot be known: here it is the
model's, and so is the order of an enumeration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from lambent.wire.message import WireError
from lambent.wire.model import Service, Shape
from lambent.wire.patterns import compile_pattern
from lambent.wire.timestamps import format_timestamp

CLAUSES_MAX = 100
"""[own] Clauses of one answer; a request can hold millions of broken values."""
SHOWN_CHARS_MAX = 4_096
"""[own] How much of a broken value is shown."""
MATCHED_CHARS_MAX = 4_096
"""[own] Text longer than this and longer than its maximum is not held against its pattern."""

_NOT_NULL = "Member must not be null"
_NUMBERS = frozenset(("byte", "short", "integer", "long", "float", "double"))
_CONTAINERS = frozenset(("structure", "list", "map"))
_CODES = {"logs": "InvalidParameterException"}  # unverified
_NOT_NULL_TOLD = frozenset(("lambda",))


def validate(service: Service, shape: Shape, value: Mapping[str, Any]) -> None:
    """Hold the parameters of an operation against its input shape.

    Raises WireError with every violation in one message.
    """
    findings = _Findings(tells_not_null=service.name in _NOT_NULL_TOLD)
    try:
        _check_structure(shape, value, "", findings)
    except _Enough:
        pass
    clauses = findings.clauses
    if clauses:
        noun = "error" if len(clauses) == 1 else "errors"
        code = "ValidationError" if service.protocol == "query" else "ValidationException"
        raise WireError(
            _CODES.get(service.name, code),
            f"{len(clauses)} validation {noun} detected: " + "; ".join(clauses),
        )


class _Enough(Exception):
    """CLAUSES_MAX is reached."""


class _Findings:
    __slots__ = ("clauses", "tells_not_null")

    def __init__(self, *, tells_not_null: bool) -> None:
        self.clauses: list[str] = []
        self.tells_not_null = tells_not_null

    def add(self, shape: Shape, value: Any, path: str, constraint: str) -> None:
        if value is None:
            shown = " null"
        elif shape.sensitive:
            shown = ""
        else:
            shown = f" '{show(shape, value)}'"
        self.clauses.append(f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}")
        if len(self.clauses) >= CLAUSES_MAX:
            raise _Enough


class _Rule:
    """The constraints of one shape, made once, when it is first checked."""

    __slots__ = (
        "constraints",
        "enum",
        "high",
        "low",
        "matched_chars",
        "members",
        "pattern",
        "text",
    )

    def __init__(self, shape: Shape) -> None:
        traits = shape.traits
        self.low: float | None = traits.get("min")
        self.high: float | None = traits.get("max")
        self.enum: frozenset[str] | None = None
        if "enum" in traits:
            self.enum = frozenset(traits["enum"]) | OWN_VALUES.get(shape.name, frozenset())
        self.pattern: re.Pattern[str] | None = None
        if "pattern" in traits and shape.kind == "string":
            self.pattern = compile_pattern(traits["pattern"])
        self.matched_chars = max(MATCHED_CHARS_MAX, int(self.high or 0))
        self.text = _texts(shape)
        self.constraints = [
            self.text[name] for name in ("high", "low", "pattern", "enum") if name in self.text
        ]
        self.members: tuple[tuple[str, str, Shape, bool, bool], ...] = ()
        if shape.kind == "structure":
            self.members = tuple(_member_rules(shape))

    def broken(self, shape: Shape, value: Any) -> tuple[str, ...]:
        """The constraints that `value` itself breaks, what it holds left aside."""
        kind = shape.kind
        if kind == "boolean" or kind == "timestamp" or kind == "structure":
            return ()
        size = value if kind in _NUMBERS else len(value)
        names: tuple[str, ...] = ()
        if self.pattern is not None and not self._matches(value):
            names = ("pattern",)
        if self.enum is not None and value not in self.enum:
            names = (*names, "enum")
        if self.low is not None and size < self.low:
            names = (*names, "low")
        if self.high is not None and size > self.high:
            names = (*names, "high")
        return names

    def _matches(self, text: str) -> bool:
        assert self.pattern is not None
        if len(text) > self.matched_chars:
            # Over its maximum the length is told; without one, text of that size is refused.
            return self.high is not None
        return self.pattern.fullmatch(text) is not None


def _member_rules(shape: Shape) -> Iterator[tuple[str, str, Shape, bool, bool]]:
    """Name, name in paths, shape, whether it is required, whether there is anything to check."""
    required = frozenset(shape.traits.get("required", ()))
    for name, member in shape.members.items():
        must_check = member.kind in _CONTAINERS or not _CONSTRAINTS.isdisjoint(member.traits)
        if (must_check or name in required) and not member.is_event_stream:
            yield name, name[0].lower() + name[1:], member, name in required, must_check


OWN_VALUES: Mapping[str, frozenset[str]] = {"Runtime": frozenset({"ruby3.1"})}
"""[own] By shape: what is taken although AWS's model lacks it (Debian 12's own Ruby)."""
_CONSTRAINTS = frozenset(("min", "max", "pattern", "enum"))


def _texts(shape: Shape) -> dict[str, str]:
    traits, texts = shape.traits, {}
    if shape.kind in _NUMBERS:
        measure, as_number = "value", float if shape.kind in ("float", "double") else int
    else:
        measure, as_number = "length", int
    if "max" in traits:
        texts["high"] = (
            f"Member must have {measure} less than or equal to {as_number(traits['max'])}"
        )
    if "min" in traits:
        texts["low"] = (
            f"Member must have {measure} greater than or equal to {as_number(traits['min'])}"
        )
    if "pattern" in traits:
        texts["pattern"] = f"Member must satisfy regular expression pattern: {traits['pattern']}"
    if "enum" in traits:
        texts["enum"] = f"Member must satisfy enum value set: [{', '.join(traits['enum'])}]"
    return texts


def _rule(shape: Shape) -> _Rule:
    rule: _Rule | None = shape.rule
    if rule is None:
        rule = shape.rule = _Rule(shape)
    return rule


def _check_structure(shape: Shape, value: Any, prefix: str, findings: _Findings) -> None:
    if "document" in shape.traits:
        return
    for name, path, member, is_required, must_check in _rule(shape).members:
        item = value.get(name)
        if item is None:
            if is_required:
                findings.add(member, None, prefix + path, _NOT_NULL)
        elif must_check:
            rule = _rule(member)
            for broken in rule.broken(member, item):
                findings.add(member, item, prefix + path, rule.text[broken])
            if member.kind in _CONTAINERS:
                _check_inside(member, item, prefix + path, findings)


def _check_inside(shape: Shape, value: Any, path: str, findings: _Findings) -> None:
    """What a structure, list or map holds."""
    if shape.kind == "structure":
        _check_structure(shape, value, path + ".", findings)
    elif shape.kind == "list":
        member = shape.member
        _check_all(shape, value, value, member, path, "Member", findings)
        if member.kind in _CONTAINERS:
            for index, item in enumerate(value, start=1):
                if item is not None:
                    _check_inside(member, item, f"{path}.{index}.member", findings)
    elif shape.kind == "map":
        _check_all(shape, value, value, shape.key, path, "Map keys", findings)
        _check_all(shape, value, value.values(), shape.value, path, "Map value", findings)
        if shape.value.kind in _CONTAINERS:
            for key, item in value.items():
                if item is not None:
                    _check_inside(shape.value, item, f"{path}.{key[:128]}.member", findings)


def _check_all(
    shape: Shape,
    value: Any,
    items: Iterable[Any],
    member: Shape,
    path: str,
    subject: str,
    findings: _Findings,
) -> None:
    """Each of `items` against `member`; one clause for all, at `path`, about `value`."""
    rule = _rule(member)
    has_null = False
    for item in items:
        if item is None:
            has_null = True
            break
        if rule.constraints and rule.broken(member, item):
            break
    else:
        return
    constraints = rule.constraints
    if has_null or (findings.tells_not_null and not shape.sensitive):
        constraints = [*constraints, _NOT_NULL]
    findings.add(
        shape, value, path, f"{subject} must satisfy constraint: [{', '.join(constraints)}]"
    )


def show(shape: Shape, value: Any) -> str:
    """`value` as Java prints it, cut to SHOWN_CHARS_MAX."""
    parts: list[str] = []
    left = SHOWN_CHARS_MAX
    for part in _pieces(shape, value):
        parts.append(part[:left])
        left -= len(part)
        if left <= 0:
            break
    return "".join(parts)


def _pieces(shape: Shape, value: Any) -> Iterator[str]:
    kind = shape.kind
    if value is None:
        yield "null"
    elif shape.sensitive:
        yield "***Sensitive Data Redacted***"  # unverified text
    elif kind == "list":
        yield "["
        for index, item in enumerate(value):
            yield ", " if index else ""
            yield from _pieces(shape.member, item)
        yield "]"
    elif kind == "map":
        yield "{"
        for index, (key, item) in enumerate(value.items()):
            yield f"{', ' if index else ''}{key}="
            yield from _pieces(shape.value, item)
        yield "}"
    elif kind == "structure":
        yield f"{shape.name}("
        for index, (name, member) in enumerate(shape.members.items()):
            yield f"{', ' if index else ''}{name[0].lower()}{name[1:]}="
            yield from _pieces(member, value.get(name))
        yield ")"
    else:
        yield _show_scalar(value)


def _show_scalar(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case bytes():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case datetime():
            return str(format_timestamp(value, "iso8601"))
        case _:
            return str(value)
