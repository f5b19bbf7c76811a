"""The log file's rows: every statement that changes them, for one thread at a time.

`LogFile` owns the writing connection. WAL with synchronous NORMAL: a flush of function output does
not wait for the disk (power loss may take the last moments of it; a crash of the process takes
nothing that was committed, and neither corrupts the file). What a caller was promised
(PutLogEvents, created groups) is committed with synchronous FULL, which also brings down every
commit before it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import TypeVar

from lambent.store.log_chunks import Chunk, RawEvent, encode_chunk, split_events

T = TypeVar("T")

StreamKey = tuple[str, str]
"""(log group's name, log stream's name)."""
MS_PER_DAY = 86_400_000
Batch = Sequence[tuple[StreamKey, Sequence[RawEvent]]]

_NUMBERS_PER_MS_BITS = 12
_TRIM_TO = 0.9
"""A group that is over its bound is cut to this part of it, so that trimming is rare."""


class LogGroupNotFound(Exception):
    """No group of that name."""


class LogStreamNotFound(Exception):
    """The group is there, the stream is not."""


class LogGroupExists(Exception):
    """A group of that name is there already."""


class LogStreamExists(Exception):
    """A stream of that name is there already."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode that may be handed to another thread."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def find_group(connection: sqlite3.Connection, name: str) -> int:
    """The group's id. Raises LogGroupNotFound."""
    row = connection.execute("SELECT id FROM log_groups WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise LogGroupNotFound(name)
    return int(row[0])


class LogFile:
    """The writing side of the log file."""

    def __init__(self, path: Path, *, group_bytes_max: int) -> None:
        self._path = path
        self._group_bytes_max = group_bytes_max
        self._ids: dict[StreamKey, tuple[int, int]] = {}
        self.retention_days: dict[str, int] = {}
        """Of the groups that do not keep events for ever."""
        self.last_number = 0
        """Of the latest chunk. Numbers grow with time, and none is used twice: not even when its
        row is gone and the server has started anew, unless the clock went back meanwhile."""
        self._open()

    def _open(self) -> None:
        self._connection = connect(self._path)
        self._connection.executescript(
            resources.files("lambent.store").joinpath("logs_schema.sql").read_text("utf-8")
        )
        columns = self._connection.execute("SELECT name FROM pragma_table_info('log_groups')")
        if ("retention_days",) not in columns.fetchall():  # a file of before there was retention
            self._connection.execute("ALTER TABLE log_groups ADD COLUMN retention_days INTEGER")
        self.retention_days = dict(
            self._connection.execute(
                "SELECT name, retention_days FROM log_groups WHERE retention_days IS NOT NULL"
            ).fetchall()
        )
        (self.last_number,) = self._connection.execute(
            "SELECT coalesce(max(rowid), 0) FROM log_chunks"
        ).fetchone()

    def close(self) -> None:
        self._connection.close()

    def recreate(self) -> None:
        """An empty file in the place of this one: O(1), however much it held."""
        self._connection.close()
        for suffix in ("-wal", "-shm", ""):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._ids.clear()
        self._open()

    def forget(self, keys: Iterable[StreamKey]) -> None:
        """These streams will not be written to soon: their ids need not be kept at hand."""
        for key in keys:
            self._ids.pop(key, None)

    def store(self, batch: Batch, *, now_ms: int, durable: bool) -> None:
        """Append the events of each stream; groups and streams that are not there are created.

        One transaction. `durable` waits for the disk, also for what was stored before.
        """
        chunks = [
            (key, [encode_chunk(run) for run in split_events(events)], events)
            for key, events in batch
        ]

        def insert() -> None:
            grown: dict[int, int] = {}
            for key, encoded, events in chunks:
                group_id = self._append(key, encoded, events, now_ms)
                size = sum(chunk.disk_bytes for chunk in encoded)
                grown[group_id] = grown.get(group_id, 0) + size
            for group_id, size in grown.items():
                self._grow(group_id, size)

        self._transact(insert, durable=durable)

    def put(self, key: StreamKey, events: Sequence[RawEvent], *, now_ms: int) -> None:
        """Append to a stream that must exist, durably.

        Raises LogGroupNotFound, LogStreamNotFound.
        """
        self._find_stream(key)
        self.store([(key, events)], now_ms=now_ms, durable=True)

    def create_group(self, name: str, *, tags: str, now_ms: int) -> None:
        def insert() -> None:
            try:
                self._connection.execute(
                    "INSERT INTO log_groups (name, created_ms, tags) VALUES (?, ?, ?)",
                    (name, now_ms, tags),
                )
            except sqlite3.IntegrityError:
                raise LogGroupExists(name) from None

        self._transact(insert, durable=True)

    def delete_group(self, name: str) -> None:
        def delete() -> None:
            group_id = find_group(self._connection, name)
            for table in ("log_chunks", "log_streams"):
                self._connection.execute(f"DELETE FROM {table} WHERE group_id = ?", (group_id,))
            self._connection.execute("DELETE FROM log_groups WHERE id = ?", (group_id,))
            self.forget([key for key in self._ids if key[0] == name])

        self._transact(delete, durable=True)
        self.retention_days.pop(name, None)

    def create_stream(self, key: StreamKey, *, now_ms: int) -> None:
        def insert() -> None:
            group_id = find_group(self._connection, key[0])
            try:
                self._insert_stream(group_id, key[1], now_ms)
            except sqlite3.IntegrityError:
                raise LogStreamExists(key[1]) from None

        self._transact(insert, durable=True)

    def delete_stream(self, key: StreamKey) -> None:
        def delete() -> None:
            group_id, stream_id = self._find_stream(key)
            (freed,) = self._connection.execute(
                "SELECT coalesce(sum(disk_bytes), 0) FROM log_chunks WHERE stream_id = ?",
                (stream_id,),
            ).fetchone()
            self._connection.execute("DELETE FROM log_chunks WHERE stream_id = ?", (stream_id,))
            self._connection.execute("DELETE FROM log_streams WHERE id = ?", (stream_id,))
            self._grow(group_id, -freed)
            self.forget([key])

        self._transact(delete, durable=True)

    def set_tags(self, name: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        """What `change` makes of the group's tags. Raises LogGroupNotFound, and what it raises."""

        def update() -> None:
            group_id = find_group(self._connection, name)
            (text,) = self._connection.execute(
                "SELECT tags FROM log_groups WHERE id = ?", (group_id,)
            ).fetchone()
            self._connection.execute(
                "UPDATE log_groups SET tags = ? WHERE id = ?",
                (json.dumps(change(json.loads(text))), group_id),
            )

        self._transact(update, durable=True)

    def set_retention(self, name: str, days: int | None) -> None:
        """None keeps events for ever. Raises LogGroupNotFound."""

        def update() -> None:
            self._connection.execute(
                "UPDATE log_groups SET retention_days = ? WHERE id = ?",
                (days, find_group(self._connection, name)),
            )

        self._transact(update, durable=True)
        self.retention_days.pop(name, None)
        if days is not None:
            self.retention_days[name] = days

    def expire(self, *, now_ms: int) -> None:
        """Delete the chunks whose every event is older than its group keeps them."""

        def delete() -> None:
            kept = self._connection.execute(
                "SELECT id, retention_days FROM log_groups WHERE retention_days IS NOT NULL"
            ).fetchall()
            for group_id, days in kept:
                oldest_ms = now_ms - days * MS_PER_DAY
                freed = sum(
                    size
                    for (size,) in self._connection.execute(
                        "DELETE FROM log_chunks WHERE group_id = ? AND last_ts < ?"
                        " RETURNING disk_bytes",
                        (group_id, oldest_ms),
                    ).fetchall()
                )
                self._connection.execute(
                    "UPDATE log_groups SET disk_bytes = disk_bytes - ? WHERE id = ?",
                    (freed, group_id),
                )
                self._delete_emptied(group_id, oldest_ms)

        self._transact(delete, durable=False)

    def _transact(self, change: Callable[[], T], *, durable: bool) -> T:
        """Run `change` and commit; on any error nothing of it stays, ids are looked up anew."""
        connection = self._connection
        if durable:
            connection.execute("PRAGMA synchronous=FULL")
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = change()
            connection.execute("COMMIT")
            return result
        except BaseException:
            self._ids.clear()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            if durable:
                connection.execute("PRAGMA synchronous=NORMAL")

    def _find_stream(self, key: StreamKey) -> tuple[int, int]:
        group_id = find_group(self._connection, key[0])
        row = self._connection.execute(
            "SELECT id FROM log_streams WHERE group_id = ? AND name = ?", (group_id, key[1])
        ).fetchone()
        if row is None:
            raise LogStreamNotFound(key[1])
        return group_id, int(row[0])

    def _insert_stream(self, group_id: int, name: str, now_ms: int) -> int:
        cursor = self._connection.execute(
            "INSERT INTO log_streams (group_id, name, created_ms) VALUES (?, ?, ?)",
            (group_id, name, now_ms),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _ensure_stream(self, key: StreamKey, now_ms: int) -> tuple[int, int]:
        """(group id, stream id), from memory where possible; creates what is missing."""
        ids = self._ids.get(key)
        if ids is not None:
            return ids
        self._connection.execute(
            "INSERT OR IGNORE INTO log_groups (name, created_ms) VALUES (?, ?)", (key[0], now_ms)
        )
        try:
            ids = self._find_stream(key)
        except LogStreamNotFound:
            group_id = find_group(self._connection, key[0])
            ids = group_id, self._insert_stream(group_id, key[1], now_ms)
        self._ids[key] = ids
        return ids

    def _append(
        self, key: StreamKey, chunks: Sequence[Chunk], events: Sequence[RawEvent], now_ms: int
    ) -> int:
        """Write the chunks of one stream; the id of its group. Without any it only appears."""
        group_id, stream_id = self._ensure_stream(key, now_ms)
        if not chunks:
            return group_id
        ordinal = self._advance(stream_id, chunks, events[-1][2])
        if ordinal is None:  # retention took the emptied stream since the id was remembered
            del self._ids[key]
            group_id, stream_id = self._ensure_stream(key, now_ms)
            ordinal = self._advance(stream_id, chunks, events[-1][2])
            assert ordinal is not None
        for chunk in chunks:
            self.last_number = max(self.last_number + 1, now_ms << _NUMBERS_PER_MS_BITS)
            self._connection.execute(
                "INSERT INTO log_chunks (rowid, group_id, stream_id, first_ordinal, count,"
                " first_ts, last_ts, disk_bytes, blob) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self.last_number,
                    group_id,
                    stream_id,
                    ordinal,
                    chunk.count,
                    chunk.first_ts,
                    chunk.last_ts,
                    chunk.disk_bytes,
                    chunk.blob,
                ),
            )
            ordinal += chunk.count
        return group_id

    def _advance(
        self, stream_id: int, chunks: Sequence[Chunk], last_ingested_ms: int
    ) -> int | None:
        """Reserve ordinals for the chunks and note their times; the first ordinal, None if gone."""
        count = sum(chunk.count for chunk in chunks)
        first_ts = min(chunk.first_ts for chunk in chunks)
        last_ts = max(chunk.last_ts for chunk in chunks)
        row = self._connection.execute(
            "UPDATE log_streams SET next_ordinal = next_ordinal + ?1,"
            " first_ts = min(coalesce(first_ts, ?2), ?2),"
            " last_ts = max(coalesce(last_ts, ?3), ?3),"
            " last_ingested_ms = max(coalesce(last_ingested_ms, ?4), ?4)"
            " WHERE id = ?5 RETURNING next_ordinal",
            (count, first_ts, last_ts, last_ingested_ms, stream_id),
        ).fetchone()
        return None if row is None else int(row[0]) - count

    def _grow(self, group_id: int, size: int) -> None:
        """Account `size` more bytes to the group; cut its oldest chunks where it has too many."""
        if size == 0:
            return
        (held,) = self._connection.execute(
            "UPDATE log_groups SET disk_bytes = disk_bytes + ? WHERE id = ? RETURNING disk_bytes",
            (size, group_id),
        ).fetchone()
        if held <= self._group_bytes_max:
            return
        self._trim(group_id, excess=held - int(self._group_bytes_max * _TRIM_TO))

    def _trim(self, group_id: int, *, excess: int) -> None:
        """Drop the oldest chunks of at least `excess` bytes, and the streams left empty."""
        freed = oldest = 0
        doomed: list[tuple[int]] = []
        for rowid, disk_bytes, first_ts in self._connection.execute(
            "SELECT rowid, disk_bytes, first_ts FROM log_chunks WHERE group_id = ?"
            " ORDER BY first_ts, rowid",
            (group_id,),
        ):
            oldest = first_ts
            if freed >= excess:
                break
            doomed.append((rowid,))
            freed += disk_bytes
        self._connection.executemany("DELETE FROM log_chunks WHERE rowid = ?", doomed)
        self._connection.execute(
            "UPDATE log_groups SET disk_bytes = disk_bytes - ? WHERE id = ?", (freed, group_id)
        )
        self._delete_emptied(group_id, oldest)

    def _delete_emptied(self, group_id: int, oldest: int) -> None:
        """Streams that retention has emptied go too: a bound on chunks must bound the rows."""
        self._connection.execute(
            "DELETE FROM log_streams WHERE group_id = ? AND last_ts < ? AND NOT EXISTS"
            " (SELECT 1 FROM log_chunks WHERE stream_id = log_streams.id)",
            (group_id, oldest),
        )
