"""What both versions of control groups share: names, files, and clearing a tree away.

Every server keeps its groups under `lambent-<pid>-<start ticks>/<sandbox id>`, so that a later one
can tell whose they are and remove those of a dead server.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

_FOLDER = re.compile(r"lambent-(\d+)-(\d+)")
_REMOVE_TIMEOUT_S = 2.0
"""How long processes that were killed may take to leave their group."""
CLOSE_DELAYS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Waits between attempts to remove a group that still holds a dying process."""

Arming = Future[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupEntry:
    """The quick way into a group, used by the new process itself; the caller closes the fds.

    Being moved from outside (`cgroup.procs`) waits for an RCU grace period now and then (4–19 ms);
    neither of these two does.
    """

    clone_into: int | None = None
    """v2: directory fd for clone3's CLONE_INTO_CGROUP."""
    write_zero: tuple[int, ...] = ()
    """v1: the first thing the child does is to write b"0" to each (`tasks` files)."""

    def close(self) -> None:
        for fd in (*self.write_zero, *(() if self.clone_into is None else (self.clone_into,))):
            os.close(fd)


def start_ticks(pid: int, proc: str = "/proc") -> int | None:
    """When a process began, in clock ticks since boot (proc(5), stat field 22); None: no such."""
    try:
        stat = read_bytes(f"{proc}/{pid}/stat")
    except OSError:
        return None
    # The second field is the program's name in brackets and may itself hold spaces and brackets.
    return int(stat[stat.rindex(b")") + 2 :].split()[19])


def server_folder(pid: int) -> str:
    """The folder of the server that is the process `pid`."""
    return f"lambent-{pid}-{start_ticks(pid) or 0}"


def server_is_dead(folder: str, proc: str = "/proc") -> bool:
    """Whether `folder` is a server's whose process is gone; False for names that are not ours."""
    match = _FOLDER.fullmatch(folder)
    if match is None:
        return False
    return start_ticks(int(match[1]), proc) != int(match[2])


def read_bytes(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 65536)
    finally:
        os.close(fd)


def write_text(path: str, text: str) -> None:
    """One write of a kernel file; raises OSError with the path in it."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}, writing {text!r}", path) from None
    finally:
        os.close(fd)


def stat_value(stat: bytes, name: bytes) -> int:
    """A figure of a flat-keyed file (`name value` lines); 0 where it is missing."""
    key = name + b" "
    begin = 0 if stat.startswith(key) else stat.find(b"\n" + key) + 1
    if begin == 0 and not stat.startswith(key):
        return 0
    return int(stat[begin + len(key) :].split(maxsplit=1)[0])


def try_rmdir(path: str) -> bool:
    """Remove one empty group; False while something still lives in it."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        raise
    return True


def remove_tree(root: str) -> bool:
    """Kill what lives in a group and its children and remove them all. Blocks up to 2 s."""
    if not os.path.isdir(root):
        return True
    deadline = time.monotonic() + _REMOVE_TIMEOUT_S
    while not _remove_once(root):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def _remove_once(root: str) -> bool:
    gone = True
    for folder, _children, _files in os.walk(root, topdown=False):
        if try_rmdir(folder):
            continue
        gone = False
        for pid in _members(folder):
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
    return gone


def _members(folder: str) -> list[int]:
    try:
        # 0 stands for a process that our pid namespace cannot name.
        return [pid for line in read_bytes(f"{folder}/cgroup.procs").split() if (pid := int(line))]
    except OSError:
        return []


def remove_dead_servers(bases: Iterable[str]) -> int:
    """Remove the groups of servers that no longer run; how many folders went. Blocks."""
    removed = 0
    for base in bases:
        try:
            names = os.listdir(base)
        except OSError:
            continue
        for name in names:
            if server_is_dead(name):
                removed += remove_tree(f"{base}/{name}")
    return removed
