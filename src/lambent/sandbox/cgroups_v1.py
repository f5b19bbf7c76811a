"""Control groups version 1: every controller has a tree of its own.

The memory limit that the kernel enforces is memory + /tmp, because pages of a tmpfs are charged to
the group. The function's own memory is held to MemorySize by usage thresholds: the kernel signals
an eventfd when usage crosses one, and we then look at how much of it is files. Where files explain
the usage, thresholds around it are set, a step apart, so that files that make room for memory are
noticed too. Setting one waits for an RCU grace period (16 ms, asleep), hence the threads.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial

from .cgroup_tree import (
    CLOSE_DELAYS_S,
    Arming,
    CgroupEntry,
    read_bytes,
    remove_dead_servers,
    remove_tree,
    server_folder,
    stat_value,
    try_rmdir,
    write_text,
)
from .freezing import BY_SIGNALS, continue_all, pids_in, stop_all
from .interface import IsolationItem

_MIB = 1024 * 1024
_PERIOD_US = 10_000
"""Short, so that a ceiling that is reached stalls for milliseconds only."""
_THRESHOLD_STEP_MIB_MIN = 16
_THRESHOLD_STEPS_MAX = 16
_ARMING_THREADS = 8  # they only sleep in the kernel


def stat_error_bytes(memory_mib: int) -> int:
    """How far memory.stat may lag behind: the kernel batches 64 pages for each processor."""
    return min(64 * 4096 * (os.cpu_count() or 1), memory_mib * _MIB // 16)


class CgroupsV1:
    """Groups on the trees of the memory, cpu and pids controllers, as far as they are there."""

    def __init__(self, bases: Mapping[str, str]) -> None:
        """`bases`: controller → folder under which groups may be made (writable)."""
        self.bases = dict(bases)
        folder = server_folder(os.getpid())
        self._roots = {name: f"{base}/{folder}" for name, base in self.bases.items()}
        self._arming = ThreadPoolExecutor(_ARMING_THREADS, thread_name_prefix="cgroup-thresholds")

    def create(self, sandbox_id: str) -> CgroupV1:
        """A new group without limits. Raises OSError."""
        folders = {name: f"{root}/{sandbox_id}" for name, root in self._roots.items()}
        made: list[str] = []
        try:
            for folder in dict.fromkeys(folders.values()):
                try:
                    os.mkdir(folder)
                except FileNotFoundError:  # the first of this server
                    os.makedirs(folder)
                made.append(folder)
        except OSError:
            for folder in made:
                try_rmdir(folder)
            raise
        return CgroupV1(folders, self._arming)

    async def clean_leftovers(self) -> int:
        """Remove what servers that were killed left, processes too; how many groups went."""
        bases = tuple(dict.fromkeys(self.bases.values()))
        return await asyncio.to_thread(remove_dead_servers, bases)

    async def remove_all(self) -> None:
        """Everything of this server goes, with the processes in it."""
        await asyncio.to_thread(self._arming.shutdown, cancel_futures=True)
        for root in dict.fromkeys(self._roots.values()):
            await asyncio.to_thread(remove_tree, root)

    def report_items(self) -> tuple[IsolationItem, ...]:
        described = {
            "memory": "cgroup v1: MemorySize by usage thresholds, hard limit MemorySize + /tmp",
            "cpu": "cgroup v1: shares follow MemorySize, ceiling of whole processors",
            "pids": "cgroup v1: pids.max",
        }
        return tuple(
            IsolationItem(name=name, enforced=True, how=how)
            if name in self.bases
            else IsolationItem(
                name=name,
                enforced=False,
                how=f"the {name} controller is not mounted, or its folder is not writable",
                hint=f"mount -t cgroup -o {name} {name} /sys/fs/cgroup/{name}",
            )
            for name, how in described.items()
        )

    def describe_freezer(self) -> str:
        return BY_SIGNALS


class CgroupV1:
    """One sandbox's group in each tree. Holds at most two descriptors."""

    def __init__(self, folders: Mapping[str, str], arming: ThreadPoolExecutor) -> None:
        self._folders = folders
        self._distinct = tuple(dict.fromkeys(folders.values()))
        self._memory = folders.get("memory")
        self._executor = arming
        self._peak_fd = -1
        if self._memory is not None:
            path = f"{self._memory}/memory.max_usage_in_bytes"
            self._peak_fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._peak_raw = b""
        self._peak = 0
        self._memory_mib = 0
        self._step_bytes = _THRESHOLD_STEP_MIB_MIN * _MIB
        self._eventfd = -1
        self._armed: set[int] = set()
        self._armings: list[Arming] = []
        self._on_out_of_memory: Callable[[], None] | None = None
        self._out_of_memory = False

    def entry(self) -> CgroupEntry:
        """Descriptors by which a new process puts itself in, without the tail of `join`."""
        flags = os.O_WRONLY | os.O_CLOEXEC
        return CgroupEntry(
            write_zero=tuple(os.open(f"{folder}/tasks", flags) for folder in self._distinct)
        )

    def join(self, pid: int) -> None:
        """Move a process in from outside: 0.15 ms, at worst about 19 ms. Raises OSError."""
        for folder in self._distinct:
            write_text(f"{folder}/cgroup.procs", str(pid))

    def limit(self, *, memory_mib: int, tmp_mib: int, vcpus: float, processes_max: int) -> None:
        """Set every limit; once, before anything untrusted runs. Raises OSError."""
        if self._memory is not None:
            self._limit_memory(self._memory, memory_mib, tmp_mib)
        if (cpu := self._folders.get("cpu")) is not None:
            write_text(f"{cpu}/cpu.shares", str(max(2, round(vcpus * 1024))))
            cores = math.ceil(vcpus)
            if cores < (os.cpu_count() or 1):
                write_text(f"{cpu}/cpu.cfs_period_us", str(_PERIOD_US))
                write_text(f"{cpu}/cpu.cfs_quota_us", str(cores * _PERIOD_US))
        if (pids := self._folders.get("pids")) is not None:
            write_text(f"{pids}/pids.max", str(processes_max))

    def _limit_memory(self, folder: str, memory_mib: int, tmp_mib: int) -> None:
        hard = str((memory_mib + tmp_mib) * _MIB)
        write_text(f"{folder}/memory.limit_in_bytes", hard)
        try:
            write_text(f"{folder}/memory.memsw.limit_in_bytes", hard)  # no swap
        except FileNotFoundError:  # the kernel does not account swap
            pass
        self._memory_mib = memory_mib
        self._step_bytes = max(_THRESHOLD_STEP_MIB_MIN, tmp_mib // _THRESHOLD_STEPS_MAX) * _MIB

    def peak_bytes(self) -> int:
        """Highest use so far, less what is files (/tmp, page cache) now; 0 without the controller.

        0.4 µs while the peak stands, 4 µs when it has grown.
        """
        if self._peak_fd < 0:
            return self._peak
        raw = os.pread(self._peak_fd, 24, 0)
        if raw != self._peak_raw:
            self._peak_raw = raw
            used = int(raw) - stat_value(self._read("memory.stat"), b"cache")
            if self._memory_mib and not self._out_of_memory:
                # Files that have gone since would count otherwise; more would have been the end.
                used = min(used, self._memory_mib * _MIB)
            self._peak = max(self._peak, used)
        return self._peak

    def watch(self, on_out_of_memory: Callable[[], None]) -> None:
        """Call back once, from the running loop, when memory (without /tmp) exceeds MemorySize.

        After `limit`. The kernel may have killed one process by then; the caller ends the rest.
        """
        if self._memory is None:
            return
        self._on_out_of_memory = on_out_of_memory
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        asyncio.get_running_loop().add_reader(self._eventfd, self._on_event)
        self._register("memory.oom_control", "")
        self._arm(self._ceiling_bytes())

    def freeze(self) -> None:
        """By signals: 20 µs; joining a freezer's tree would cost each start milliseconds."""
        stop_all(partial(pids_in, self._distinct[0]))

    def thaw(self) -> None:
        continue_all(partial(pids_in, self._distinct[0]))

    def was_out_of_memory(self) -> bool:
        """Whether memory was the end of it; asked after the exit."""
        return self._out_of_memory or self._kernel_killed()

    async def close(self) -> None:
        """Give back descriptors and folders; what still holds a process after 0.8 s stays."""
        self._unwatch()
        self._out_of_memory = self.was_out_of_memory()
        if self._peak_fd >= 0:
            self.peak_bytes()
            os.close(self._peak_fd)
            self._peak_fd = -1
        for arming in self._armings:  # the descriptor must outlive a registration under way
            if not arming.cancel():
                try:
                    await asyncio.wrap_future(arming)
                except (OSError, CancelledError):
                    pass
        if self._eventfd >= 0:
            os.close(self._eventfd)
            self._eventfd = -1
        for delay_s in CLOSE_DELAYS_S:
            left = [folder for folder in self._distinct if not try_rmdir(folder)]
            if not left:
                return
            await asyncio.sleep(delay_s)

    def _ceiling_bytes(self) -> int:
        return self._memory_mib * _MIB + stat_error_bytes(self._memory_mib)

    def _on_event(self) -> None:
        try:
            os.eventfd_read(self._eventfd)
            usage = int(self._read("memory.usage_in_bytes"))
            used = usage - stat_value(self._read("memory.stat"), b"cache")
        except (BlockingIOError, FileNotFoundError):  # nothing new; the group is gone
            return
        if used > self._ceiling_bytes() or self._kernel_killed():
            self._out_of_memory = True
            self._unwatch()
            if self._on_out_of_memory is not None:
                self._on_out_of_memory()
            return
        below = (usage - self._ceiling_bytes()) // self._step_bytes
        for step in (below, below + 1):
            if 0 < step <= _THRESHOLD_STEPS_MAX:
                self._arm(self._ceiling_bytes() + step * self._step_bytes)

    def _arm(self, level: int) -> None:
        if level in self._armed:
            return
        self._armed.add(level)
        self._armings = [arming for arming in self._armings if not arming.done()]
        name = "memory.usage_in_bytes"
        self._armings.append(self._executor.submit(self._register, name, str(level)))

    def _register(self, name: str, argument: str) -> None:
        fd = os.open(f"{self._memory}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = f"{self._eventfd} {fd} {argument}".rstrip()
            write_text(f"{self._memory}/cgroup.event_control", text)
        finally:
            os.close(fd)

    def _unwatch(self) -> None:
        if self._eventfd >= 0:
            asyncio.get_running_loop().remove_reader(self._eventfd)

    def _kernel_killed(self) -> bool:
        if self._memory is None:
            return False
        try:
            return stat_value(self._read("memory.oom_control"), b"oom_kill") > 0
        except FileNotFoundError:
            return False

    def _read(self, name: str) -> bytes:
        return read_bytes(f"{self._memory}/{name}")
