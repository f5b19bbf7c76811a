"""Control groups: what a sandbox may use of memory, processors and processes.

`detect_cgroups` finds which version the host runs and where we may make groups: below our own group
first, so that what limits the server limits its sandboxes, else in the nearest one above.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .cgroup_tree import CgroupEntry, read_bytes, write_text
from .cgroups_v1 import CgroupsV1
from .cgroups_v2 import CgroupsV2
from .freezing import BY_SIGNALS
from .interface import IsolationItem

__all__ = ["Cgroup", "CgroupBackend", "CgroupEntry", "CgroupsUnavailable", "detect_cgroups"]

_WANTED = ("memory", "cpu", "pids")
_LEAF = "lambent-server"
"""v2: where the server moves when its own group must hand controllers down."""


class Cgroup(Protocol):
    """The group of one sandbox; see CgroupV1 for what each does and costs."""

    def entry(self) -> CgroupEntry: ...

    def join(self, pid: int) -> None: ...

    def limit(self, *, memory_mib: int, tmp_mib: int, vcpus: float, processes_max: int) -> None: ...

    def peak_bytes(self) -> int: ...

    def watch(self, on_out_of_memory: Callable[[], None]) -> None: ...

    def was_out_of_memory(self) -> bool: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    async def close(self) -> None: ...


class CgroupBackend(Protocol):
    """Makes groups for one server."""

    def create(self, sandbox_id: str) -> Cgroup: ...

    async def clean_leftovers(self) -> int: ...

    async def remove_all(self) -> None: ...

    def report_items(self) -> tuple[IsolationItem, ...]: ...

    def describe_freezer(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CgroupsUnavailable:
    """No group can be made here."""

    reason: str
    hint: str

    def report_items(self) -> tuple[IsolationItem, ...]:
        return tuple(
            IsolationItem(name=name, enforced=False, how=self.reason, hint=self.hint)
            for name in _WANTED
        )

    def describe_freezer(self) -> str:
        return BY_SIGNALS


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mounted cgroup tree."""

    version: int
    root: str
    """Which group of the hierarchy is seen at `point`; `/` outside of containers."""
    point: str
    options: frozenset[str]
    """v1: holds the controllers."""


def parse_mounts(mountinfo: str) -> list[Mount]:
    """The cgroup trees of a /proc/self/mountinfo (proc(5))."""
    mounts = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, (kind, _source, options) = left.split(), right.split(maxsplit=2)
        if kind in ("cgroup", "cgroup2"):
            mounts.append(
                Mount(
                    version=1 if kind == "cgroup" else 2,
                    root=fields[3],
                    point=fields[4],
                    options=frozenset(options.split(",")),
                )
            )
    return mounts


def parse_memberships(cgroup: str) -> dict[str, str]:
    """Controller → own group, of a /proc/self/cgroup; v2's is under the empty name."""
    found = {}
    for line in cgroup.splitlines():
        _number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def candidate_folders(mount: Mount, own: str) -> list[str]:
    """Folders in which we might make groups: our own group's, then those above it."""
    inside = own.removeprefix(mount.root.rstrip("/")) if mount.root != "/" else own
    if mount.root != "/" and not own.startswith(mount.root):
        inside = "/"  # a container that sees its group by another name
    parts = [part for part in inside.split("/") if part and part != ".."]
    return ["/".join([mount.point, *parts[:count]]) for count in range(len(parts), -1, -1)]


def detect_cgroups(
    *, proc: str = "/proc/self", writable: Callable[[str], bool] | None = None
) -> CgroupBackend | CgroupsUnavailable:
    """The best that this host gives us; may move our own process to a leaf (v2, delegated)."""
    may_write = writable or (lambda path: os.access(path, os.W_OK | os.X_OK))
    try:
        mounts = parse_mounts(_read(f"{proc}/mountinfo"))
        memberships = parse_memberships(_read(f"{proc}/cgroup"))
    except OSError as error:
        return CgroupsUnavailable(f"{error.filename}: {error.strerror}", "mount /proc")
    return _detect_v1(mounts, memberships, may_write) or _detect_v2(mounts, memberships, may_write)


def _detect_v1(
    mounts: list[Mount], memberships: dict[str, str], may_write: Callable[[str], bool]
) -> CgroupsV1 | None:
    bases: dict[str, str] = {}
    for controller in _WANTED:
        for mount in mounts:
            if mount.version != 1 or controller not in mount.options:
                continue
            folders = candidate_folders(mount, memberships.get(controller, "/"))
            usable = next((folder for folder in folders if may_write(folder)), None)
            if usable is not None:
                bases.setdefault(controller, usable)
    return CgroupsV1(bases) if "memory" in bases else None


def _detect_v2(
    mounts: list[Mount], memberships: dict[str, str], may_write: Callable[[str], bool]
) -> CgroupsV2 | CgroupsUnavailable:
    delegate = (
        "run as root, or as a delegated unit: systemd-run --user --scope -p Delegate=yes "
        "lambent start"
    )
    mount = next((mount for mount in mounts if mount.version == 2), None)
    if mount is None:
        return CgroupsUnavailable("no cgroup tree is mounted where we may write", delegate)
    folders = [
        folder
        for folder in candidate_folders(mount, memberships.get("", "/"))
        if may_write(folder) and may_write(f"{folder}/cgroup.procs")
    ]
    if not folders:
        return CgroupsUnavailable(f"no group under {mount.point} is writable for us", delegate)
    reason = f"{folders[0]} has no memory controller"
    for folder in folders:
        try:
            handed = _hand_down(folder, may_move=folder == folders[-1])
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}"
            continue
        if "memory" in handed:
            return CgroupsV2(folder, handed)
    return CgroupsUnavailable(reason, delegate)


def _hand_down(folder: str, *, may_move: bool) -> frozenset[str]:
    """Have a group give its controllers to its children; which of the wanted ones they get.

    A group that holds processes may not (EBUSY), so they move to a leaf when `may_move`.
    """
    wanted = set(_WANTED) & set(_read(f"{folder}/cgroup.controllers").split())
    if "memory" not in wanted:
        return frozenset()
    control = f"{folder}/cgroup.subtree_control"
    missing = wanted - set(_read(control).split())
    if missing:
        text = " ".join(f"+{name}" for name in sorted(missing))
        try:
            write_text(control, text)
        except OSError as error:
            if error.errno != errno.EBUSY or not may_move:
                raise
            leaf = f"{folder}/{_LEAF}"
            os.makedirs(leaf, exist_ok=True)
            for pid in _read(f"{folder}/cgroup.procs").split():
                write_text(f"{leaf}/cgroup.procs", pid)
            write_text(control, text)
    return frozenset(wanted)


def _read(path: str) -> str:
    return read_bytes(path).decode()
