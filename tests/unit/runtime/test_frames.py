"""The frame codec: layout, bounds, and independence of how the bytes arrive."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.runtime.frames import (
    FRAME_BYTES_MAX,
    Frame,
    FrameDecoder,
    Kind,
    ProtocolError,
    encode_invoke,
    encode_start,
)

FROM_GUEST = [kind for kind in Kind if kind not in (Kind.INVOKE, Kind.START)]


def encode(kind: int, body: bytes) -> bytes:
    return struct.pack("<IB", len(body), kind) + body


def test_a_start_frame_is_a_kind_without_a_body() -> None:
    assert encode_start() == b"\0\0\0\0\x02"


def test_an_invoke_frame_has_the_documented_layout() -> None:
    frame = encode_invoke(
        deadline_epoch_s=12.5,
        request_id=b"id",
        trace_id=b"Root=1",
        tenant_id=b"t",
        qualifier=b"live",
        client_context=b"{}",
        event=b'{"a":1}',
    )
    assert struct.unpack_from("<IBdHHHHI", frame) == (len(frame) - 5, 1, 12.5, 2, 6, 1, 4, 2)
    assert frame[25:] == b'idRoot=1tlive{}{"a":1}'


def test_one_frame_in_one_read_comes_out_at_once() -> None:
    assert FrameDecoder().feed(encode(Kind.RESPONSE, b"{}")) == [(Kind.RESPONSE, b"{}")]


frames = st.lists(st.tuples(st.sampled_from(FROM_GUEST), st.binary(max_size=40)), max_size=8)


@given(frames, st.data())
def test_any_split_of_the_stream_gives_the_same_frames(
    sent: list[tuple[Kind, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(encode(kind, body) for kind, body in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    decoder = FrameDecoder()
    got: list[Frame] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += decoder.feed(stream[start:end])
    assert got == sent
    assert decoder.pending_bytes == 0


@given(frames, st.binary(max_size=30))
def test_arbitrary_bytes_are_refused_or_held_but_never_crash(
    sent: list[tuple[Kind, bytes]], rubbish: bytes
) -> None:
    decoder = FrameDecoder()
    decoder.feed(b"".join(encode(kind, body) for kind, body in sent))
    try:
        for index in range(len(rubbish)):
            decoder.feed(rubbish[index : index + 1])
    except ProtocolError:
        return
    assert decoder.pending_bytes <= len(rubbish)


@pytest.mark.parametrize("kind", [0x00, Kind.INVOKE, 0x1B, 0xFF])
def test_a_kind_that_no_guest_sends_is_a_protocol_error(kind: int) -> None:
    with pytest.raises(ProtocolError, match="kind"):
        FrameDecoder().feed(encode(kind, b"x"))


def test_a_length_over_the_bound_is_refused_at_the_head() -> None:
    with pytest.raises(ProtocolError, match="RESPONSE frame of"):
        FrameDecoder().feed(struct.pack("<IB", FRAME_BYTES_MAX + 1, Kind.RESPONSE))


def test_a_large_frame_in_many_reads_is_whole() -> None:
    body = bytes(range(256)) * 4096
    stream = encode(Kind.RESPONSE, body) + encode(Kind.READY, b"")
    decoder = FrameDecoder()
    got: list[Frame] = []
    for start in range(0, len(stream), 65536):
        got += decoder.feed(stream[start : start + 65536])
    assert got == [(Kind.RESPONSE, body), (Kind.READY, b"")]
