"""Chunks: how the events of one stream and one flush lie on disk.

A chunk is zlib level 1 over `u32 count | i64 timestamps | i64 ingestion times | u32 lengths |
text`, little-endian; lengths are in characters of the joined text, so that encoding and decoding
cost one join and one UTF-8 pass for the whole chunk instead of one for each event.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CHUNK_EVENTS_MAX = 4_096
CHUNK_CHARS_MAX = 512 * 1024
CHUNK_SPAN_MS_MAX = 3_600_000
"""No chunk covers more time: a query by time needs to look back only this far."""
CHUNK_ROW_BYTES = 96
"""What a row costs on disk beside its blob: columns and two index entries, roughly."""
RATIO_MAX = 4
"""Compression beyond this is not credited: what a group may keep bounds what a reader unpacks."""
_COUNT = struct.Struct("<I")
_LITTLE = sys.byteorder == "little"


RawEvent = tuple[int, str, int]
"""(timestamp, message, ingestion time); times are milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One row of log_chunks to be."""

    count: int
    first_ts: int
    last_ts: int
    disk_bytes: int
    """What retention charges for it."""
    blob: bytes


def split_events(events: Sequence[RawEvent]) -> Iterator[Sequence[RawEvent]]:
    """`events` in runs that each fit a chunk: count, characters and time span are bounded."""
    start = chars = 0
    low = high = events[0][0] if events else 0
    for index, (timestamp_ms, message, _) in enumerate(events):
        low_then, high_then = min(low, timestamp_ms), max(high, timestamp_ms)
        full = index - start >= CHUNK_EVENTS_MAX or chars + len(message) > CHUNK_CHARS_MAX
        if index > start and (full or high_then - low_then > CHUNK_SPAN_MS_MAX):
            yield events[start:index]
            start, chars = index, 0
            low_then = high_then = timestamp_ms
        low, high = low_then, high_then
        chars += len(message)
    if start < len(events):
        yield events[start:]


def encode_chunk(events: Sequence[RawEvent]) -> Chunk:
    """The row for a non-empty run from `split_events`. Lone surrogates become `?`."""
    timestamps, messages, ingested = zip(*events, strict=True)
    text = "".join(messages).encode("utf-8", "replace")
    parts = (
        _COUNT.pack(len(events)),
        _pack("q", timestamps),
        _pack("q", ingested),
        _pack("I", map(len, messages)),
        text,
    )
    blob = zlib.compress(b"".join(parts), 1)
    return Chunk(
        count=len(events),
        first_ts=min(timestamps),
        last_ts=max(timestamps),
        disk_bytes=max(len(blob), len(text) // RATIO_MAX) + CHUNK_ROW_BYTES,
        blob=blob,
    )


def decode_chunk(blob: bytes) -> list[RawEvent]:
    """The events of a chunk, in the order in which they were written."""
    data = memoryview(zlib.decompress(blob))
    (count,) = _COUNT.unpack_from(data)
    at = _COUNT.size
    timestamps = _unpack("q", data[at : at + 8 * count])
    ingested = _unpack("q", data[at + 8 * count : at + 16 * count])
    lengths = _unpack("I", data[at + 16 * count : at + 20 * count])
    text = str(data[at + 20 * count :], "utf-8")
    events: list[RawEvent] = []
    start = 0
    for timestamp_ms, ingested_ms, length in zip(timestamps, ingested, lengths, strict=True):
        events.append((timestamp_ms, text[start : start + length], ingested_ms))
        start += length
    return events


def _pack(code: str, values: object) -> bytes:
    packed = array(code, values)  # type: ignore[call-overload]  # an iterable of ints
    if not _LITTLE:
        packed.byteswap()
    return bytes(packed.tobytes())


def _unpack(code: str, data: memoryview) -> array[int]:
    values: array[int] = array(code)
    values.frombytes(data)
    if not _LITTLE:
        values.byteswap()
    return values


class DecodedChunks:
    """The chunks that were decoded last, so that a follower's next page costs no decompression."""

    def __init__(self, entries_max: int = 16) -> None:
        self._entries_max = entries_max
        self._entries: OrderedDict[tuple[int, int], list[RawEvent]] = OrderedDict()

    def find(self, key: tuple[int, int]) -> list[RawEvent] | None:
        """The events of the chunk (stream_id, first_ordinal), where still held."""
        events = self._entries.get(key)
        if events is not None:
            self._entries.move_to_end(key)
        return events

    def keep(self, key: tuple[int, int], events: list[RawEvent]) -> None:
        self._entries[key] = events
        if len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        self._entries.clear()
