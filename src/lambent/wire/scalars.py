"""Simple values as text, as they stand in paths, query strings, headers, forms and XML."""

from __future__ import annotations

import binascii
import json
import math
import re
from typing import Any

from lambent.wire.message import malformed
from lambent.wire.model import Shape
from lambent.wire.timestamps import format_timestamp, parse_timestamp

INTEGER_LIMITS = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
}
"""Lowest and highest value of each kind of integer: Java's."""

TYPE_NAMES = {
    "string": "a String",
    "character": "a String",
    "byte": "a Byte",
    "short": "a Short",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "timestamp": "a Date",
    "blob": "a ByteBuffer",
}
"""As AWS's messages name them. Measured for String, Integer and Boolean (see tests); the others
follow the same form and are unverified."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,64}(\.[0-9]{0,64})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def unconvertible(found: str, kind: str) -> Exception:
    """`found` is Jackson's name of the token: STRING_VALUE, NUMBER_VALUE, TRUE_VALUE …"""
    return malformed(f"{found} can not be converted to {TYPE_NAMES.get(kind, 'a String')}")


def parse_text(shape: Shape, text: str) -> Any:
    """The value of a simple shape from its text; raises WireError where it is not one."""
    kind = shape.kind
    if kind == "string":
        return _parse_json_value(text) if "jsonvalue" in shape.traits else text
    if kind in INTEGER_LIMITS:
        return _parse_integer(text, kind)
    if kind == "boolean":
        value = _BOOLEANS.get(text.lower())
        if value is None:
            raise unconvertible("STRING_VALUE", kind)
        return value
    if kind == "timestamp":
        return parse_timestamp(text)
    if kind in ("float", "double"):
        return _parse_float(text, kind)
    if kind == "blob":
        return parse_base64(text)
    return text


def format_text(shape: Shape, value: Any, *, timestamps: str) -> str:
    """The text of a simple value; `timestamps` is the form where the model names none."""
    kind = shape.kind
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp":
        return str(format_timestamp(value, shape.traits.get("timestampFormat", timestamps)))
    if kind == "blob":
        return format_base64(value)
    if kind in ("float", "double"):
        return str(format_float(value))
    if "jsonvalue" in shape.traits:
        return format_base64(json.dumps(value, separators=(",", ":")).encode())
    return str(value)


def parse_base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise malformed("The value is not valid base64.") from None  # unverified text


def format_base64(value: bytes | bytearray | memoryview | str) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def format_float(value: float) -> float | str:
    """JSON and XML have no word for what is not finite; AWS writes it as text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def check_integer(value: int, kind: str) -> int:
    low, high = INTEGER_LIMITS.get(kind, INTEGER_LIMITS["long"])
    if not low <= value <= high:
        raise unconvertible("NUMBER_VALUE", kind)
    return value


def _parse_integer(text: str, kind: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise unconvertible("STRING_VALUE", kind)
    return check_integer(int(text), kind)


def _parse_float(text: str, kind: str) -> float:
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    if _NUMBER.fullmatch(text) is None:
        raise unconvertible("STRING_VALUE", kind)
    return float(text)


def _parse_json_value(text: str) -> Any:
    try:
        return json.loads(parse_base64(text))
    except (ValueError, RecursionError):
        raise malformed("The value is not valid JSON.") from None  # unverified text
