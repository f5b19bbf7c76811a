"""vnd.amazon.eventstream: a response's events as binary messages, by the model's union of events.

A message is the prelude (u32 bytes in all, u32 bytes of headers, u32 CRC of those eight bytes), the
headers, the payload, and a u32 CRC of all before it; integers are big-endian, the CRC is CRC-32. A
header is a u8 length, the name, a u8 type and the value. Source: AWS's "Amazon event stream
encoding" (Smithy), and botocore's decoder, against which it is tested.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lambent.wire.json_body import dump_json, encode
from lambent.wire.model import Shape

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">II")
_U32 = struct.Struct(">I")

_CONTENT_TYPES = {"blob": "application/octet-stream", "string": "text/plain"}

HeaderValue = bool | int | bytes | str | datetime | uuid.UUID


def encode_message(headers: bytes, payload: bytes) -> bytes:
    """One message; `headers` as `encode_headers` gives them."""
    prelude = _PRELUDE.pack(16 + len(headers) + len(payload), len(headers))
    prelude_crc = zlib.crc32(prelude)
    crc = zlib.crc32(_U32.pack(prelude_crc), prelude_crc)
    crc = zlib.crc32(payload, zlib.crc32(headers, crc))
    return b"".join((prelude, _U32.pack(prelude_crc), headers, payload, _U32.pack(crc)))


def encode_headers(headers: Iterable[tuple[str, HeaderValue, str]]) -> bytes:
    """Headers as (name, value, kind); the kind is a shape's: boolean, byte, short, integer, …"""
    parts = []
    for name, value, kind in headers:
        key = name.encode()
        parts.append(bytes((len(key),)) + key + _encode_value(value, kind))
    return b"".join(parts)


def _encode_value(value: Any, kind: str) -> bytes:
    match kind:
        case "boolean":
            return b"\x00" if value else b"\x01"
        case "byte":
            return struct.pack(">Bb", 2, value)
        case "short":
            return struct.pack(">Bh", 3, value)
        case "integer":
            return struct.pack(">Bi", 4, value)
        case "long":
            return struct.pack(">Bq", 5, value)
        case "blob":
            return struct.pack(">BH", 6, len(value)) + bytes(value)
        case "timestamp":
            return struct.pack(">Bq", 8, round(value.timestamp() * 1000))
        case _:
            data = str(value).encode()
            return struct.pack(">BH", 7, len(data)) + data


class EventStream:
    """Encodes the events of one stream; its headers are made once for each kind of event."""

    __slots__ = ("_heads", "_payloads", "_shape")

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._heads: dict[str, bytes] = {}
        self._payloads: dict[str, str | None] = {}
        for name, event in shape.members.items():
            payload, content_type = None, "application/json"
            for member, member_shape in event.members.items():
                if member_shape.traits.get("eventpayload"):
                    payload = member
                    content_type = _CONTENT_TYPES.get(member_shape.kind, content_type)
            self._payloads[name] = payload
            self._heads[name] = encode_headers(
                (
                    (":event-type", name, "string"),
                    (":content-type", content_type, "string"),
                    (":message-type", "event", "string"),
                )
            )

    def encode(self, name: str, members: Mapping[str, Any]) -> bytes:
        """The event `name` with `members`; those that are None are left out.

        Raises KeyError where the model has no event or member of that name.
        """
        head = self._heads[name]
        payload_name = self._payloads[name]
        if payload_name is not None and len(members) == 1 and payload_name in members:
            value = members[payload_name]
            if isinstance(value, bytes):  # nearly every event is a part of a blob
                return encode_message(head, value)
        event = self._shape.members[name]
        headers: list[tuple[str, HeaderValue, str]] = []
        rest: dict[str, Any] = {}
        payload: bytes | None = None
        for key, value in members.items():
            member = event.members[key]
            if value is None:
                continue
            if member.traits.get("eventheader"):
                headers.append((key, value, member.kind))
            elif key == payload_name:
                payload = _encode_payload(member, value)
            else:
                rest[key] = value
        if payload is None:
            payload = b"" if payload_name is not None else dump_json(encode(event, rest))
        return encode_message(head + encode_headers(headers), payload)

    def encode_exception(self, name: str, members: Mapping[str, Any]) -> bytes:
        """The modelled error `name`, which ends the stream."""
        headers = encode_headers(
            (
                (":exception-type", name, "string"),
                (":content-type", "application/json", "string"),
                (":message-type", "exception", "string"),
            )
        )
        return encode_message(headers, dump_json(encode(self._shape.members[name], members)))


def _encode_payload(shape: Shape, value: Any) -> bytes:
    if shape.kind == "blob":
        return bytes(value)
    if shape.kind == "string":
        return str(value).encode("utf-8", "replace")
    return dump_json(encode(shape, value))
