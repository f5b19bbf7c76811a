"""XML that a client sent → Python values by the shape. Pure.

Written on expat directly: ElementTree would bring 2 MB along. A document type is refused, and with
it every entity but XML's own five, so that a small body cannot become a large one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

from lambent.wire.model import Shape
from lambent.wire.scalars import parse_text

DEPTH_MAX = 32
"""[own] Elements inside each other; no shape of these services nests half as deep."""
ELEMENTS_MAX = 200_000
"""[own] Elements of one body; CompleteMultipartUpload names up to 10,000 parts."""


class XmlError(Exception):
    """The body is no XML that we take."""


class Element:
    """One element: its name without the prefix, attributes, children and text."""

    __slots__ = ("attributes", "children", "name", "parts")

    def __init__(self, name: str, attributes: Mapping[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.parts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def find(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)


class _Builder:
    """Takes what expat finds."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise XmlError("too deep, or too many elements")
        element = Element(name.rpartition(":")[2], attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        if self._open:
            self._open[-1].parts.append(data)


def parse_xml(body: bytes) -> Element:
    """The root of a document. Raises XmlError."""
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise XmlError(str(error)) from None
    assert builder.root is not None  # expat refuses a document without one
    return builder.root


def _refuse_doctype(*_: object) -> None:
    raise XmlError("a document type is not taken")


def decode_xml(shape: Shape, element: Element) -> Any:
    """The value of `shape` that `element` holds; unknown elements are not there.

    Raises WireError where a text is not of its type, XmlError where a required member is missing
    or a value is none of an enumeration.
    """
    match shape.kind:
        case "structure":
            return _structure(shape, element)
        case "list":
            name = shape.member.wire_name("member")
            items = [child for child in element.children if child.name == name]
            return [decode_xml(shape.member, item) for item in items]
        case "map":
            return _map(shape, element.children)
        case _:
            return _scalar(shape, element.text)


def _structure(shape: Shape, element: Element) -> dict[str, Any]:
    children: dict[str, list[Element]] = {}
    for child in element.children:
        children.setdefault(child.name, []).append(child)
    value: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire_name = member.wire_name(name)
        if "xmlAttribute" in member.traits:
            if wire_name in element.attributes:
                value[name] = element.attributes[wire_name]
            continue
        if member.kind == "list" and member.flattened:
            items = children.get(member.member.wire_name(wire_name))
            if items is not None:
                value[name] = [decode_xml(member.member, item) for item in items]
        elif wire_name in children:
            value[name] = decode_xml(member, children[wire_name][0])
    for name in shape.traits.get("required", ()):
        if name not in value:
            raise XmlError(f"{name} is missing")
    return value


def _map(shape: Shape, entries: list[Element]) -> dict[str, Any]:
    key_name, value_name = shape.key.wire_name("key"), shape.value.wire_name("value")
    found = {}
    for entry in entries:
        key, value = entry.find(key_name), entry.find(value_name)
        if key is not None and value is not None:
            found[key.text] = decode_xml(shape.value, value)
    return found


def _scalar(shape: Shape, text: str) -> Any:
    if shape.kind != "string":
        return parse_text(shape, text.strip())
    allowed = shape.traits.get("enum")
    if allowed is not None and text not in allowed:
        raise XmlError(f"{text[:100]} is none of {shape.name}")
    return text
