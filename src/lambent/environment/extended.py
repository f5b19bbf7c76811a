"""The extensions beside one runtime, and the end of a sandbox that holds some: the driver of
`runtime/api/extensions`.

It stands between the guest and the environment: what the runtime says passes through it, and READY
is held back until the extensions are ready too. Where there are external ones the first process of
the sandbox is a supervisor, which starts the runtime and them on our order. When the environment is
over this object keeps the sandbox for the time that AWS gives it to leave.
Source: facts, 'Extensions API' and 'Lifecycle'.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, assert_never

from lambent.domain import limits
from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation
from lambent.environment.extension_api import ExtensionApi
from lambent.environment.failures import describe_process_exit
from lambent.environment.platform import Platform
from lambent.environment.program import ARN_VARIABLE
from lambent.environment.supervisor import RUNTIME, Supervisor
from lambent.environment.telemetry import Telemetry, TelemetrySink
from lambent.environment.telemetry_api import TelemetryApi
from lambent.environment.telemetry_delivery import open_delivery
from lambent.runtime.api.extensions import (
    AskToLeave,
    Deliver,
    Effect,
    Extension,
    Extensions,
    Failed,
    InitDone,
    InvokeDone,
    Kill,
    ShutdownDone,
    ShutdownReason,
    Stage,
    StartRuntime,
)
from lambent.runtime.frames import Kind
from lambent.sandbox.interface import Sandbox, SandboxExit

FOLDER = "/opt/extensions"
_ENDS_OF_INVOCATION = (Kind.RESPONSE, Kind.ERROR, Kind.BAD_EVENT, Kind.STREAM_END)
# Source: Developer Guide, "Using environment variables with extensions" (not theirs).
_OF_THE_RUNTIME = (
    "_HANDLER",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
    "_X_AMZN_TRACE_ID",
)


class Listener(Protocol):
    """The environment, as its extensions know it."""

    def on_frame(self, kind: Kind, payload: bytes) -> None: ...

    def on_read(self) -> None: ...

    def on_extensions(self, extensions: Sequence[Extension]) -> None:
        """The init is over; where each of them stands."""
        ...

    def on_failed(self, error_type: str, text: str) -> None:
        """An extension ended the environment."""
        ...


class Runtime(Protocol):
    """The guest, as its extensions know it."""

    asks: bool

    def extend(self) -> None:
        """There are extensions: have all that the runtime says told to them."""
        ...

    def hear(self, pipe: int, tap: Callable[[str], None]) -> None:
        """Log what comes by an extension's pipe, and tell `tap` each line; it closes `pipe`."""
        ...

    def adopt(self, frames: socket.socket | None) -> None:
        """The runtime's process runs; `frames` is what it speaks by, if it speaks frames."""
        ...

    def lost(self, end: SandboxExit) -> None:
        """The runtime's process has ended; what it sent before is told first."""
        ...


