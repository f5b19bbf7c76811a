"""The log file's reading side: pages of groups, streams and events, in a stable order.

Events are ordered by (timestamp, stream id, ordinal within the stream): a total order in which an
event keeps its place for ever, so a position in it serves as a token. A page is a merge of chunks:
they are visited in the order of their first (or, going back, last) timestamp, and an event leaves
the heap once no unvisited chunk can hold an earlier one.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lambent.store.log_chunks import CHUNK_SPAN_MS_MAX, DecodedChunks, RawEvent, decode_chunk
from lambent.store.log_rows import LogStreamNotFound, connect, find_group

PAGE_BYTES_MAX = 1024 * 1024
"""A page of events holds at most this many characters of messages, but always one event."""
SCAN_EVENTS_MAX = 100_000
SCAN_CHARS_MAX = 4 * 1024 * 1024
SCAN_S_MAX = 0.25
SCAN_EVENTS_MIN = 1_000
"""What one call looks at, and for how long; beyond it the page ends early, with where to go on.

Reading shares the interpreter with running invocations, so no one query may hold it for long.
"""
TIME_MAX = 2**62


class Position(NamedTuple):
    """Where an event stands among all events."""

    timestamp_ms: int
    stream_id: int
    ordinal: int


class LogEvent(NamedTuple):
    """One stored event."""

    position: Position
    stream: str
    message: str
    ingested_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    name: str
    created_ms: int
    stored_bytes: int
    """On disk, compressed."""
    retention_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStreamInfo:
    name: str
    created_ms: int
    first_ts: int | None
    last_ts: int | None
    last_ingested_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events, in which direction, from where."""

    group: str
    streams: tuple[str, ...] | None = None
    """None: all of the group. Each named one must exist."""
    stream_prefix: str | None = None
    start_ms: int = 0
    end_ms: int = TIME_MAX
    """Exclusive."""
    after: Position | None = None
    """Go on beyond this position, which is not included."""
    backward: bool = False
    limit: int = 10_000
    matches: Callable[[str], bool] | None = None
    """The filter, on the message; called in the reading thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    events: list[LogEvent]
    """In the direction of the query."""
    more_after: Position | None
    """Where to go on; None when the query was read to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """The events of one stream that were stored at once."""

    number: int
    """Grows with time over all groups."""
    stream_id: int
    stream: str
    first_ordinal: int
    events: Sequence[RawEvent]


class _Span(NamedTuple):
    """A chunk's row without its blob."""

    rowid: int
    stream_id: int
    first_ordinal: int
    first_ts: int
    last_ts: int


