"""What is to be removed from disk: renamed into one folder now, deleted in a thread."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from concurrent.futures import Executor
from pathlib import Path


class Trash:
    """A folder on the file system of what it takes. It belongs to the event loop's thread."""

    def __init__(self, folder: Path, *, executor: Executor) -> None:
        self._folder = folder
        self._executor = executor
        self._removals: set[asyncio.Future[None]] = set()

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)

    def take(self, path: Path) -> None:
        """By one rename, at once; also what is not there."""
        try:
            os.rename(path, self._folder / uuid.uuid4().hex)
        except FileNotFoundError:
            pass

    def empty(self) -> None:
        """Delete what was taken, in a thread."""
        loop = asyncio.get_running_loop()
        removal = loop.run_in_executor(self._executor, _empty, self._folder)
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def close(self) -> None:
        """Wait for the removals under way."""
        while self._removals:
            await asyncio.wait(self._removals)


def _empty(folder: Path) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                try:
                    os.unlink(entry.path)
                except FileNotFoundError:
                    pass  # another removal was quicker
