"""The frames between the server and a managed runtime's bootstrap, as pure functions.

Every frame is `<IB`, a u32 with the number of bytes after the kind byte and the u8 kind, and then
the body. The body of INVOKE is `<dHHHHI`: the deadline (seconds since the epoch, float64) and the
lengths of request id, trace id, tenant id, qualifier and client context; then those, then the
event. A guest that was started ahead of demand waits for START before it touches the function.
The guest's half is `python/_lambent_channel.py`.

What a guest sends is not trusted: a function can find the socket and write what it likes.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from lambent.domain.limits import RESPONSE_BYTES_MAX

FRAME_BYTES_MAX = RESPONSE_BYTES_MAX + 64 * 1024
"""[own] A response or error payload at its limit, and room to spare."""

HEAD_BYTES = 5
_HEAD = struct.Struct("<IB")
_INVOKE = struct.Struct("<IBdHHHHI")
_INVOKE_BODY_BYTES = _INVOKE.size - HEAD_BYTES


class Kind(IntEnum):
    """What a frame is; 0x0_ goes to the guest, 0x1_ comes from it."""

    INVOKE = 0x01
    START = 0x02
    """To a guest that was started ahead: the init begins; empty."""
    READY = 0x10
    """Initialised; empty."""
    INIT_ERROR = 0x11
    """JSON error payload; the guest exits with 1 after it."""
    RESPONSE = 0x12
    """The handler's result: JSON, or the bytes that it returned."""
    ERROR = 0x13
    """JSON error payload of the handler; the environment stays warm."""
    BAD_EVENT = 0x14
    """Text: why the event is not JSON."""
    LOG = 0x15
    """One log event, UTF-8."""
    OUTPUT = 0x16
    """Bytes printed by Python code, not cut at lines."""
    STREAM_START = 0x17
    """The response comes in parts; its content type. ERROR may end it at any time."""
    STREAM_CHUNK = 0x18
    """A part of the response."""
    STREAM_END = 0x19
    """The response is whole; empty."""
    FATAL = 0x1A
    """JSON error payload; the guest exits after it, and that end answers with this."""


_FROM_GUEST = {int(kind): kind for kind in Kind if kind >= Kind.READY}

Frame = tuple[Kind, bytes]


class ProtocolError(Exception):
    """The guest sent what no bootstrap sends; the environment cannot be used any more."""


def encode_invoke(
    *,
    deadline_epoch_s: float,
    request_id: bytes,
    event: bytes,
    trace_id: bytes = b"",
    tenant_id: bytes = b"",
    qualifier: bytes = b"",
    client_context: bytes = b"",
) -> bytes:
    """Make an INVOKE frame; `client_context` is JSON, already decoded from base64."""
    id_bytes, trace_bytes, tenant_bytes = len(request_id), len(trace_id), len(tenant_id)
    qualifier_bytes, context_bytes = len(qualifier), len(client_context)
    names_bytes = id_bytes + trace_bytes + tenant_bytes + qualifier_bytes + context_bytes
    head = _INVOKE.pack(
        _INVOKE_BODY_BYTES + names_bytes + len(event),
        Kind.INVOKE,
        deadline_epoch_s,
        id_bytes,
        trace_bytes,
        tenant_bytes,
        qualifier_bytes,
        context_bytes,
    )
    return b"".join((head, request_id, trace_id, tenant_id, qualifier, client_context, event))


def encode_start() -> bytes:
    """Make a START frame."""
    return _HEAD.pack(0, Kind.START)


class FrameDecoder:
    """Cuts a guest's byte stream into frames; holds at most one incomplete frame."""

    __slots__ = ("_have", "_need", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._have = 0
        self._need = HEAD_BYTES  # bytes that settle the next question: a head, or a whole frame

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame whose end has not come."""
        return self._have

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order. Raises ProtocolError."""
        if not self._have:
            # Nearly every read is exactly one frame.
            if len(data) >= HEAD_BYTES:
                length, kind = _HEAD.unpack_from(data)
                if length + HEAD_BYTES == len(data) and kind in _FROM_GUEST:
                    return [(_FROM_GUEST[kind], data[HEAD_BYTES:])]
        elif self._have + len(data) < self._need:
            self._keep(data)
            return []
        if self._have:
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts.clear()
            self._have = 0
        return self._cut(data)

    def _cut(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        start, end = 0, len(data)
        self._need = HEAD_BYTES
        while end - start >= HEAD_BYTES:
            length, number = _HEAD.unpack_from(data, start)
            kind = _known(number, length)
            if end - start < HEAD_BYTES + length:
                self._need = HEAD_BYTES + length
                break
            body = start + HEAD_BYTES
            start = body + length
            frames.append((kind, data[body:start]))
        if start < end:
            self._keep(data[start:])
        return frames

    def _keep(self, data: bytes) -> None:
        if data:
            self._parts.append(data)
            self._have += len(data)


def _known(number: int, length: int) -> Kind:
    kind = _FROM_GUEST.get(number)
    if kind is None:
        raise ProtocolError(f"a frame of kind {number:#04x}")
    if length > FRAME_BYTES_MAX:
        raise ProtocolError(f"a {kind.name} frame of {length} bytes")
    return kind
