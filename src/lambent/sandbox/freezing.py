"""Stop every process of a sandbox, and let them go on, by signals: where no cgroup v2 can do it.

A stop signal stops all threads of a process; one that forks meanwhile is caught by looking again.
SIGSTOP and SIGCONT reach the first process of a pid namespace from outside, whatever it handles.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable

BY_SIGNALS = "SIGSTOP to every process while no invocation is under way"
_PASSES_MAX = 8

List = Callable[[], Iterable[int]]
"""The processes as they are now, in the host's numbers."""


def stop_all(pids: List) -> None:
    stopped: set[int] = set()
    for _ in range(_PASSES_MAX):
        fresh = set(pids()) - stopped
        if not fresh:
            return
        _signal(fresh, signal.SIGSTOP)
        stopped |= fresh


def continue_all(pids: List) -> None:
    _signal(pids(), signal.SIGCONT)


def pids_in(folder: str) -> list[int]:
    """Of a control group; none where it is gone."""
    try:
        with open(f"{folder}/cgroup.procs", "rb") as procs:
            return [int(line) for line in procs.read().split()]
    except OSError:
        return []


def pids_below(pid: int) -> list[int]:
    """`pid` and all its descendants, by /proc."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            found += _children(parent, thread)
    return found


def _children(pid: int, thread: str) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{thread}/children", "rb") as children:
            return [int(child) for child in children.read().split()]
    except OSError:  # it ended, or the kernel was built without this file
        return []


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        if pid > 0:  # 0: a process that this server's own pid namespace does not show
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                pass
