"""What an environment is given: an invocation with its way back, and what all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from lambent.clock import Clock, Instant
from lambent.domain import limits
from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation, Outcome
from lambent.environment.endings import Endings
from lambent.environment.program import Surroundings
from lambent.environment.runtime_apis import RuntimeApis
from lambent.observe.logs import LogWriter
from lambent.observe.meter import Meter
from lambent.runtime.debuggers import Debugger
from lambent.runtime.families.start import Start
from lambent.sandbox.interface import Sandbox, SandboxSpec
from lambent.tasks import Tasks

Result = bytes | FunctionError | LambdaError
"""The function's answer, its error, or ours."""
Done = Callable[[Outcome | LambdaError], None]


class Lease:
    """One invocation with the unit of concurrency it holds and the way to answer it."""

    __slots__ = ("_done", "_release", "invocation")

    def __init__(self, invocation: Invocation, release: Callable[[], None], done: Done) -> None:
        self.invocation = invocation
        self._release = release
        self._done = done

    def finish(self, result: Outcome | LambdaError) -> None:
        """Give the unit back and answer; once."""
        self._release()
        self._done(result)

    def answer(self, result: Result, executed_version: str, tail: bytes | None) -> None:
        if isinstance(result, LambdaError):
            self.finish(result)
        elif isinstance(result, FunctionError):
            self.finish(Outcome(result.payload, result, executed_version, tail))
        else:
            self.finish(Outcome(result, None, executed_version, tail))


class Launcher(Protocol):
    """Gives blank sandboxes, parked ones first."""

    async def take(self, version: FunctionVersion) -> Sandbox: ...

    def start(self, version: FunctionVersion) -> Start:
        """How the runtime's process is started in it."""
        ...


class SpecFactory(Protocol):
    """Where a version's code lies on this host."""

    def spec(self, version: FunctionVersion, program: bytes) -> SandboxSpec: ...

    def extensions(self, version: FunctionVersion) -> tuple[str, ...]:
        """Names of the programs in /opt/extensions, in their order."""
        ...


class SnapshotSource(Protocol):
    """What environments of versions with SnapStart begin from."""

    def holds(self, version: FunctionVersion) -> bool:
        """Whether the snapshot is there."""
        ...

    async def hold(self, version: FunctionVersion) -> None:
        """Make it again; never raises: taking a sandbox says what went wrong."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedAhead:
    """A runtime that waits for its init to begin."""

    sandbox: Sandbox
    """Bound to the version."""
    stream_name: str
    """Of the log, as its variables say."""
    since: Instant
    """When its credentials were made."""


class AheadSource(Protocol):
    """What has started the runtimes of some versions before they are needed."""

    def take(self, version: FunctionVersion) -> StartedAhead | None:
        """One that waits, if there is one: for an environment that is about to start."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What every environment of this server works with."""

    launcher: Launcher
    specs: SpecFactory
    logs: LogWriter
    meter: Meter
    clock: Clock
    tasks: Tasks
    loop: asyncio.AbstractEventLoop
    around: Surroundings
    runtime_apis: RuntimeApis
    snapshots: SnapshotSource | None = None
    ahead: AheadSource | None = None
    endings: Endings = field(default_factory=Endings)
    freezes: bool = True
    """Whether environments are frozen between invocations."""
    stream_bytes_per_s: float = limits.STREAM_BYTES_PER_S
    debugger: Debugger | None = None
    """What listens in these environments for somebody who debugs the function."""
