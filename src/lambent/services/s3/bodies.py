"""The bytes of objects: small ones as rows, large ones as files.

A file is written under the name that it keeps; it becomes an object's by the row of `s3_bodies`
that names it, committed with the object's own. Until then nothing reads it, and what a crash leaves
without a row is swept at the next start. File and folder are flushed before that commit.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from lambent.domain.ids import new_name
from lambent.services.s3 import body_rows
from lambent.store.database import Database

T = TypeVar("T")

INLINE_BYTES_MAX = 16 * 1024
"""[own] Bodies up to here are rows: a file of its own would cost two flushes more."""
READ_BYTES = 256 * 1024
THREADS = 4


class Segment(NamedTuple):
    """One run of an object's bytes: an object that was put has one, a multipart one many."""

    body_id: str
    size: int


class FileWriter:
    """One file that is being written; its methods block, but for `close`."""

    def __init__(self, body_id: str, path: Path) -> None:
        self.body_id = body_id
        self._path = path
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._path.open("xb", buffering=0)  # `close` closes it
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) or 0 :]

    def finish(self) -> None:
        """On disk, with its name, when this returns."""
        assert self._file is not None
        os.fsync(self._file.fileno())
        self.close()
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        self.close()
        self._path.unlink(missing_ok=True)


class Bodies:
    """All bodies of one server."""

    def __init__(self, root: Path, database: Database) -> None:
        self.root = root
        self._database = database
        self.executor = ThreadPoolExecutor(THREADS, "lambent-s3")
        self._unborn: set[str] = set()
        """Files that are written or about to be committed: the sweep leaves them alone."""
        self._readers: dict[str, int] = {}
        self._doomed: set[str] = set()
        """Files to remove once nobody reads them."""

    def prepare(self) -> None:
        """Make the folders. Blocks."""
        for number in range(256):
            (self.root / f"{number:02x}").mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, body_id: str) -> Path:
        return self.root / body_id[:2] / body_id

    def new_id(self) -> str:
        return new_name()

    def open_writer(self) -> FileWriter:
        body_id = self.new_id()
        self._unborn.add(body_id)
        return FileWriter(body_id, self.path(body_id))

    def settled(self, body_ids: Iterable[str]) -> None:
        """These were committed, or discarded."""
        self._unborn.difference_update(body_ids)

    @contextmanager
    def holding(self, body_ids: Iterable[str]) -> Iterator[None]:
        """While they are read, files stay though their objects are deleted."""
        held = list(body_ids)
        for body_id in held:
            self._readers[body_id] = self._readers.get(body_id, 0) + 1
        try:
            yield
        finally:
            self._release(held)

    def _release(self, body_ids: list[str]) -> None:
        for body_id in body_ids:
            left = self._readers.pop(body_id) - 1
            if left:
                self._readers[body_id] = left
            elif body_id in self._doomed:
                self._doomed.discard(body_id)
                self.executor.submit(_unlink, [self.path(body_id)])

    async def remove(self, body_ids: Iterable[str]) -> None:
        """Files whose rows are gone."""
        paths = []
        for body_id in body_ids:
            if body_id in self._readers:
                self._doomed.add(body_id)
            else:
                paths.append(self.path(body_id))
        if paths:
            await self.run(_unlink, paths)

    async def link(self, segments: Iterable[Segment]) -> list[tuple[Segment, bytes | None]]:
        """A copy of each: another name of the same file, or the same bytes as a row.

        Raises FileNotFoundError where one is gone by now.
        """
        copies: list[tuple[Segment, bytes | None]] = []
        for segment in segments:
            content = await self.load_inline(segment.body_id)
            copy = Segment(self.new_id(), segment.size)
            if content is None:
                self._unborn.add(copy.body_id)
                await self.run(_link, self.path(segment.body_id), self.path(copy.body_id))
            copies.append((copy, content))
        return copies

    async def load_inline(self, body_id: str) -> bytes | None:
        """The bytes of a body that is a row; None where it is a file.

        Raises FileNotFoundError where there is no such body.
        """
        found = await self._database.read(lambda c: body_rows.load_body(c, body_id))
        if found is None:
            raise FileNotFoundError(body_id)
        return found[0]

    async def read(self, body_id: str, start: int, length: int) -> AsyncIterator[bytes]:
        """A run of a body in parts. Raises FileNotFoundError."""
        content = await self.load_inline(body_id)
        if content is not None:
            yield content[start : start + length]
            return
        file = await self.run(_open, self.path(body_id), start)
        with file:
            while length:
                part = await self.run(file.read, min(length, READ_BYTES))
                if not part:
                    raise OSError(f"{self.path(body_id)} is shorter than its object")
                length -= len(part)
                yield part

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function` in one of the threads for files."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)

    async def sweep(self) -> int:
        """Remove the files that no row names; how many there were."""
        count = 0
        for number in range(256):
            names = await self.run(_list, self.root / f"{number:02x}")
            suspects = [name for name in names if name not in self._unborn]
            known = await self._database.read(lambda c, s=suspects: body_rows.known(c, s))  # type: ignore[misc]
            orphans = [name for name in suspects if name not in known]
            count += len(orphans)
            await self.remove(orphans)
        return count

    def close(self) -> None:
        self.executor.shutdown(wait=True)


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    os.link(source, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open(path: Path, start: int) -> BinaryIO:
    file = path.open("rb", buffering=0)  # the reader closes it
    file.seek(start)
    return file


def _list(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.exists() else []
