"""What functions print until it is stored: streams of pending events, all of them bounded.

`LogStream.write` appends to a list in memory and returns. Beyond the bound the fullest streams lose
their oldest pending events and say how many. Belongs to one event loop; only that loop's thread may
write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from lambent.domain.limits import LOG_EVENT_BYTES_MAX
from lambent.store.log_chunks import RawEvent
from lambent.store.log_rows import StreamKey

FLUSH_INTERVAL_S = 0.2
RETRY_INTERVAL_S = 1.0
"""After a flush that failed, whatever the pressure."""
PENDING_BYTES_MAX = 16 * 1024 * 1024
"""What the buffer holds before events are dropped; a quarter of it asks for a flush."""
EVENT_OVERHEAD_BYTES = 64
"""What an event counts in the buffer beside its characters."""
_WHOLE_CHARS_MAX = LOG_EVENT_BYTES_MAX // 4
"""Up to this many characters an event cannot be too long, whatever they are."""


class LogStream:
    """Where one execution environment's output goes."""

    __slots__ = ("_buffer", "_closed", "_dirty", "_dropped", "_marker", "_pending", "key")

    def __init__(self, buffer: LogBuffer, key: StreamKey) -> None:
        self.key = key
        self._buffer = buffer
        self._pending: list[RawEvent] = []
        self._dirty = False
        self._closed = False
        self._dropped = 0
        self._marker: RawEvent | None = None

    def write(self, timestamp_ms: int, message: str) -> None:
        """Append one event; `timestamp_ms` is now, on the wall clock. Never blocks, never fails."""
        size = len(message)
        if size > _WHOLE_CHARS_MAX:
            for piece in split_message(message):
                self._append(timestamp_ms, piece)
            return
        self._pending.append((timestamp_ms, message, timestamp_ms))
        buffer = self._buffer
        buffer.pending_bytes += size + 64  # EVENT_OVERHEAD_BYTES, spelt out: the hot path
        if not self._dirty:
            buffer._mark(self)
        elif buffer.pending_bytes > buffer.pressure_bytes:
            buffer._relieve()

    def write_many(self, events: Iterable[tuple[int, str]]) -> None:
        """Append (timestamp_ms, message) pairs, as `write` does one by one."""
        write = self.write
        for timestamp_ms, message in events:
            write(timestamp_ms, message)

    def close(self) -> None:
        """Nothing more will come: once its events are stored the store forgets this stream."""
        self._closed = True
        self._buffer._mark(self)

    def _append(self, timestamp_ms: int, message: str) -> None:
        self._pending.append((timestamp_ms, message, timestamp_ms))
        self._buffer.pending_bytes += len(message) + EVENT_OVERHEAD_BYTES
        self._buffer._mark(self)
        if self._buffer.pending_bytes > self._buffer.pressure_bytes:
            self._buffer._relieve()

    def _take(self) -> list[RawEvent]:
        taken, self._pending = self._pending, []
        self._dirty = False
        return taken

    def _drop_oldest(self) -> None:
        """Give up the older half of what is pending; one event tells how many went."""
        pending = self._pending
        if not pending:
            return
        half = (len(pending) + 1) // 2
        if pending[0] is self._marker:
            self._dropped += half - 1
        else:
            self._dropped = half
        timestamp_ms = pending[half - 1][0]
        text = f"{self._dropped} log events dropped: they were written faster than they are stored"
        self._marker = (timestamp_ms, text, timestamp_ms)
        pending[:half] = [self._marker]


class LogBuffer:
    """The pending events of every stream."""

    def __init__(self, bytes_max: int = PENDING_BYTES_MAX) -> None:
        self.pending_bytes = 0
        self.bytes_max = bytes_max
        self.pressure_bytes = bytes_max // 4
        self._open: dict[StreamKey, LogStream] = {}
        self._dirty: list[LogStream] = []
        self._written = asyncio.Event()
        self._pressed = asyncio.Event()

    def open_stream(self, key: StreamKey) -> LogStream:
        """The stream of that name; it is among what `take` gives next."""
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = LogStream(self, key)
        found._closed = False
        self._mark(found)
        return found

    async def until_due(self, *, failing: bool) -> None:
        """Until a flush is worth its while."""
        await self._written.wait()
        if failing:
            await asyncio.sleep(RETRY_INTERVAL_S)
            return
        try:
            async with asyncio.timeout(FLUSH_INTERVAL_S):
                await self._pressed.wait()
        except TimeoutError:
            pass

    def take(self) -> list[tuple[LogStream, list[RawEvent]]]:
        """All that is pending, by stream; `settled` or `put_back` follows."""
        streams, self._dirty = self._dirty, []
        batch = [(stream, stream._take()) for stream in streams]
        self.pending_bytes = 0
        self._written.clear()
        self._pressed.clear()
        return batch

    def put_back(self, batch: Iterable[tuple[LogStream, list[RawEvent]]]) -> None:
        """It could not be stored: it is pending again."""
        for stream, events in batch:
            stream._pending[:0] = events
            self._mark(stream)
        self.pending_bytes = sum(map(_weight, self._dirty))
        self._bound()

    def settled(self, batch: Iterable[tuple[LogStream, list[RawEvent]]]) -> list[StreamKey]:
        """It is stored: streams that were closed are gone from here; their keys."""
        done = [
            stream.key
            for stream, _ in batch
            if stream._closed and not stream._dirty and self._open.get(stream.key) is stream
        ]
        for key in done:
            del self._open[key]
        return done

    def clear(self) -> None:
        """Nothing is pending any more; streams stay open."""
        for stream in self._dirty:
            stream._take()
        self._dirty = []
        self.pending_bytes = 0

    def _mark(self, stream: LogStream) -> None:
        """This stream has something for the next flush."""
        if not stream._dirty:
            stream._dirty = True
            self._dirty.append(stream)
            self._open.setdefault(stream.key, stream)
            self._written.set()

    def _relieve(self) -> None:
        """The buffer fills: ask for a flush, and past the bound drop from the fullest streams.

        Streams below half of the average keep everything: what one function floods with costs the
        others nothing. The rest hold at least half of all, so a quarter or so of it is freed.
        """
        self._pressed.set()
        self._bound()

    def _bound(self) -> None:
        while self.pending_bytes > self.bytes_max:
            before = self.pending_bytes
            fair = before // (2 * len(self._dirty))
            for stream in self._dirty:
                if _weight(stream) >= fair:
                    stream._drop_oldest()
            self.pending_bytes = sum(map(_weight, self._dirty))
            if self.pending_bytes >= before:
                break  # one marker a stream: nothing is left to drop


def _weight(stream: LogStream) -> int:
    """What a stream's pending events count in the buffer."""
    return sum(len(event[1]) for event in stream._pending) + EVENT_OVERHEAD_BYTES * len(
        stream._pending
    )


def split_message(message: str, bytes_max: int = LOG_EVENT_BYTES_MAX) -> list[str]:
    """`message` in pieces of at most `bytes_max` bytes of UTF-8, cut between characters."""
    data = message.encode("utf-8", "replace")
    pieces = []
    start = 0
    while start < len(data):
        end = min(start + bytes_max, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[start:end].decode("utf-8"))
        start = end
    return pieces
