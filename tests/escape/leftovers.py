"""What the host has of one server: taken while it runs, looked for when it has ended."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.escape.servers import World
from tests.system.host import Traces, descendants, parents, wait_for

_RANGE = re.compile(r"10\.(\d+)\.0\.0/16")
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/run")


def marked(marker: str) -> list[int]:
    """Processes of the whole host that carry `marker` as their name."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                name = Path(f"/proc/{entry}/comm").read_text().strip()
            except OSError:
                continue
            if name == marker:
                found.append(int(entry))
    return found


def await_none_marked(world: World) -> None:
    """Every process that a hostile program started has gone."""
    wait_for(lambda: not marked(world.marker), "the end of marked processes")


@dataclass
class Leftovers:
    """Everything that belongs to a world's server; what other servers of the host have is not."""

    world: World
    traces: Traces = field(init=False)
    namespaces: set[str] = field(default_factory=set)
    interfaces: set[tuple[str, int]] = field(default_factory=set)
    before: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.traces = Traces(self.world.server.data_dir)
        self.before = {folder: _listed(folder) for folder in _TEMPORARY}

    def watch(self) -> None:
        """Remember what there is now; before and after whatever may add to it."""
        self.traces.watch(self.world.server)
        for pid, _ in descendants(self.world.server.pid):
            self.namespaces |= _namespaces(pid)
        self.namespaces -= _namespaces(os.getpid())
        self.interfaces |= {
            (name, index) for name, index in _interfaces() if name.startswith(self._prefixes())
        }

    def assert_none(self) -> None:
        """A kernel that is busy takes half a minute to end a hundred network namespaces."""
        wait_for(lambda: not self.left() or None, f"an end of {self.left()}", timeout_s=150)

    def left(self) -> list[str]:
        found = self.traces.left()
        found += [f"marked process {pid}" for pid in marked(self.world.marker)]
        found += [f"interface {name}" for name, index in self.interfaces & _interfaces()]
        # The kernel gives numbers of namespaces out again: those that hang on a process which has a
        # living parent are another server's by now.
        orphans = [pid for pid, parent in parents().items() if parent == 1]
        held = {one for pid in orphans for one in _namespaces(pid)}
        mounts = Path("/proc/self/mountinfo").read_text()
        found += [f"namespace {one}" for one in self.namespaces if one in held or one in mounts]
        found += [f"file {path}" for path in self._files()]
        return found

    def _files(self) -> list[str]:
        """In the server's own temporary folder and its store; and by name where all write."""
        folder = self.world.folder
        found = [str(path) for path in (folder / "temporary").iterdir()]
        found += [str(path) for path in (folder / "data" / "tmp").glob("*")]
        for shared, before in self.before.items():
            own = re.compile(rf"(?<!\d){self.world.server.pid}(?!\d)")
            found += [f"{shared}/{name}" for name in _listed(shared) - before if own.search(name)]
        return found

    def _prefixes(self) -> tuple[str, ...]:
        """Of this server's network interfaces, by its range of addresses; no other has it."""
        ranges = _RANGE.findall(self.world.network_range)
        return tuple(f"lmb{int(second):02x}" for second in ranges) or ("no network",)


def _listed(folder: str) -> set[str]:
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def _interfaces() -> set[tuple[str, int]]:
    base = Path("/sys/class/net")
    found = set()
    for entry in os.listdir(base):
        try:
            found.add((entry, int((base / entry / "ifindex").read_text())))
        except OSError:
            continue
    return found


def _namespaces(pid: int) -> set[str]:
    found = set()
    for name in ("net", "mnt", "pid", "ipc", "uts", "user"):
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/{name}"))
        except OSError:
            return found
    return found
