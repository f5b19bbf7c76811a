"""The server's durable rows: SQLite behind one writer thread with group commit.

A write is a function that runs inside a transaction. The writer takes whatever waits (up to
`BATCH_MAX`), runs each in a savepoint of its own and commits once for all of them: one disk flush
serves every caller that waited during the one before it. The awaitable resolves after that commit,
so what was answered is on disk. A function that raises is rolled back alone. Reads run beside the
writer on a connection of their own and see what was committed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from lambent.domain.errors import PlatformFault

T = TypeVar("T")

BATCH_MAX = 256
"""Functions that share one commit."""
WAITING_MAX = 20_000
"""Functions that may wait for either thread."""


class _Job:
    """One function that waits for a thread, and whom to tell."""

    __slots__ = ("error", "function", "future", "result")

    def __init__(
        self, function: Callable[[sqlite3.Connection], Any], future: asyncio.Future[Any]
    ) -> None:
        self.function = function
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class Database:
    """One SQLite file, owned by this process alone from `start` to `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = _Thread("lambent-db-write", self._open_writer, _run_batch)
        self._reader = _Thread("lambent-db-read", self._open_reader, _run_reads)
        self._lock = -1

    async def start(self) -> None:
        """Open, migrate, begin to serve. Raises PlatformFault where another server has the file."""
        self._lock = _lock(self._path)
        try:
            await self._writer.start()
            await self._reader.start()
        except BaseException:
            await self.close()
            raise

    async def write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What `function` returned, once that is on disk; what it raised, rolled back."""
        return await asyncio.shield(self.submit(function))

    def submit(self, function: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """`write` for those who must learn of the outcome even when their caller gives up.

        Futures are resolved in the order of the calls.
        """
        return self._writer.submit(function)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What `function` returned from one consistent view of what was committed."""
        return await self._reader.submit(function)

    async def close(self) -> None:
        """Finish everything that waits, then close; idempotent."""
        await self._reader.stop()
        await self._writer.stop()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _open_writer(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection)
        return connection

    def _open_reader(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
        return connection


class _Thread:
    """A thread with a connection of its own; takes jobs in order and ends when told."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], sqlite3.Connection],
        run: Callable[[sqlite3.Connection, list[_Job]], None],
    ) -> None:
        self._name = name
        self._connect = connect
        self._run = run
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finished: asyncio.Future[None] | None = None
        self._accepting = False

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._finished = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, args=(opened,), name=self._name)
        self._thread.start()
        await opened
        self._accepting = True

    def submit(self, function: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        if not self._accepting or self._loop is None:
            raise PlatformFault("the database is closed")
        if self._jobs.qsize() >= WAITING_MAX:
            raise PlatformFault(f"more than {WAITING_MAX} database calls wait")
        job = _Job(function, self._loop.create_future())
        self._jobs.put(job)
        return job.future

    async def stop(self) -> None:
        thread, self._thread = self._thread, None
        self._accepting = False
        if thread is None or self._finished is None:
            return
        self._jobs.put(None)
        await self._finished
        thread.join()  # it has nothing left to do

    def _main(self, opened: asyncio.Future[None]) -> None:
        assert self._loop is not None
        assert self._finished is not None
        try:
            connection = self._connect()
        except Exception as error:  # told to `start`, which raises it
            self._loop.call_soon_threadsafe(_settle_future, opened, error)
        else:
            self._loop.call_soon_threadsafe(_settle_future, opened, None)
            try:
                while batch := self._take():
                    self._run(connection, batch)
                    self._loop.call_soon_threadsafe(_settle, batch)
            finally:
                connection.close()
        finally:
            self._loop.call_soon_threadsafe(_settle_future, self._finished, None)

    def _take(self) -> list[_Job]:
        """The jobs that wait, at least one; none when it is time to end."""
        first = self._jobs.get()
        if first is None:
            return []
        batch = [first]
        while len(batch) < BATCH_MAX:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)  # nothing is accepted any more: it is the last again
                break
            batch.append(job)
        return batch


def _settle_future(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _settle(batch: list[_Job]) -> None:
    """Tell the callers, in the order of their calls; a cancelled caller's write stands."""
    for job in batch:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)


def _run_reads(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    for job in batch:
        try:
            connection.execute("BEGIN")
            job.result = job.function(connection)
        except Exception as error:  # raised to the caller
            job.error = error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _run_batch(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    """Run and commit; when the commit itself fails, every one of the batch has failed."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in batch:
            _run_in_savepoint(connection, job)
        connection.execute("COMMIT")
    except Exception as error:  # each caller is told, none was answered
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for job in batch:
            job.error = job.error or PlatformFault(f"the database did not commit: {error}")


def _run_in_savepoint(connection: sqlite3.Connection, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.function(connection)
    except Exception as error:  # raised to the caller
        if not connection.in_transaction:
            raise  # a full disk or an I/O error has rolled back the whole batch
        job.error = error
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply the numbered files of `migrations/` that are new, each in a transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    known = migrations()
    if version > max(known):
        raise PlatformFault(
            f"the database has schema {version}, this Lambent knows up to {max(known)}: "
            "it was written by a newer version"
        )
    for number in sorted(number for number in known if number > version):
        script = f"BEGIN;\n{known[number]}\nPRAGMA user_version = {number};\nCOMMIT;"
        try:
            connection.executescript(script)
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise PlatformFault(f"migration {number} of the database failed: {error}") from error


def migrations() -> dict[int, str]:
    """Number → SQL of every migration that this version ships."""
    folder = files("lambent.store") / "migrations"
    return {
        int(entry.name.split("_", 1)[0]): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    }


def _lock(path: Path) -> int:
    """A lock that ends with the process: two servers on one file would work past each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise PlatformFault(f"{path} is in use by another Lambent: {error.strerror}") from error
    return descriptor
