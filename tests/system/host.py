"""What a server leaves on its host, and waiting for things with a deadline."""

from __future__ import annotations

import json
import os
import random
import re
import socket
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lambent.sandbox import nftables
from tests.conftest import RunningServer

T = TypeVar("T")
PORTS = (20_000, 32_000)
Process = tuple[int, int]
"""Process id and start time in clock ticks, which together name one process for ever."""


def wait_for(condition: Callable[[], T], what: str, *, timeout_s: float = 60.0) -> T:
    """The first true value of `condition`; fails with `what` after the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.01)


def start_ticks(pid: int) -> int | None:
    """None for a process that is gone or only waits to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def parents() -> dict[int, int]:
    """Every process of the host and its parent."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            found[int(entry)] = int(stat[stat.rindex(")") + 2 :].split()[1])
    return found


def descendants(pid: int) -> set[Process]:
    """All processes that `pid` started, and theirs."""
    tree: dict[int, list[int]] = {}
    for child, parent in parents().items():
        tree.setdefault(parent, []).append(child)
    found: set[Process] = set()
    ahead = [pid]
    while ahead:
        for child in tree.get(ahead.pop(), ()):
            ahead.append(child)
            ticks = start_ticks(child)
            if ticks is not None:
                found.add((child, ticks))
    return found


def zygotes(pid: int) -> list[int]:
    """Children of the server, which are its zygotes."""
    return [child for child, parent in parents().items() if parent == pid]


def environments(pid: int) -> list[int]:
    """Sandboxes of a server, parked ones too: what its zygotes have started."""
    tree = parents()
    return [
        child
        for child, parent in tree.items()
        if tree.get(parent) == pid and start_ticks(child) is not None
    ]


@dataclass
class Traces:
    """Everything on the host that belongs to some servers; nothing of others."""

    data_dir: Path
    pids: set[int] = field(default_factory=set)
    processes: set[Process] = field(default_factory=set)

    def watch(self, server: RunningServer) -> None:
        """Remember what the server has now; call it again when there may be more."""
        self.pids.add(server.pid)
        self.processes |= descendants(server.pid)

    def left(self) -> list[str]:
        """What is still there, in words."""
        found = [
            f"process {pid}: {_command(pid)}"
            for pid, ticks in self.processes
            if start_ticks(pid) == ticks
        ]
        names = tuple(f"lambent-{pid}-" for pid in self.pids)
        found += [f"cgroup {path}" for path in _cgroups() if Path(path).name.startswith(names)]
        found += [f"mount {line}" for line in _mounts() if str(self.data_dir) in line]
        found += [f"mount {line}" for line in _mounts() if any(name in line for name in names)]
        tables = {f"lambent_{pid}" for pid in self.pids}
        found += [f"table {name}" for name in _tables() & tables]
        found += [f"namespace {path}" for path in _named_namespaces(names)]
        return found

    def assert_none(self) -> None:
        """The kernel takes its time for processes and networks that were just ended."""
        wait_for(lambda: not self.left() or None, f"an end of {self.left()}", timeout_s=150)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return "gone"


def _cgroups() -> Iterator[str]:
    for base, folders, _ in os.walk("/sys/fs/cgroup"):
        for name in folders:
            if name.startswith("lambent-"):
                yield f"{base}/{name}"


def _mounts() -> list[str]:
    return Path("/proc/self/mountinfo").read_text().splitlines()


def _tables() -> set[str]:
    if os.geteuid() != 0:
        return set()
    tables = nftables.Nftables()
    try:
        return {chain.table for chain in tables.list_base_chains()}
    finally:
        tables.close()


def _named_namespaces(names: tuple[str, ...]) -> list[str]:
    try:
        entries: Iterable[str] = os.listdir("/run/netns")
    except FileNotFoundError:
        return []
    return [f"/run/netns/{entry}" for entry in entries if entry.startswith(names)]


def resident_bytes(pid: int) -> int:
    """Memory of one process, without its children."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def own_interfaces(server: RunningServer) -> list[str]:
    """The host's network interfaces of one server's sandboxes; other servers have others."""
    items = get_json(server, "/_lambent/health")["isolation"]["items"]
    how = next(item["how"] for item in items if item["name"] == "network")
    names = tuple(f"lmb{int(one):02x}" for one in re.findall(r"10\.(\d+)\.0\.0/16", how))
    return [name for name in os.listdir("/sys/class/net") if names and name.startswith(names)]


def get_json(server: RunningServer, path: str, *, method: str = "GET") -> Any:
    """One of Lambent's own endpoints."""
    request = urllib.request.Request(server.endpoint + path, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def free_port() -> int:
    """One that stays free: below those that the kernel gives out, of which others have many."""
    for port in random.sample(range(*PORTS), 100):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError(f"a hundred ports of {PORTS} are taken")


@contextmanager
def connection(server: RunningServer, *, timeout_s: float = 30.0) -> Iterator[socket.socket]:
    """A raw connection to a server."""
    with socket.create_connection(("127.0.0.1", server.port), timeout_s) as raw:
        yield raw


def connections_held(server: RunningServer) -> set[int]:
    """Inodes of the TCP connections on the server's port that it still has a descriptor of."""
    held = set()
    for link in Path(f"/proc/{server.pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            held.add(int(target[8:-1]))
    found = set()
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = row.split()
        listens = fields[3] == "0A"
        if int(fields[1].partition(":")[2], 16) == server.port and not listens:
            found.add(int(fields[9]))
    return found & held
