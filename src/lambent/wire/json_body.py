"""JSON bodies ↔ Python values, by the shape: shared by rest-json and json 1.x.

The messages are those of AWS's own deserialiser (Coral on Jackson), as others recorded them; see
tests/unit/wire/test_json_body.py for the sources.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from lambent.wire.errors import ErrorAnswer
from lambent.wire.message import WireError, malformed
from lambent.wire.model import Shape
from lambent.wire.scalars import (
    check_integer,
    format_base64,
    format_float,
    parse_base64,
    unconvertible,
)
from lambent.wire.timestamps import format_timestamp, parse_timestamp

DEPTH_MAX = 100
"""[own] Containers in one another, of what the model names; recursive shapes have no other end."""

_LIST_FOUND = "Start of list found where not expected"
_STRUCTURE_FOUND = "Start of structure or map found where not expected."


def parse_json(body: bytes) -> Any:
    """The JSON value of `body`; raises WireError where it is none."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError both are
        reason = str(error)[:200]
    # The words before the colon are Lambda's for an event (facts, 'Frequent texts'); that a request
    # of the API gets the same is unverified.
    raise malformed(f"Could not parse request body into json: {reason}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"Non-standard token '{name}'")


def decode(shape: Shape, value: Any, depth: int = 0) -> Any:
    """`value` (from JSON, not null) as a caller of botocore would give it for `shape`.

    Members that are null or unknown are not there. Raises WireError on a wrong type.
    """
    return _DECODERS[shape.kind](shape, value, depth)


def encode(shape: Shape, value: Any) -> Any:
    """`value` (not None) as json.dumps wants it. KeyError: the model has no such member."""
    encoder = _ENCODERS.get(shape.kind)
    return value if encoder is None else encoder(shape, value)


def encode_error(answer: ErrorAnswer) -> dict[str, Any]:
    """The message and the members of an error, as they stand in the body."""
    if answer.shape is None:
        return {answer.message_member: answer.message, **answer.members}
    # The message goes in by itself: some errors are modelled without one, and yet have it.
    return {answer.message_member: answer.message, **encode(answer.shape, answer.members)}


def dump_json(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace")  # a lone surrogate has no UTF-8


# Decoding


def _decode_structure(shape: Shape, value: Any, depth: int) -> Any:
    if "document" in shape.traits:
        return value
    if type(value) is not dict:
        raise malformed(_LIST_FOUND if isinstance(value, list) else "Expected null")
    _check_depth(depth)
    names = _names_on_wire(shape)
    members = shape.members
    decoded: dict[str, Any] = {}
    for wire_name, item in value.items():
        name = names.get(wire_name)
        if name is not None and item is not None:
            decoded[name] = decode(members[name], item, depth + 1)
    return decoded


def _names_on_wire(shape: Shape) -> Mapping[str, str]:
    """Member names by their names on the wire, without the members that stand elsewhere."""
    names = shape.wire_names
    if names is None:
        names = shape.wire_names = {
            member.wire_name(name): name
            for name, member in shape.members.items()
            if member.location is None
        }
    return names


def _decode_list(shape: Shape, value: Any, depth: int) -> list[Any]:
    if type(value) is not list:
        raise malformed(_STRUCTURE_FOUND if isinstance(value, dict) else "Expected list or null")
    _check_depth(depth)
    member = shape.member
    decoder = _DECODERS[member.kind]
    # Nulls stay: validation refuses them by the place where they stand.
    return [None if item is None else decoder(member, item, depth + 1) for item in value]


def _decode_map(shape: Shape, value: Any, depth: int) -> dict[str, Any]:
    if type(value) is not dict:
        raise malformed(_LIST_FOUND if isinstance(value, list) else "Expected null")
    _check_depth(depth)
    member = shape.value
    decoder = _DECODERS[member.kind]
    return {
        _check_text(key): None if item is None else decoder(member, item, depth + 1)
        for key, item in value.items()
    }


def _decode_string(shape: Shape, value: Any, depth: int) -> str:
    if type(value) is not str:
        raise _wrong_type(shape, value)
    return _check_text(value)


def _check_text(value: str) -> str:
    """JSON can escape half of a surrogate pair; such text could not be stored or answered."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise malformed("The text is not valid Unicode.") from None  # unverified text
    return value


def _decode_integer(shape: Shape, value: Any, depth: int) -> int:
    if type(value) is int:
        return check_integer(value, shape.kind)
    if type(value) is float and math.isfinite(value):
        return check_integer(int(value), shape.kind)  # AWS cuts the fraction off
    raise _wrong_type(shape, value)


def _decode_float(shape: Shape, value: Any, depth: int) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and abs(value) < 2**1023:
        return float(value)
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise _wrong_type(shape, value)


def _decode_boolean(shape: Shape, value: Any, depth: int) -> bool:
    # AWS takes any text for true, "false" too (recorded for SES v2). That serves nobody.
    if type(value) is not bool:
        raise _wrong_type(shape, value)
    return value


def _decode_blob(shape: Shape, value: Any, depth: int) -> bytes:
    if type(value) is not str:
        raise _wrong_type(shape, value)
    return parse_base64(value)


def _decode_timestamp(shape: Shape, value: Any, depth: int) -> Any:
    if type(value) not in (int, float, str):
        raise _wrong_type(shape, value)
    return parse_timestamp(value)


def _check_depth(depth: int) -> None:
    if depth > DEPTH_MAX:
        raise malformed("The request is nested too deeply.")


def _wrong_type(shape: Shape, value: Any) -> WireError | Exception:
    match value:
        case list():
            return malformed(_LIST_FOUND)
        case dict():
            return malformed(_STRUCTURE_FOUND)
        case True:
            found = "TRUE_VALUE"
        case False:
            found = "FALSE_VALUE"
        case str():
            found = "STRING_VALUE"
        case _:
            found = "NUMBER_VALUE"
    return unconvertible(found, shape.kind)


_DECODERS: dict[str, Callable[[Shape, Any, int], Any]] = {
    "structure": _decode_structure,
    "list": _decode_list,
    "map": _decode_map,
    "string": _decode_string,
    "character": _decode_string,
    "byte": _decode_integer,
    "short": _decode_integer,
    "integer": _decode_integer,
    "long": _decode_integer,
    "bigInteger": _decode_integer,
    "float": _decode_float,
    "double": _decode_float,
    "bigDecimal": _decode_float,
    "boolean": _decode_boolean,
    "blob": _decode_blob,
    "timestamp": _decode_timestamp,
}


# Encoding


def _encode_structure(shape: Shape, value: Any) -> Any:
    if "document" in shape.traits:
        return value
    members = shape.members
    encoded = {}
    for name, item in value.items():
        member = members[name]
        if item is not None and member.location is None:
            encoded[member.wire_name(name)] = encode(member, item)
    return encoded


def _encode_list(shape: Shape, value: Any) -> list[Any]:
    member = shape.member
    encoder = _ENCODERS.get(member.kind)
    if encoder is None:
        return list(value)
    return [encoder(member, item) for item in value]


def _encode_map(shape: Shape, value: Any) -> dict[str, Any]:
    member = shape.value
    return {key: encode(member, item) for key, item in value.items() if item is not None}


def _encode_timestamp(shape: Shape, value: Any) -> Any:
    return format_timestamp(value, shape.traits.get("timestampFormat", "unixtimestamp"))


_ENCODERS: dict[str, Callable[[Shape, Any], Any]] = {
    "structure": _encode_structure,
    "list": _encode_list,
    "map": _encode_map,
    "blob": lambda _, value: format_base64(value),
    "timestamp": _encode_timestamp,
    "float": lambda _, value: format_float(value),
    "double": lambda _, value: format_float(value),
}
