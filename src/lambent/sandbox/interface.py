"""What a jailed process group is to the rest of Lambent; knows nothing of Lambda.

A sandbox is launched blank (namespaces, root, network, a warm interpreter) and bound once to code
and limits. A blank one that waits is *parked*. Everything privileged ends when `bind` has shut the
jail; only then does the guest program run.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lambent.domain.interpreter import Interpreter


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFolder:
    """A folder of the host that a sandbox sees, itself and not a copy."""

    source: Path
    target: str
    """Where it appears inside."""
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestProgram:
    """What the zygote of a language loads, and each of its sandboxes runs once it is bound."""

    python: Interpreter
    """Runs the zygote. Where it is not the language itself, a sandbox sees nothing of it."""
    folder: Path
    """Of the program's module."""
    module: str = "bootstrap"
    """With `run(channel, program)`, and functions that a zygote calls once, to preload."""
    runtime_files: tuple[Path, ...] = ()
    """Files and folders that appear in /var/runtime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """What a blank sandbox is bound to."""

    task_dir: Path | None
    """Becomes /var/task, read-only; None where a HostFolder does."""
    opt_dir: Path | None
    """Becomes /opt, read-only; None leaves /opt empty."""
    root_dir: Path | None = None
    """Becomes the whole root, read-only: a container image."""
    tmp_mib: int
    """Size of /tmp; not charged to memory."""
    memory_mib: int
    vcpus: float
    """Share of processors (1.0 = one); the ceiling is the next whole number."""
    processes_max: int
    hostname: str
    template: bool = False
    """Whether it is to be forked once its program is initialised, and never serves itself."""
    program: bytes
    """Handed to the guest program once the jail is shut; opaque here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxExit:
    """How the first process of a sandbox ended: an exit code or a signal."""

    code: int | None
    signal: int | None
    out_of_memory: bool = False


class Remains(Protocol):
    """Of a sandbox that ends: its /tmp and its user, for one that takes its place."""

    def close(self) -> None:
        """Let go of them; idempotent."""
        ...


class Sandbox(Protocol):
    """One jailed process group."""

    sandbox_id: str
    channel: socket.socket
    """Our end of a stream socketpair, non-blocking."""
    output: int
    """File descriptor: read end of what is standard output and error inside, non-blocking."""
    exited: asyncio.Future[SandboxExit]

    async def bind(self, spec: SandboxSpec, remains: Remains | None = None) -> None:
        """With `remains` it takes over /tmp and user of another, which has ended; it closes them.

        Raises OSError.
        """
        ...

    def remains(self) -> Remains | None:
        """What is to outlive it, the caller's to close; None where the host can keep nothing."""
        ...

    def memory_peak_bytes(self) -> int: ...

    def kill(self) -> None:
        """End the whole process tree; idempotent."""
        ...

    def freeze(self) -> None:
        """Stop all its processes until `thaw`; once bound. They can still be killed."""
        ...

    def thaw(self) -> None: ...

    def terminate(self) -> None:
        """SIGTERM to its first process, which hears it where it has a handler."""
        ...

    async def close(self) -> None:
        """Give back cgroup, network and descriptors; after `exited`, or kills first."""
        ...


class Template(Protocol):
    """An initialised sandbox from which others are forked."""

    on_empty: Callable[[], None]
    """Called whenever the last of its forks has ended."""

    @property
    def alive(self) -> bool: ...

    @property
    def forks(self) -> int:
        """How many of them live."""
        ...

    def close(self) -> None:
        """Fork no more; those that live end with the template's own sandbox."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationItem:
    """One promise of isolation on this host."""

    name: str
    enforced: bool
    how: str
    """What enforces it, or why nothing does."""
    hint: str = ""
    """How the operator gets it; empty where it is enforced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationReport:
    """What the active backend enforces, and what not."""

    backend: str
    """`namespaces` or `process`."""
    as_root: bool
    items: tuple[IsolationItem, ...]


class SandboxBackend(Protocol):
    """Makes sandboxes; one per server."""

    async def start(self) -> None: ...

    async def launch(
        self,
        interpreter: Interpreter,
        *,
        preload: str,
        park: bool,
        folders: tuple[HostFolder, ...] = (),
    ) -> Sandbox:
        """A blank one, forked from a zygote that has called `preload` of the guest program.

        One to `park` warms up by itself; one for which somebody waits is to be bound at once.
        With `folders` it comes from a zygote of its own, in whose root nothing else of the host is.

        The more a zygote has loaded, the dearer its forks: hence one for each need.
        """
        ...

    async def compile(self, interpreter: Interpreter, folder: Path, *, preload: str) -> None:
        """Compile the *.py in `folder` in a jail of its own, bounded; failures are tolerated."""
        ...

    def open_template(self, sandbox: Sandbox) -> Template:
        """What forks `sandbox`, which was bound as a template and is initialised. OSError."""
        ...

    async def restore(self, template: Template) -> Sandbox:
        """A fork, to be bound: of the spec it takes hostname, limits and program.

        Raises OSError.
        """
        ...

    async def stop(self) -> None: ...

    def report(self) -> IsolationReport: ...
