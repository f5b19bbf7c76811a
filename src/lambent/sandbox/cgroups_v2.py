"""Control groups version 2: one tree, a part of which is ours (root, or delegated to us).

The kernel's hard limit is memory + /tmp, because pages of a tmpfs are charged to the group. The
function's own memory is held to MemorySize by memory.high: the kernel slows the group down there
and counts it in memory.events, of which inotify tells (polling a kernfs file would wake an event
loop for ever). We then see how much is files, and move memory.high up by as much.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import struct
from collections.abc import Callable
from functools import partial

from .cgroup_tree import (
    CLOSE_DELAYS_S,
    CgroupEntry,
    read_bytes,
    remove_dead_servers,
    remove_tree,
    server_folder,
    stat_value,
    try_rmdir,
    write_text,
)
from .cgroups_v1 import stat_error_bytes
from .freezing import BY_SIGNALS, continue_all, pids_in, stop_all
from .interface import IsolationItem

_MIB = 1024 * 1024
_PERIOD_US = 10_000
_IN_MODIFY = 0x2
_IN_IGNORED = 0x8000
_EVENT = struct.Struct("iIII")  # inotify(7): watch, mask, cookie, length of a name (always 0 here)


class MemoryEvents:
    """One inotify descriptor for the memory.events of all groups of a server."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = -1
        self._callbacks: dict[int, Callable[[], None]] = {}

    def add(self, path: str, callback: Callable[[], None]) -> int:
        """Call back from the running loop whenever the file changes; gives the watch's number."""
        if self._fd < 0:
            self._fd = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), path)
            asyncio.get_running_loop().add_reader(self._fd, self._on_readable)
        watch = self._libc.inotify_add_watch(self._fd, path.encode(), _IN_MODIFY)
        self._callbacks[self._checked(watch, path)] = callback
        return int(watch)

    def remove(self, watch: int) -> None:
        if self._callbacks.pop(watch, None) is not None:
            self._libc.inotify_rm_watch(self._fd, watch)  # fails when the group has gone: fine

    def close(self) -> None:
        self._callbacks.clear()
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, 64 * 1024)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch, mask, _cookie, name_len = _EVENT.unpack_from(data, at)
            at += _EVENT.size + name_len
            callback = self._callbacks.get(watch)
            if mask & _IN_IGNORED:  # the group has gone, and the kernel's watch with it
                self._callbacks.pop(watch, None)
            elif callback is not None:
                callback()

    def _checked(self, result: int, path: str) -> int:
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"{os.strerror(error)}, watching with inotify", path)
        return result


class CgroupsV2:
    """Groups below one folder of the unified tree."""

    def __init__(self, base: str, controllers: frozenset[str]) -> None:
        """`base` hands `controllers` down to its children already (cgroup.subtree_control)."""
        self.base = base
        self.controllers = controllers
        self._root = f"{base}/{server_folder(os.getpid())}"
        self._events = MemoryEvents()

    def create(self, sandbox_id: str) -> CgroupV2:
        """A new group without limits. Raises OSError."""
        folder = f"{self._root}/{sandbox_id}"
        try:
            os.mkdir(folder)
        except FileNotFoundError:  # the first of this server
            os.mkdir(self._root)
            wanted = " ".join(f"+{name}" for name in sorted(self.controllers))
            if wanted:
                write_text(f"{self._root}/cgroup.subtree_control", wanted)
            os.mkdir(folder)
        return CgroupV2(folder, self.controllers, self._events)

    async def clean_leftovers(self) -> int:
        """Remove what servers that were killed left, processes too; how many groups went."""
        return await asyncio.to_thread(remove_dead_servers, (self.base,))

    async def remove_all(self) -> None:
        """Everything of this server goes, with the processes in it."""
        self._events.close()
        await asyncio.to_thread(remove_tree, self._root)

    def report_items(self) -> tuple[IsolationItem, ...]:
        described = {
            "memory": "cgroup v2: MemorySize by memory.high, hard limit MemorySize + /tmp",
            "cpu": "cgroup v2: weight follows MemorySize, ceiling of whole processors",
            "pids": "cgroup v2: pids.max",
        }
        return tuple(
            IsolationItem(name=name, enforced=True, how=how)
            if name in self.controllers
            else IsolationItem(
                name=name,
                enforced=False,
                how=f"the {name} controller is not handed down to {self.base}",
                hint="systemctl set-property user.slice Delegate='cpu memory pids', or run as root",
            )
            for name, how in described.items()
        )

    def describe_freezer(self) -> str:
        if os.path.exists(f"{self.base}/cgroup.freeze"):
            return "cgroup v2: cgroup.freeze while no invocation is under way"
        return BY_SIGNALS


