"""Where the members of a REST operation stand in an HTTP message: shared by the REST protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.wire.message import WireRequest
from lambent.wire.model import Operation, Shape
from lambent.wire.routes import parse_fields
from lambent.wire.scalars import format_text, parse_text

Binding = tuple[str, str, Shape]
"""Member name, name on the wire (lower-case for a request's headers), shape."""


class Bindings:
    """The members of one structure by their places; worked out once."""

    __slots__ = (
        "constants",
        "has_body",
        "headers",
        "labels",
        "payload",
        "prefixed",
        "query",
        "status",
    )

    def __init__(self, shape: Shape | None) -> None:
        self.labels: list[Binding] = []
        self.query: list[Binding] = []
        self.constants: frozenset[str] = frozenset()
        """Names in the query string that belong to the route, not to a member."""
        self.headers: list[Binding] = []
        self.prefixed: list[Binding] = []
        self.status: str | None = None
        self.payload: tuple[str, Shape] | None = None
        self.has_body = False
        """True where members stand in the body side by side."""
        if shape is None:
            return
        payload = shape.traits.get("payload")
        for name, member in shape.members.items():
            if name == payload:
                self.payload = (name, member)
            else:
                self._add(name, member)

    def _add(self, name: str, member: Shape) -> None:
        wire_name = member.wire_name(name)
        match member.location:
            case "uri":
                self.labels.append((name, wire_name, member))
            case "querystring":
                self.query.append((name, wire_name, member))
            case "header":
                self.headers.append((name, wire_name, member))
            case "headers":
                self.prefixed.append((name, member.traits.get("locationName", ""), member))
            case "statusCode":
                self.status = name
            case _:
                self.has_body = True


class Plan:
    """What a REST protocol needs of one operation."""

    __slots__ = ("input", "output")

    def __init__(self, operation: Operation) -> None:
        self.input = Bindings(operation.input)
        self.output = Bindings(operation.output)
        self.input.constants = frozenset(
            name for name, _ in parse_fields(operation.uri.partition("?")[2])
        )
        self.input.headers = [(name, key.lower(), shape) for name, key, shape in self.input.headers]


def plan_of(operation: Operation) -> Plan:
    plan: Plan | None = operation.plan
    if plan is None:
        plan = operation.plan = Plan(operation)
    return plan


def parse_bindings(
    bindings: Bindings, request: WireRequest, labels: Mapping[str, str]
) -> dict[str, Any]:
    """The members that stand in path, query and headers; raises WireError on a wrong type."""
    params: dict[str, Any] = {}
    for name, key, shape in bindings.labels:
        text = labels.get(key)
        if text is not None:
            params[name] = parse_text(shape, text)
    if bindings.query and request.query:
        _parse_query(bindings, request.query, params)
    headers = request.headers
    for name, key, shape in bindings.headers:
        text = headers.get(key)
        if text is not None:
            params[name] = _parse_header(shape, text)
    for name, prefix, shape in bindings.prefixed:
        found = _parse_prefixed(shape, prefix.lower(), headers)
        if found:
            params[name] = found
    return params


def _parse_query(bindings: Bindings, query: str, params: dict[str, Any]) -> None:
    fields: dict[str, list[str]] = {}
    for key, text in parse_fields(query):
        fields.setdefault(key, []).append(text)
    bound = bindings.constants.union(key for _, key, shape in bindings.query if shape.kind != "map")
    for name, key, shape in bindings.query:
        if shape.kind == "map":
            rest = {other: texts for other, texts in fields.items() if other not in bound}
            if rest:
                params[name] = _parse_query_map(shape, rest)
            continue
        texts = fields.get(key)
        if texts is None:
            continue
        if shape.kind == "list":
            params[name] = [parse_text(shape.member, text) for text in texts]
        else:
            params[name] = parse_text(shape, texts[0])


def _parse_query_map(shape: Shape, fields: Mapping[str, list[str]]) -> dict[str, Any]:
    value = shape.value
    if value.kind == "list":
        return {
            key: [parse_text(value.member, text) for text in texts] for key, texts in fields.items()
        }
    return {key: parse_text(value, texts[0]) for key, texts in fields.items()}


def _parse_header(shape: Shape, text: str) -> Any:
    if shape.kind == "list":
        return [parse_text(shape.member, item) for item in split_header_list(shape.member, text)]
    return parse_text(shape, text)


def _parse_prefixed(shape: Shape, prefix: str, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        key[len(prefix) :]: parse_text(shape.value, text)
        for key, text in headers.items()
        if key.startswith(prefix)
    }


def split_header_list(member: Shape, text: str) -> list[str]:
    """The items of a comma-separated header; an item may be quoted, `\\"` inside is a quote.

    An RFC 822 date holds a comma of its own.
    """
    if member.kind == "timestamp" and member.traits.get("timestampFormat", "rfc822") == "rfc822":
        parts = [part.strip() for part in text.split(",")]
        return [", ".join(parts[at : at + 2]) for at in range(0, len(parts), 2)]
    if '"' not in text:
        return [item.strip() for item in text.split(",")]
    items, current, quoted, at = [], "", False, 0
    while at < len(text):
        char = text[at]
        if quoted and char == "\\" and text[at + 1 : at + 2] == '"':
            current, at = current + '"', at + 1
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            items.append(current.strip())
            current = ""
        else:
            current += char
        at += 1
    return [*items, current.strip()]


def format_headers(bindings: Bindings, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers that hold members of a response."""
    headers: list[tuple[str, str]] = []
    for name, key, shape in bindings.headers:
        value = values.get(name)
        if value is not None:
            headers.append((key, clean_header(_format_header(shape, value))))
    for name, prefix, shape in bindings.prefixed:
        for key, value in (values.get(name) or {}).items():
            text = format_text(shape.value, value, timestamps="rfc822")
            headers.append((clean_header(prefix + key), clean_header(text)))
    return headers


def _format_header(shape: Shape, value: Any) -> str:
    if shape.kind == "list":
        return ",".join(_quoted(shape.member, item) for item in value)
    return format_text(shape, value, timestamps="rfc822")


def _quoted(member: Shape, item: Any) -> str:
    text = format_text(member, item, timestamps="rfc822")
    if member.kind == "string" and ("," in text or '"' in text):
        escaped = text.replace('"', '\\"')
        return f'"{escaped}"'
    return text


def clean_header(text: str) -> str:
    """`text` without what would end a header: values may come from a function's own output."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\t" else " " for char in text)