class LogReader:
    """A read-only connection and what was decoded last, for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decoded = DecodedChunks()
        self._connection = connect(path)
        self._connection.execute("PRAGMA query_only=ON")

    def close(self) -> None:
        self._decoded.clear()
        self._connection.close()

    def reopen(self) -> None:
        self._connection = connect(self._path)
        self._connection.execute("PRAGMA query_only=ON")

    def groups(
        self, *, prefix: str, pattern: str, after: str, limit: int
    ) -> tuple[list[LogGroup], bool]:
        """Groups by name, from beyond `after`; whether there are more."""
        rows = self._connection.execute(
            "SELECT name, created_ms, disk_bytes, retention_days FROM log_groups WHERE name > ?"
            " AND substr(name, 1, length(?)) = ? AND instr(name, ?) ORDER BY name LIMIT ?",
            (after, prefix, prefix, pattern, limit + 1),
        ).fetchall()
        groups = [
            LogGroup(name=name, created_ms=created_ms, stored_bytes=size, retention_days=days)
            for name, created_ms, size, days in rows[:limit]
        ]
        return groups, len(rows) > limit

    def streams(
        self, group: str, *, prefix: str, by_time: bool, descending: bool, offset: int, limit: int
    ) -> tuple[list[LogStreamInfo], bool]:
        """A page of a group's streams; whether there are more. Raises LogGroupNotFound."""
        group_id = find_group(self._connection, group)
        direction = "DESC" if descending else "ASC"
        order = f"last_ts {direction}, name {direction}" if by_time else f"name {direction}"
        rows = self._connection.execute(
            "SELECT name, created_ms, first_ts, last_ts, last_ingested_ms FROM log_streams"
            " WHERE group_id = ? AND substr(name, 1, length(?)) = ?"
            f" ORDER BY {order} LIMIT ? OFFSET ?",
            (group_id, prefix, prefix, limit + 1, offset),
        ).fetchall()
        streams = [
            LogStreamInfo(
                name=name, created_ms=created, first_ts=first, last_ts=last, last_ingested_ms=seen
            )
            for name, created, first, last, seen in rows[:limit]
        ]
        return streams, len(rows) > limit

    def events(self, query: EventQuery) -> EventPage:
        """One page. Raises LogGroupNotFound, LogStreamNotFound."""
        group_id = find_group(self._connection, query.group)
        names = self._stream_names(group_id, query)
        found: list[LogEvent] = []
        size = chars = 0
        last: Position | None = None
        merged = self._merged(group_id, names, query)
        deadline = time.monotonic() + SCAN_S_MAX
        for scanned, (position, message, ingested_ms) in enumerate(merged):
            enough = len(found) >= query.limit or scanned >= SCAN_EVENTS_MAX
            late = scanned >= SCAN_EVENTS_MIN and time.monotonic() > deadline
            if enough or late or chars >= SCAN_CHARS_MAX:
                return EventPage(events=found, more_after=last)
            if query.matches is None or query.matches(message):
                size += len(message)
                if found and size > PAGE_BYTES_MAX:
                    return EventPage(events=found, more_after=last)
                found.append(LogEvent(position, names[position[1]], message, ingested_ms))
            chars += len(message)
            last = position
        return EventPage(events=found, more_after=None)

    def tags(self, group: str) -> dict[str, str]:
        """Raises LogGroupNotFound."""
        row = self._connection.execute(
            "SELECT tags FROM log_groups WHERE id = ?", (find_group(self._connection, group),)
        ).fetchone()
        return dict(json.loads(row[0]))

    def chunks_after(self, group: str, number: int, limit: int) -> list[StoredChunk]:
        """What came into the group since, in its order. Raises LogGroupNotFound."""
        rows = self._connection.execute(
            "SELECT c.rowid, c.stream_id, s.name, c.first_ordinal, c.blob FROM log_chunks AS c"
            " JOIN log_streams AS s ON s.id = c.stream_id"
            " WHERE c.rowid > ? AND +c.group_id = ? ORDER BY c.rowid LIMIT ?",
            (number, find_group(self._connection, group), limit),
        ).fetchall()
        return [
            StoredChunk(
                number=number,
                stream_id=stream_id,
                stream=stream,
                first_ordinal=ordinal,
                events=decode_chunk(blob),
            )
            for number, stream_id, stream, ordinal, blob in rows
        ]

    def _stream_names(self, group_id: int, query: EventQuery) -> dict[int, str]:
        """Stream id → name of those that the query covers."""
        prefix = query.stream_prefix or ""
        if query.streams is None:
            return dict(
                self._connection.execute(
                    "SELECT id, name FROM log_streams"
                    " WHERE group_id = ? AND substr(name, 1, length(?)) = ?",
                    (group_id, prefix, prefix),
                )
            )
        names: dict[int, str] = {}
        for name in query.streams:
            row = self._connection.execute(
                "SELECT id FROM log_streams WHERE group_id = ? AND name = ?", (group_id, name)
            ).fetchone()
            if row is None:
                raise LogStreamNotFound(name)
            names[row[0]] = name
        return names

    def _spans(
        self, group_id: int, names: dict[int, str], query: EventQuery, low: int, high: int
    ) -> Iterator[_Span]:
        """The chunks that may hold events of [low, high], in the order of the query's direction."""
        where, values = _scope(group_id, names, query)
        order = "last_ts DESC" if query.backward else "first_ts"
        rows = self._connection.execute(
            "SELECT rowid, stream_id, first_ordinal, first_ts, last_ts FROM log_chunks"
            f" WHERE {where} AND first_ts BETWEEN ? AND ? AND last_ts >= ? ORDER BY {order}",
            (*values, low - CHUNK_SPAN_MS_MAX, high, low),
        )
        return (span for row in rows if (span := _Span(*row)).stream_id in names)

    def _merged(
        self, group_id: int, names: dict[int, str], query: EventQuery
    ) -> Iterator[tuple[Position, str, int]]:
        """(position, message, ingested_ms) of the events in range, in order."""
        low, high, after = query.start_ms, query.end_ms - 1, query.after
        if after is not None and query.backward:
            high = min(high, after[0])
        elif after is not None:
            low = max(low, after[0])
        if low > high or not names:
            return
        sign = -1 if query.backward else 1
        heap: list[tuple[int, int, int, str, int]] = []  # times, ids and ordinals with the sign
        for span in self._spans(group_id, names, query, low, high):
            edge = -span.last_ts if query.backward else span.first_ts
            while heap and heap[0][0] < edge:
                yield _unsigned(heapq.heappop(heap), sign)
            ordinal = span.first_ordinal
            for timestamp_ms, message, ingested_ms in self._decode(span):
                if low <= timestamp_ms <= high:
                    place = (timestamp_ms, span.stream_id, ordinal)
                    if after is None or (place < after if query.backward else place > after):
                        item = (sign * timestamp_ms, sign * span.stream_id, sign * ordinal)
                        heapq.heappush(heap, (*item, message, ingested_ms))
                ordinal += 1
        while heap:
            yield _unsigned(heapq.heappop(heap), sign)

    def _decode(self, span: _Span) -> Sequence[RawEvent]:
        key = (span.stream_id, span.first_ordinal)
        events = self._decoded.find(key)
        if events is None:
            row = self._connection.execute(
                "SELECT blob FROM log_chunks WHERE rowid = ?", (span.rowid,)
            ).fetchone()
            if row is None:  # retention took it while this page was being read
                return ()
            events = decode_chunk(row[0])
            self._decoded.keep(key, events)
        return events


_STREAMS_BY_INDEX_MAX = 100


def _scope(group_id: int, names: dict[int, str], query: EventQuery) -> tuple[str, tuple[int, ...]]:
    """The WHERE that picks the better index: few streams by theirs, many by the group's."""
    narrowed = query.streams is not None or query.stream_prefix
    if narrowed and len(names) <= _STREAMS_BY_INDEX_MAX:
        marks = ",".join("?" * len(names))
        return f"stream_id IN ({marks})", tuple(names)
    return "group_id = ?", (group_id,)


def _unsigned(item: tuple[int, int, int, str, int], sign: int) -> tuple[Position, str, int]:
    timestamp_ms, stream_id, ordinal, message, ingested_ms = item
    return Position(sign * timestamp_ms, sign * stream_id, sign * ordinal), message, ingested_ms
