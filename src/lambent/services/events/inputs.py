"""What a target gets of an event: all of it, a constant, a part, or a text made of parts. Pure.

Sources: EventBridge User Guide, "Amazon EventBridge input transformation" (the predefined
variables; dot notation, indices and wildcards); [LS] test_events_inputs.snapshot.json (what is
missing becomes an empty string; a value within quotes has none of its own). An object within quotes
loses its own ones, as its "Common issues" say; a string's are kept, escaped, which is unverified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.services.events.model import invalid

_STEP = re.compile(r"\.([\w/-]+)|\[(\d{1,9})\]|(\.\*|\[\*\])|\['([^'\]]+)'\]", re.ASCII)
_QUOTE_OR_ESCAPE = re.compile(r'"|\\.')
_VARIABLE = re.compile(r"<([A-Za-z0-9_.-]+)>", re.ASCII)
PREDEFINED = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)
_MISSING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """An event that a rule is triggered by."""

    event: Mapping[str, Any]
    text: str
    """The event as JSON."""
    rule_arn: str
    rule_name: str
    ingested: str
    """When EventBridge received it: ISO 8601, in seconds, Z."""


@dataclass(frozen=True, slots=True)
class Path:
    """Names, indices, and None for each of all."""

    steps: tuple[str | int | None, ...]

    def find(self, event: Any) -> Any:
        """The value there; `_MISSING` where there is none. After a wildcard: a list of them."""
        return _find(event, self.steps)


@dataclass(frozen=True, slots=True)
class Whole:
    """The event as it is."""

    def render(self, occasion: Occasion) -> str:
        return occasion.text


@dataclass(frozen=True, slots=True)
class Constant:
    """`Input`."""

    text: str

    def render(self, occasion: Occasion) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Part:
    """`InputPath`; what is missing gives null."""

    path: Path

    def render(self, occasion: Occasion) -> str:
        found = self.path.find(occasion.event)
        return compact(None if found is _MISSING else found)


@dataclass(frozen=True, slots=True)
class Transformed:
    """`InputTransformer`: texts and, between them, variables."""

    paths: Mapping[str, Path]
    pieces: tuple[tuple[str, str, bool], ...]
    """(text, the variable after it or '', whether that is within quotes)."""

    def render(self, occasion: Occasion) -> str:
        parts = []
        for text, variable, quoted in self.pieces:
            parts.append(text)
            if variable:
                parts.append(self._value(variable, quoted, occasion))
        return "".join(parts)

    def _value(self, variable: str, quoted: bool, occasion: Occasion) -> str:
        found = _predefined(variable, occasion)
        if found is None:
            found = self.paths[variable].find(occasion.event)
        if found is _MISSING or found is None:
            found = ""
        if not quoted:
            return compact(found)
        return compact(found)[1:-1] if isinstance(found, str) else _without_quotes(found)


InputPlan = Whole | Constant | Part | Transformed


def compact(value: Any) -> str:
    """JSON without spaces; only half a pair of surrogates, which is no text, stays escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return json.dumps(value, separators=(",", ":"))
    return text


def _without_quotes(value: Any) -> str:
    """JSON that stands within a JSON string."""
    return _QUOTE_OR_ESCAPE.sub(lambda one: "" if '"' in one[0] else one[0], compact(value))


def parse_input(target: Mapping[str, Any]) -> InputPlan:
    """What a target of PutTargets wants. Raises LambdaError ValidationException."""
    name = target["Id"]
    given = [one for one in ("Input", "InputPath", "InputTransformer") if one in target]
    if len(given) > 1:  # [LS]
        raise invalid(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
        )
    if "Input" in target:
        try:
            json.loads(target["Input"])
        except (ValueError, RecursionError):
            raise invalid(f"JSON syntax error in input for target {name}.") from None
        return Constant(target["Input"])
    if "InputPath" in target:
        if not target["InputPath"]:
            return Constant("{}")
        path = parse_path(target["InputPath"])
        if path is None:
            raise invalid(f"Invalid InputPath for target {name}.")
        return Part(path)
    if "InputTransformer" in target:
        return _parse_transformer(target["InputTransformer"], name)
    return Whole()


def parse_path(text: str) -> Path | None:
    """None where it is none of the supported JSONPath."""
    if not text.startswith("$"):
        return None
    steps: list[str | int | None] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            return None
        name, index, every, bracketed = match.groups()
        steps.append(None if every else int(index) if index else name or bracketed)
        position = match.end()
    return Path(tuple(steps))


def _parse_transformer(transformer: Mapping[str, Any], target: str) -> Transformed:
    paths = {}
    for variable, text in (transformer.get("InputPathsMap") or {}).items():
        path = parse_path(text)
        if path is None:
            raise invalid(f"Invalid InputPathsMap entry {variable} for target {target}.")
        if variable.lower().startswith("aws."):
            raise invalid(
                f"InputPathsMap for target {target} uses the reserved variable {variable}."
            )
        paths[variable] = path
    return Transformed(paths, _split(transformer["InputTemplate"], paths, target))


def _split(
    template: str, paths: Mapping[str, Path], target: str
) -> tuple[tuple[str, str, bool], ...]:
    pieces = []
    position, quoted = 0, False
    for match in _VARIABLE.finditer(template):
        variable = match[1]
        if variable not in paths and variable not in PREDEFINED:
            raise _bad_placeholder(target, variable)
        text = template[position : match.start()]
        quoted = _ends_quoted(text, quoted)
        pieces.append((text, variable, quoted))
        position = match.end()
    return (*pieces, (template[position:], "", False))


def _ends_quoted(text: str, quoted: bool) -> bool:
    """Whether a JSON string is open after `text`."""
    escaped = False
    for one in text:
        if escaped:
            escaped = False
        elif one == "\\":
            escaped = quoted
        elif one == '"':
            quoted = not quoted
    return quoted


def _bad_placeholder(target: str, variable: str) -> LambdaError:
    """[LS]"""
    return invalid(f"InputTemplate for target {target} contains invalid placeholder {variable}.")


def _predefined(variable: str, occasion: Occasion) -> Any:
    """None where it is none of them."""
    match variable:
        case "aws.events.rule-arn":
            return occasion.rule_arn
        case "aws.events.rule-name":
            return occasion.rule_name
        case "aws.events.event.ingestion-time":
            return occasion.ingested
        case "aws.events.event.json":
            return occasion.event
        case "aws.events.event":  # [LS]: these fields, so spelled, in that order
            event = occasion.event
            return {
                "id": event.get("id"),
                "account": event.get("account"),
                "detailType": event.get("detail-type"),
                "time": event.get("time"),
                "source": event.get("source"),
                "region": event.get("region"),
                "resources": event.get("resources"),
                "version": event.get("version"),
            }
    return None


def _find(value: Any, steps: Sequence[str | int | None]) -> Any:
    for position, step in enumerate(steps):
        if step is None:
            below = list(value.values()) if isinstance(value, dict) else value
            if not isinstance(below, list):
                return _MISSING
            found = [_find(one, steps[position + 1 :]) for one in below]
            return [one for one in found if one is not _MISSING]
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return _MISSING
            value = value[step]
        else:
            if not isinstance(value, dict) or step not in value:
                return _MISSING
            value = value[step]
    return value
