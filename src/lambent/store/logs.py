"""The log store: CloudWatch Logs' groups, streams and events, written live by running functions.

Theory of operation. `flush` takes what is pending in the buffer and hands it to the writing thread,
which stores one chunk a stream in one transaction; `run` does so at most `FLUSH_INTERVAL_S` after
the first event, earlier under pressure, and sleeps while nothing is written. Every read flushes
first, so what a function has just printed is found by the next call, and readers need to look in
one place only.

Bounds: an event (longer ones are split), the buffer, a group on disk (its oldest chunks go).

Function output is not accepted input: a crash of the process may lose what was not flushed, power
loss what the disk did not have yet. What callers were promised (`put_events`, `create_*`) is on
disk when the call returns. Belongs to one event loop; only that loop's thread may write.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lambent.domain.limits import LOG_GROUP_BYTES_MAX
from lambent.store.log_buffer import PENDING_BYTES_MAX, LogBuffer, LogStream
from lambent.store.log_query import (
    EventPage,
    EventQuery,
    LogGroup,
    LogReader,
    LogStreamInfo,
    StoredChunk,
)
from lambent.store.log_rows import LogFile

T = TypeVar("T")

_log = logging.getLogger(__name__)


class LogStore:
    """All log groups of one server, in one file of their own."""

    def __init__(
        self,
        path: Path,
        *,
        group_bytes_max: int = LOG_GROUP_BYTES_MAX,
        pending_bytes_max: int = PENDING_BYTES_MAX,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """Opens or creates the file. Raises sqlite3.Error when it cannot."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.buffer = LogBuffer(pending_bytes_max)
        self._wall_s = wall_s
        self._file = LogFile(path, group_bytes_max=group_bytes_max)
        self._reader = LogReader(path)
        self._writing = ThreadPoolExecutor(1, "lambent-logs-write")
        self._reading = ThreadPoolExecutor(1, "lambent-logs-read")
        self._lock = asyncio.Lock()
        self.watched: set[str] = set()
        """Groups whose growth is told to `on_grown`, after it is stored."""
        self.on_grown: Callable[[str], None] = lambda group: None

    # Writing

    def open_stream(self, group: str, stream: str) -> LogStream:
        """The stream of that name, to write to; group and stream appear with the next flush."""
        return self.buffer.open_stream((group, stream))

    async def run(self) -> None:
        """Flush what is written, for ever; to be run as a task of the server's TaskGroup.

        A failed flush (disk full) is logged once until one succeeds; its events stay in the buffer.
        """
        failing = False
        while True:
            await self.buffer.until_due(failing=failing)
            try:
                await self.flush()
                failing = False
            except sqlite3.Error as error:
                if not failing:
                    _log.error("cannot store function logs, will go on trying: %s", error)
                failing = True

    async def flush(self) -> None:
        """Store everything that is pending. Raises sqlite3.Error; then it is pending again."""
        async with self._lock:
            batch = self.buffer.take()
            if not batch:
                return
            rows = [(stream.key, events) for stream, events in batch]
            stored = self._on(
                self._writing, lambda: self._file.store(rows, now_ms=self._now_ms(), durable=False)
            )
            try:
                await _settled(stored)
            finally:
                if stored.exception() is None:
                    done = self.buffer.settled(batch)
                    if done:
                        self._on(self._writing, lambda: self._file.forget(done))
                    self._tell_grown({stream.key[0] for stream, events in batch if events})
                else:
                    self.buffer.put_back(batch)

    async def put_events(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Append events to an existing stream; they are on disk when this returns.

        `events` are (timestamp_ms, message). Raises LogGroupNotFound, LogStreamNotFound.
        """
        now_ms = self._now_ms()
        rows = [(timestamp_ms, message, now_ms) for timestamp_ms, message in events]
        await self._changed(lambda: self._file.put((group, stream), rows, now_ms=now_ms))
        self._tell_grown({group})

    async def create_group(self, name: str, *, tags: Mapping[str, str] | None = None) -> None:
        """Raises LogGroupExists."""
        text = json.dumps(tags or {})
        await self._changed(lambda: self._file.create_group(name, tags=text, now_ms=self._now_ms()))

    async def delete_group(self, name: str) -> None:
        """The group with all it holds; a function that goes on writing makes it anew, as on AWS.

        Raises LogGroupNotFound.
        """
        await self._changed(lambda: self._file.delete_group(name))

    async def create_stream(self, group: str, name: str) -> None:
        """Raises LogGroupNotFound, LogStreamExists."""
        key = (group, name)
        await self._changed(lambda: self._file.create_stream(key, now_ms=self._now_ms()))

    async def delete_stream(self, group: str, name: str) -> None:
        """Raises LogGroupNotFound, LogStreamNotFound."""
        await self._changed(lambda: self._file.delete_stream((group, name)))

    async def change_tags(
        self, group: str, change: Callable[[dict[str, str]], dict[str, str]]
    ) -> None:
        """What `change` (called in the writing thread) makes of the group's tags.

        Raises LogGroupNotFound, and what it raises.
        """
        await self._changed(lambda: self._file.set_tags(group, change))

    async def set_retention(self, group: str, days: int | None) -> None:
        """None keeps events for ever. Raises LogGroupNotFound."""
        await self._changed(lambda: self._file.set_retention(group, days))

    async def expire(self) -> None:
        """Delete what its group no longer keeps."""
        await self._changed(lambda: self._file.expire(now_ms=self._now_ms()))

    # Reading

    def retention_days(self, group: str) -> int | None:
        """How long a group keeps its events; None for ever."""
        return self._file.retention_days.get(group)

    async def last_number(self) -> int:
        """Beyond it is what comes from now on: for `find_chunks`."""
        await self.flush()
        return await self._write(lambda: self._file.last_number)

    async def find_chunks(
        self, group: str, *, after: int, limit: int, use: Callable[[list[StoredChunk]], T]
    ) -> T:
        """What `use` (called in the reading thread) makes of what came into the group since.

        What is not flushed yet is not among it. Raises LogGroupNotFound.
        """
        return await _settled(
            self._on(self._reading, lambda: use(self._reader.chunks_after(group, after, limit)))
        )

    async def find_tags(self, group: str) -> dict[str, str]:
        """Raises LogGroupNotFound."""
        return await self._read(lambda reader: reader.tags(group))

    async def describe_groups(
        self, *, prefix: str = "", pattern: str = "", after: str = "", limit: int = 50
    ) -> tuple[list[LogGroup], bool]:
        """Groups by name from beyond `after`, and whether there are more.

        `pattern` is a case-sensitive substring.
        """
        return await self._read(
            lambda reader: reader.groups(prefix=prefix, pattern=pattern, after=after, limit=limit)
        )

    async def describe_streams(
        self,
        group: str,
        *,
        prefix: str = "",
        by_time: bool = False,
        descending: bool = False,
        offset: int = 0,
        limit: int = 50,
    ) -> tuple[list[LogStreamInfo], bool]:
        """Streams by name or by their last event, and whether there are more.

        Raises LogGroupNotFound.
        """
        return await self._read(
            lambda reader: reader.streams(
                group,
                prefix=prefix,
                by_time=by_time,
                descending=descending,
                offset=offset,
                limit=limit,
            )
        )

    async def find_events(self, query: EventQuery) -> EventPage:
        """One page of events, everything written up to now included.

        Raises LogGroupNotFound, LogStreamNotFound.
        """
        return await self._read(lambda reader: reader.events(query))

    # The whole

    async def clear(self) -> None:
        """Back to empty (a reset). Streams that are open stay usable and start anew."""
        self.buffer.clear()
        async with self._lock:
            await _settled(self._on(self._reading, self._reader.close))
            try:
                await self._write(self._file.recreate)
            finally:
                await _settled(self._on(self._reading, self._reader.reopen))

    async def close(self) -> None:
        """Store what is pending and let go of the file and the threads."""
        try:
            await self.flush()
        finally:
            await _settled(self._on(self._reading, self._reader.close))
            await self._write(self._file.close)
            self._reading.shutdown(wait=False)
            self._writing.shutdown(wait=False)

    # Inside

    def _now_ms(self) -> int:
        return int(self._wall_s() * 1000)

    def _tell_grown(self, groups: set[str]) -> None:
        for group in self.watched & groups:
            self.on_grown(group)

    async def _changed(self, change: Callable[[], None]) -> None:
        """A durable change, after everything that was written before it."""
        await self.flush()
        async with self._lock:
            await self._write(change)

    async def _read(self, query: Callable[[LogReader], T]) -> T:
        await self.flush()
        return await _settled(self._on(self._reading, lambda: query(self._reader)))

    async def _write(self, change: Callable[[], T]) -> T:
        return await _settled(self._on(self._writing, change))

    def _on(self, thread: ThreadPoolExecutor, call: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(thread, call)


async def _settled(future: asyncio.Future[T]) -> T:
    """The future's result; a cancellation waits for it first, so that no work is half-known."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # seen: what matters of it is in the caller's `finally`
        raise cancelled
    return future.result()
