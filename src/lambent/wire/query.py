"""query: `Action=…&Name=…&List.member.1=…` in a form (or the query string), answers in XML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.wire.errors import ErrorAnswer
from lambent.wire.message import WireError, WireRequest, WireResponse
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.protocol import REQUEST_ID_HEADER
from lambent.wire.routes import parse_fields
from lambent.wire.scalars import parse_text
from lambent.wire.xml_body import escape, inside

FIELDS_MAX = 10_000
"""[own] Fields of one form."""
DEPTH_MAX = 32
"""[own] Dots in the name of a field; no shape of these services nests half as deep."""

_CONTAINERS = frozenset(("structure", "list", "map"))


class Query:
    """The protocol of STS and IAM."""

    def identify(self, service: Service, request: WireRequest) -> Operation:
        action = dict(_fields(request)).get("Action")
        if not action:
            raise WireError("MissingAction", "Missing Action")  # unverified text
        if action not in service.operations:
            raise WireError(
                "InvalidAction",
                f"Could not find operation {action[:128]} for version {service.api_version}",
            )
        return service.operations[action]

    def parse(
        self,
        service: Service,
        operation: Operation,
        request: WireRequest,
        labels: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        if operation.input is None:
            return {}
        try:
            return _parse_structure(operation.input, _tree(_fields(request)))
        except WireError as error:
            # What is a SerializationException elsewhere has this code here.
            raise WireError("MalformedInput", error.message) from None

    def serialize(
        self, service: Service, operation: Operation, result: Mapping[str, Any], request_id: str
    ) -> WireResponse:
        shape = operation.output
        body = ""
        if shape is not None:
            wrapper = shape.traits.get("resultWrapper")
            body = inside(shape, result)
            if wrapper is not None:
                body = f"<{wrapper}>{body}</{wrapper}>"
        tag = f"{operation.name}Response"
        return _response(
            200,
            f'<{tag} xmlns="{_namespace(service)}">{body}<ResponseMetadata>'
            f"<RequestId>{escape(request_id)}</RequestId></ResponseMetadata></{tag}>",
            request_id,
        )

    def serialize_error(
        self, service: Service, answer: ErrorAnswer, request_id: str
    ) -> WireResponse:
        fault = "Sender" if answer.sender_fault else "Receiver"
        members = inside(answer.shape, answer.members) if answer.shape is not None else ""
        return _response(
            answer.status,
            f'<ErrorResponse xmlns="{_namespace(service)}"><Error><Type>{fault}</Type>'
            f"<Code>{escape(answer.code)}</Code><Message>{escape(answer.message)}</Message>"
            f"{members}</Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>",
            request_id,
        )


def _namespace(service: Service) -> str:
    namespace: str = service.metadata.get("xmlNamespace", "")
    return namespace


def _response(status: int, text: str, request_id: str) -> WireResponse:
    headers = [(REQUEST_ID_HEADER, request_id), ("Content-Type", "text/xml")]
    return WireResponse(status=status, headers=headers, body=text.encode("utf-8", "replace"))


def _fields(request: WireRequest) -> list[tuple[str, str]]:
    form = request.body.decode("utf-8", "replace") if request.body else request.query
    return parse_fields(form, fields_max=FIELDS_MAX)


class _Node:
    """A name's part between two dots: its own text, and the parts that follow."""

    __slots__ = ("parts", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.parts: dict[str, _Node] = {}


def _tree(fields: list[tuple[str, str]]) -> _Node:
    root = _Node()
    for name, text in fields:
        parts = name.split(".", DEPTH_MAX)
        if len(parts) > DEPTH_MAX:
            continue  # no shape asks for it
        node = root
        for part in parts:
            node = node.parts.setdefault(part, _Node())
        node.text = text
    return root


def _parse(shape: Shape, node: _Node) -> Any:
    match shape.kind:
        case "structure":
            return _parse_structure(shape, node)
        case "list":
            return _parse_list(shape, node)
        case "map":
            return _parse_map(shape, node)
        case _:
            return None if node.text is None else parse_text(shape, node.text)


def _parse_structure(shape: Shape, node: _Node) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire_name = member.wire_name(name)
        if member.kind == "list" and member.flattened:
            wire_name = member.member.wire_name(wire_name)
        part = node.parts.get(wire_name)
        if part is None or (member.kind in _CONTAINERS and not part.parts and part.text):
            continue
        value = _parse(member, part)
        if value is not None:
            params[name] = value
    return params


def _parse_list(shape: Shape, node: _Node) -> list[Any]:
    """The items in the order of their numbers; `Name=` alone is the empty list."""
    items = node
    if not shape.flattened:
        items = node.parts.get(shape.member.wire_name("member"), _EMPTY)
    return [_parse(shape.member, part) for part in _numbered(items)]


def _parse_map(shape: Shape, node: _Node) -> dict[str, Any]:
    entries = node if shape.flattened else node.parts.get("entry", _EMPTY)
    key_name, value_name = shape.key.wire_name("key"), shape.value.wire_name("value")
    params = {}
    for entry in _numbered(entries):
        key = entry.parts.get(key_name)
        if key is not None and key.text is not None:
            params[key.text] = _parse(shape.value, entry.parts.get(value_name, _EMPTY))
    return params


def _numbered(node: _Node) -> list[_Node]:
    numbers = [part for part in node.parts if part.isascii() and part.isdecimal()]
    return [node.parts[part] for part in sorted(numbers, key=_number)]


def _number(part: str) -> tuple[int, str]:
    digits = part.lstrip("0")
    return len(digits), digits


_EMPTY = _Node()