class Extended:
    """Of one sandbox, from its launch to its close."""

    def __init__(
        self,
        version: FunctionVersion,
        names: Sequence[str],
        runtime: Runtime,
        listener: Listener,
        platform: Platform,
        telemetry: Telemetry | None,
    ) -> None:
        """`names`: of the programs in /opt/extensions; `telemetry`: where there are some."""
        self._version = version
        self._names = names
        self._runtime = runtime
        self._listener = listener
        self._loop = platform.loop
        self._clock = platform.clock
        self._machine = Extensions(names)
        self._supervisor: Supervisor | None = None
        self._sandbox: Sandbox | None = None
        self._ready_payload = b""
        self._on_end: Callable[[], None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self.api = ExtensionApi(version, self._machine, self._perform, runtime.extend)
        self._telemetry = telemetry
        self._sink: TelemetrySink | None = None
        if telemetry is not None and names:
            deliveries = partial(open_delivery, connect=self.connect)
            self._sink = TelemetrySink(telemetry, deliveries, platform.loop, platform.tasks)
        self.telemetry_api = TelemetryApi(self._machine, self.api.find_caller, self._sink)

    def launch(self, sandbox: Sandbox, environment: Mapping[str, str]) -> None:
        """Start the external extensions; the runtime's process follows when they registered.

        Where there are none the supervisor is there to reach what listens inside.
        """
        self._sandbox = sandbox
        if self._names:
            self._runtime.extend()
        supervisor = self._supervisor = Supervisor(sandbox.channel, self, self._loop)
        theirs = {name: environment[name] for name in environment if name not in _OF_THE_RUNTIME}
        theirs.pop(ARN_VARIABLE, None)
        for name in self._names:
            supervisor.start(name, [f"{FOLDER}/{name}"], theirs)
        if not self._names:
            supervisor.start_runtime()
        self._perform(self._machine.begin())

    def close_registration(self) -> None:
        """The init is over."""
        self._machine.close_registration()

    @property
    def supervises(self) -> bool:
        return self._supervisor is not None

    def invoke(self, invocation: Invocation, arn: str, deadline_epoch_s: float) -> None:
        event = {
            "eventType": "INVOKE",
            "deadlineMs": int(deadline_epoch_s * 1000),
            "requestId": invocation.request_id,
            "invokedFunctionArn": arn,
            "tracing": {
                "type": "X-Amzn-Trace-Id",
                "value": invocation.trace_id.decode("latin-1"),
            },
        }
        self._perform(self._machine.invoke(_encode(event)))

    def kill_runtime(self) -> None:
        """It cannot be talked to any more."""
        if self._supervisor is not None:
            self._supervisor.signal(RUNTIME, signal.SIGKILL)

    # The runtime's words, on their way to the environment

    def on_frame(self, kind: Kind, payload: bytes) -> None:
        machine = self._machine
        if kind is Kind.READY and machine.stage is Stage.INIT:
            self._ready_payload = payload
            if self._telemetry is not None:
                self._telemetry.runtime_ready()
            self._perform(machine.runtime_ready())
        elif kind is Kind.READY and machine.stage is Stage.INVOKE and self._runtime.asks:
            self._perform(machine.runtime_done())
        else:
            self._listener.on_frame(kind, payload)
            if kind in _ENDS_OF_INVOCATION and not self._runtime.asks:
                self._perform(machine.runtime_done())

    def on_read(self) -> None:
        self._listener.on_read()

    # environment.supervisor.Watcher

    def on_started(self, name: str, frames: socket.socket | None, pipe: int | None) -> None:
        if pipe is not None:
            if self._sink is not None and self._machine.stage is not Stage.SHUTDOWN:
                self._runtime.hear(pipe, self._sink.extension_line)
            else:
                os.close(pipe)
        if name == RUNTIME and self._machine.stage is not Stage.SHUTDOWN:
            self._runtime.adopt(frames)
        elif frames is not None:
            frames.close()

    def on_not_started(self, name: str, error: Mapping[str, str]) -> None:
        if name == RUNTIME:
            self._perform(self._machine.runtime_exited())
            self._listener.on_frame(Kind.INIT_ERROR, _encode(dict(error)))
        else:
            self._perform(self._machine.not_launched(name, error["errorMessage"]))

    def on_process_exited(self, name: str, end: SandboxExit) -> None:
        if name != RUNTIME:
            self._perform(self._machine.exited(name, describe_process_exit(end)))
            return
        self._perform(self._machine.runtime_exited())
        if self._machine.stage is not Stage.SHUTDOWN:
            self._runtime.lost(end)

    def on_supervisor_lost(self) -> None:
        """The whole sandbox is about to end, or is made to."""
        if self._sandbox is not None:
            self._sandbox.kill()

    # The end

    def leave(self, reason: ShutdownReason, sandbox: Sandbox, on_end: Callable[[], None]) -> None:
        """Let all that is inside end; call `on_end` once when its time is over, or before."""
        self._sandbox = sandbox
        self._on_end = on_end
        sandbox.exited.add_done_callback(lambda _: self._end())
        external = self._machine.any_external
        limit_s = limits.SHUTDOWN_EXTERNAL_S if external else limits.SHUTDOWN_INTERNAL_S
        event = {
            "eventType": "SHUTDOWN",
            "shutdownReason": reason.value,
            "deadlineMs": int((self._clock.wall_s() + limit_s) * 1000),
        }
        self._timers.append(self._loop.call_later(limit_s, self._end))
        if external:
            self._timers.append(self._loop.call_later(limits.SHUTDOWN_RUNTIME_S, self._overstays))
        if self._sink is not None:
            self._sink.flush()
        self._perform(self._machine.shutdown(_encode(event)))

    def _overstays(self) -> None:
        self._perform(self._machine.runtime_overstays())

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            self.close()
            on_end()

    def close(self) -> None:
        """Hear nothing more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._sink is not None:
            self._sink.close()
        if self._supervisor is not None:
            self._supervisor.close()

    async def connect(self, port: int) -> socket.socket:
        """To a port inside, for telemetry and debuggers. Raises ConnectionError."""
        if self._supervisor is None:
            raise ConnectionResetError("the sandbox has not begun")
        return await self._supervisor.connect(port)

    # What follows

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Deliver(identifier, event):
                    self.api.deliver(identifier, event)
                case StartRuntime():
                    assert self._supervisor is not None
                    self._supervisor.start_runtime()
                case InitDone():
                    self._listener.on_extensions(self._machine.all)
                    self._listener.on_frame(Kind.READY, self._ready_payload)
                case InvokeDone():
                    self._listener.on_frame(Kind.READY, b"")
                case Failed(error_type, text):
                    if self._machine.stage is Stage.INIT:
                        self._listener.on_extensions(self._machine.all)
                    self._listener.on_failed(error_type, text)
                case AskToLeave():
                    self._ask_to_leave()
                case Kill(name):
                    if self._supervisor is not None:
                        self._supervisor.signal(name or RUNTIME, signal.SIGKILL)
                case ShutdownDone():
                    self._end()
                case _:
                    assert_never(effect)

    def _ask_to_leave(self) -> None:
        if self._supervisor is not None:
            self._supervisor.signal(RUNTIME, signal.SIGTERM)
        elif self._sandbox is not None:
            self._sandbox.terminate()


def _encode(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