class CgroupV2:
    """One sandbox's group. Holds one descriptor."""

    def __init__(self, folder: str, controllers: frozenset[str], events: MemoryEvents) -> None:
        self._folder = folder
        self._controllers = controllers
        self._events = events
        self._watch = -1
        self._peak_fd = self._open_peak() if "memory" in controllers else -1
        self._peak_raw = b""
        self._peak = 0
        self._memory_mib = 0
        self._high = 0
        self._on_out_of_memory: Callable[[], None] | None = None
        self._out_of_memory = False

    def _open_peak(self) -> int:
        flags = os.O_RDONLY | os.O_CLOEXEC
        try:
            return os.open(f"{self._folder}/memory.peak", flags)
        except FileNotFoundError:  # before Linux 5.19: what is used when asked
            return os.open(f"{self._folder}/memory.current", flags)

    def entry(self) -> CgroupEntry:
        """A descriptor by which clone3 puts a new process in, without the tail of `join`."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return CgroupEntry(clone_into=os.open(self._folder, flags))

    def join(self, pid: int) -> None:
        """Move a process in from outside; may wait milliseconds. Raises OSError."""
        write_text(f"{self._folder}/cgroup.procs", str(pid))

    def limit(self, *, memory_mib: int, tmp_mib: int, vcpus: float, processes_max: int) -> None:
        """Set every limit; once, before anything untrusted runs. Raises OSError."""
        if "memory" in self._controllers:
            self._memory_mib = memory_mib
            write_text(f"{self._folder}/memory.max", str((memory_mib + tmp_mib) * _MIB))
            for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
                try:
                    write_text(f"{self._folder}/{name}", value)
                except FileNotFoundError:  # no swap accounting; before Linux 4.19
                    pass
        if "cpu" in self._controllers:
            weight = min(10_000, max(1, round(vcpus * 100)))
            write_text(f"{self._folder}/cpu.weight", str(weight))
            quota_us = math.ceil(vcpus) * _PERIOD_US
            write_text(f"{self._folder}/cpu.max", f"{quota_us} {_PERIOD_US}")
        if "pids" in self._controllers:
            write_text(f"{self._folder}/pids.max", str(processes_max))

    def peak_bytes(self) -> int:
        """Highest use so far, less what is files (/tmp, page cache) now; 0: not accounted."""
        if self._peak_fd < 0:
            return self._peak
        raw = os.pread(self._peak_fd, 24, 0)
        if raw != self._peak_raw:
            self._peak_raw = raw
            files = stat_value(self._read("memory.stat"), b"file")
            used = int(raw) - files
            if self._memory_mib and not self._out_of_memory:
                # Files that have gone since would count otherwise; more would have been the end.
                used = min(used, self._memory_mib * _MIB)
            self._peak = max(self._peak, used)
            if self._high > self._ceiling_bytes():  # files that went must not leave room behind
                self._set_high(self._ceiling_bytes() + files)
        return self._peak

    def watch(self, on_out_of_memory: Callable[[], None]) -> None:
        """Call back once, from the running loop, when memory (without /tmp) exceeds MemorySize.

        After `limit`. The kernel may have killed the group by then; the caller ends the rest.
        """
        if "memory" not in self._controllers:
            return
        self._on_out_of_memory = on_out_of_memory
        self._watch = self._events.add(f"{self._folder}/memory.events", self._on_event)
        self._set_high(self._ceiling_bytes())

    def freeze(self) -> None:
        """Asked for, not waited for: 20 µs."""
        self._set_frozen("1")

    def thaw(self) -> None:
        self._set_frozen("0")

    def _set_frozen(self, value: str) -> None:
        try:
            write_text(f"{self._folder}/cgroup.freeze", value)
        except FileNotFoundError:  # the group is gone; before Linux 5.2
            if value == "1":
                stop_all(partial(pids_in, self._folder))
            else:
                continue_all(partial(pids_in, self._folder))

    def was_out_of_memory(self) -> bool:
        """Whether memory was the end of it; asked after the exit."""
        return self._out_of_memory or self._kernel_killed()

    async def close(self) -> None:
        """Give back descriptors and folder; what still holds a process after 0.8 s stays."""
        self._unwatch()
        self._out_of_memory = self.was_out_of_memory()
        if self._peak_fd >= 0:
            self.peak_bytes()
            os.close(self._peak_fd)
            self._peak_fd = -1
        for delay_s in CLOSE_DELAYS_S:
            if try_rmdir(self._folder):
                return
            await asyncio.sleep(delay_s)

    def _ceiling_bytes(self) -> int:
        return self._memory_mib * _MIB + stat_error_bytes(self._memory_mib)

    def _set_high(self, level: int) -> None:
        self._high = level
        write_text(f"{self._folder}/memory.high", str(level))

    def _on_event(self) -> None:
        try:
            files = stat_value(self._read("memory.stat"), b"file")
            used = int(self._read("memory.current")) - files
        except FileNotFoundError:
            return
        if used > self._ceiling_bytes() or self._kernel_killed():
            self._out_of_memory = True
            self._unwatch()
            if self._on_out_of_memory is not None:
                self._on_out_of_memory()
        else:
            self._set_high(self._ceiling_bytes() + files)

    def _unwatch(self) -> None:
        if self._watch >= 0:
            self._events.remove(self._watch)
            self._watch = -1

    def _kernel_killed(self) -> bool:
        try:
            return stat_value(self._read("memory.events"), b"oom_kill") > 0
        except FileNotFoundError:
            return False

    def _read(self, name: str) -> bytes:
        return read_bytes(f"{self._folder}/{name}")
