"""Folders of this host that functions see: their code while it is being written, file systems.

A folder of code is watched from before the first environment that mounts it until something below
it changes. Then what runs from it is retired, once, and the watch ends; the next cold start begins
another one, and so sees folders that were made meanwhile. An invocation costs nothing for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from lambent.domain.errors import LambdaError
from lambent.domain.function import FunctionVersion
from lambent.placement.inotify import Inotify, TooManyFolders
from lambent.runtime.debuggers import FOLDER as DEBUGGER
from lambent.sandbox.interface import HostFolder

log = logging.getLogger("lambent")

TASK_ROOT = "/var/task"


class HostFolders:
    """Which folders a version's sandboxes get, and what follows when its code changes."""

    def __init__(self, file_systems: Mapping[str, Path]) -> None:
        """`file_systems`: ARN of an access point → folder of this host."""
        self._file_systems = file_systems
        self._watches: dict[str, tuple[Inotify, set[tuple[str, str]]]] = {}
        self.debuggers: dict[tuple[str, str], Path] = {}
        """By name and version of what is debugged: the folder of its debugger."""
        self.retire: Callable[[str, str], None] = lambda name, version: None
        """Told the name and version of what runs from a folder that has changed."""

    def needed(self, version: FunctionVersion) -> bool:
        """Whether its sandboxes see any folder of this host."""
        debugger = self.debuggers.get((version.name, version.version))
        return bool(version.hot_reload_folder or version.file_systems or debugger)

    async def take(self, version: FunctionVersion) -> tuple[HostFolder, ...]:
        """The folders; changes of its code are heard from now on.

        Raises LambdaError where one is gone.
        """
        folders = self._folders(version)
        if version.hot_reload_folder:
            await self._watch(version)
        return folders

    def _folders(self, version: FunctionVersion) -> tuple[HostFolder, ...]:
        folders = []
        if version.hot_reload_folder:
            folder = Path(version.hot_reload_folder)
            if not folder.is_dir():
                raise LambdaError(
                    "InvalidParameterValueException",
                    f"The hot-reload folder {folder} is gone. Make it again, or give the function "
                    "other code by UpdateFunctionCode.",
                    Type="User",
                )
            folders.append(HostFolder(source=folder, target=TASK_ROOT))
        for one in version.file_systems:
            source = self._file_systems.get(one.arn)
            if source is None or not source.is_dir():
                raise _mount_failure(one.arn, source)
            folders.append(HostFolder(source=source, target=one.local_mount_path, writable=True))
        debugger = self.debuggers.get((version.name, version.version))
        if debugger is not None:
            folders.append(HostFolder(source=debugger, target=DEBUGGER))
        return tuple(folders)

    def close(self) -> None:
        """Hear of nothing any more."""
        for path in list(self._watches):
            self._end(path)

    async def _watch(self, version: FunctionVersion) -> None:
        path, user = version.hot_reload_folder, (version.name, version.version)
        watch = self._watches.get(path)
        if watch is not None:
            watch[1].add(user)
            return
        inotify = Inotify()
        self._watches[path] = (inotify, {user})
        loop = asyncio.get_running_loop()
        loop.add_reader(inotify.descriptor, self._on_event, path)
        try:
            await asyncio.to_thread(inotify.add_tree, path)
        except (OSError, TooManyFolders) as error:
            log.warning("not every change below %s will be seen: %s", path, error)

    def _on_event(self, path: str) -> None:
        inotify, users = self._watches[path]
        if inotify.read():
            self._end(path)
            for name, version in users:
                self.retire(name, version)

    def _end(self, path: str) -> None:
        inotify, _ = self._watches.pop(path)
        asyncio.get_running_loop().remove_reader(inotify.descriptor)
        inotify.close()


def _mount_failure(arn: str, source: Path | None) -> LambdaError:
    """[B] EFSMountFailureException; text by its documentation, the rest is ours."""
    why = (
        "the server was started without a folder for it (--file-systems)"
        if source is None
        else f"the folder {os.fspath(source)} is not there"
    )
    return LambdaError(
        "EFSMountFailureException",
        f"The function couldn't mount the configured file system {arn}: {why}.",
        Type="User",
    )
