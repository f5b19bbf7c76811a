"""One execution environment from its first init to its end: the driver of `lifecycle`.

It is the asyncio protocol of the channel to its sandbox, so that a warm invocation costs one write
and one read with no task in between. Everything that happens to it (frames, timers, the end of the
process, requests to stop) becomes an Event; `lifecycle.decide` says what follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, cast

from lambent.clock import Instant
from lambent.domain import limits
from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Outcome
from lambent.environment import failures
from lambent.environment.channel import Channel
from lambent.environment.journals import open_journal
from lambent.environment.lifecycle import TRANSITIONS, Action, Event, Phase, decide
from lambent.environment.platform import Lease, Platform
from lambent.environment.program import build_program
from lambent.environment.raw_output import RawOutput
from lambent.environment.stream import Stream, TokenBucket
from lambent.runtime.frames import Kind, ProtocolError, encode_invoke
from lambent.sandbox.interface import Sandbox, SandboxExit

log = logging.getLogger("lambent")

MIB = 1024 * 1024
PEAK_READ_MS = 1.0
"""A page fault costs 0.25 µs or more: a shorter invocation cannot have added 16 MiB."""


class Owner(Protocol):
    """The pool that an environment belongs to."""

    def on_free(self, environment: Environment) -> None: ...

    def on_init_failed(self, environment: Environment) -> Lease | None:
        """The invocation in which this environment shall try its init again, if one waits."""
        ...

    def on_gone(self, environment: Environment) -> None: ...


class Environment(asyncio.Protocol):
    """One execution environment of one function version."""

    def __init__(
        self,
        version: FunctionVersion,
        owner: Owner,
        platform: Platform,
        *,
        provisioned: bool = False,
    ) -> None:
        self.version = version
        self.phase = Phase.INIT
        self.provisioned = provisioned
        self.was_free = False
        """For the owner: whether it was told once that a provisioned environment is ready."""
        self.expires_at = Instant(float("inf"))
        """For the owner: when it should serve no more."""
        self._owner = owner
        self._platform = platform
        self._loop = platform.loop
        self._clock = platform.clock
        self._journal = open_journal(version, platform, provisioned)
        self._out = self._journal.out
        self._raw = RawOutput(self._out, platform.loop)
        self._sandbox: Sandbox | None = None
        self._channel = Channel(platform.loop)
        self._generation = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._lease: Lease | None = None
        self._started = Instant(0.0)
        self._deadline = Instant(0.0)
        self._peak = 0
        self._init_started = Instant(0.0)
        self._init_ms: float | None = None
        self._init_error: FunctionError | LambdaError | None = None
        self._response: tuple[bytes, FunctionError | LambdaError | None] = (b"", None)
        self._stream: Stream | None = None
        self._stream_type = b""
        self._exit: SandboxExit | None = None

    # What the pool asks

    def start(self) -> None:
        """Begin the first init."""
        self._deadline = Instant(self._clock.now() + limits.INIT_TIMEOUT_S)
        self._arm(limits.INIT_TIMEOUT_S)
        self._launch()

    def run(self, lease: Lease) -> None:
        """Serve one invocation; only when READY."""
        self._lease = lease
        self._apply(Event.LEASED)

    def stop(self) -> None:
        """End now; a running invocation is answered with an error."""
        if self.phase is not Phase.STOPPED:
            self._exit = self._exit or SandboxExit(code=None, signal=9)
            self._apply(Event.STOP_REQUESTED)

    # The channel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._channel.connected(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._channel.decoder.feed(data)
        except ProtocolError:
            self._distrust()
            return
        wait_s = 0.0
        for kind, payload in frames:
            if self._channel.transport is None:
                return  # given up meanwhile
            if kind is Kind.RESPONSE:
                self._responded(payload, None)
            elif kind is Kind.OUTPUT:
                wait_s = max(wait_s, self._out.printed(payload))
            elif kind is Kind.LOG:
                wait_s = max(wait_s, self._out.record(payload))
            else:
                self._other_frame(kind, payload)
        if self._stream is not None:
            self._stream.flush(self._clock.now())
        if wait_s > 0.0:
            self._channel.pause(wait_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel.transport = None
        if self._exit is not None:
            self._ended()
        else:  # it closed its channel: it serves no more, and its end, which follows, decides
            self._lose_sandbox()

    def _other_frame(self, kind: Kind, payload: bytes) -> None:
        if kind in _OF_A_STREAM:
            self._stream_frame(kind, payload)
        elif kind is Kind.READY:
            elapsed_ms = (self._clock.now() - self._init_started) * 1000
            if self.phase is Phase.INIT:
                if not self.provisioned:  # its init belongs to no invocation
                    self._init_ms = elapsed_ms
            elif self.phase is not Phase.INIT_IN_INVOKE:  # that counts as part of the invocation
                self._distrust()
                return
            self._journal.init_done(elapsed_ms, self.phase)
            self._apply(Event.RUNTIME_READY)
        elif kind is Kind.ERROR:
            if self.phase is Phase.STREAMING:
                self._stream_ended(b"", failures.from_payload(payload))
            else:
                self._responded(b"", failures.from_payload(payload))
        elif kind is Kind.BAD_EVENT:
            text = payload.decode("utf-8", "replace")
            self._responded(b"", LambdaError("InvalidRequestContentException", text, Type="User"))
        elif kind is Kind.INIT_ERROR:
            self._init_failed(failures.from_payload(payload))

    def _responded(self, payload: bytes, error: FunctionError | LambdaError | None) -> None:
        if self.phase is not Phase.BUSY:
            self._distrust()
            return
        if len(payload) > limits.RESPONSE_BYTES_MAX:
            payload, error = b"", failures.RESPONSE_TOO_LARGE
        self._response = (payload, error)
        self._apply(Event.RESPONDED)

    # A streamed response

    def _stream_frame(self, kind: Kind, payload: bytes) -> None:
        stream = self._stream
        if kind is Kind.STREAM_START and self.phase is Phase.BUSY:
            self._stream_type = payload
            self._apply(Event.STREAM_STARTED)
        elif kind is Kind.STREAM_CHUNK and stream is not None:
            stream.take(payload)
        elif kind is Kind.STREAM_END and stream is not None:
            self._stream_ended(*stream.collected())
        else:
            self._distrust()

    def _open_stream(self) -> None:
        lease = self._lease
        assert lease is not None
        lease.invocation.executed_version = self.version.version
        self._stream = Stream(
            lease.invocation.sink,
            self._channel,
            TokenBucket(
                rate=self._platform.stream_bytes_per_s,
                burst=limits.STREAM_BURST_BYTES,
                now=self._clock.now(),
            ),
            self._loop.call_later,
        )
        self._stream.start(self._stream_type)

    def _stream_ended(self, payload: bytes, error: FunctionError | None) -> None:
        assert self._stream is not None
        self._stream.flush(self._clock.now())
        self._response = (payload, error)
        self._apply(Event.RESPONDED)

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        assert stream is not None
        stream.close()

    # Decisions and what they ask for

    def _apply(self, event: Event) -> None:
        decision = _DRIVE[self.phase].get(event)
        if decision is None:
            decide(self.phase, event)  # raises IllegalTransition
            return
        self.phase = decision[0]
        for perform in decision[1]:
            perform(self)

    def _ask_for_waiter(self) -> None:
        lease = self._owner.on_init_failed(self)
        if lease is None:
            self._apply(Event.ABANDONED)
            return
        self._lease = lease
        self._start_invocation(lease)
        self._apply(Event.ADOPTED)

    def _launch(self) -> None:
        self._generation += 1
        self._init_started = self._clock.now()
        self._init_ms = None
        self._exit = None
        self._journal.init_started(self.phase)
        self._platform.tasks.spawn(
            self._start_sandbox(self._generation), name=f"start {self.version.name}"
        )

    def _offer(self) -> None:
        self._owner.on_free(self)

    def _send_invoke(self) -> None:
        lease = self._lease
        assert lease is not None
        invocation = lease.invocation
        if not self._started:  # else it began with the init inside the invocation
            self._start_invocation(lease)
        qualifier = invocation.qualifier
        # Where the channel is gone this does nothing: the sandbox's end is about to be told.
        self._channel.send(
            encode_invoke(
                deadline_epoch_s=self._wall_deadline,
                request_id=invocation.request_id.encode(),
                trace_id=invocation.trace_id,
                tenant_id=invocation.tenant_id,
                qualifier=qualifier.encode() if qualifier else b"",
                client_context=invocation.client_context,
                event=invocation.payload,
            )
        )

    def _start_invocation(self, lease: Lease) -> None:
        self._started = self._clock.now()
        self._deadline = Instant(self._started + self.version.timeout_s)
        if self._timer is None or self._timer_due > self._deadline:
            self._arm(self.version.timeout_s)
        wall_s = self._clock.wall_s()
        self._wall_deadline = wall_s + self.version.timeout_s
        self._journal.start(lease.invocation, wall_s)

    def _complete(self) -> None:
        payload, error = self._response
        self._response = (b"", None)
        self._raw.drain()
        if isinstance(error, LambdaError):
            self._finish(error, status="error", error_type=None)
        elif error is not None:
            self._finish(error, status="error", error_type=error.error_type)
        else:
            self._finish(payload, status=None, error_type=None)

    def _complete_with_timeout(self) -> None:
        self._raw.drain()
        request_id = self._request_id()
        self._journal.timed_out(request_id)
        error = failures.timed_out(request_id, float(self.version.timeout_s))
        self._finish(error, status="timeout", error_type=None)

    def _complete_with_exit(self) -> None:
        self._raw.drain()
        end = self._exit or SandboxExit(code=0, signal=None)
        error = failures.exited(self._request_id(), end)
        self._journal.exited(self._request_id(), failures.describe_exit(end), error.error_type)
        self._finish(error, status="error", error_type=error.error_type)

    def _complete_with_init_error(self) -> None:
        self._raw.drain()
        error = self._init_error or failures.sandbox_failed(self._request_id())
        self._finish(error, status="error", error_type=failures.type_of(error))

    def _finish(
        self,
        result: bytes | FunctionError | LambdaError,
        *,
        status: str | None,
        error_type: str | None,
    ) -> None:
        """Log END and REPORT, meter, and answer."""
        lease = self._lease
        assert lease is not None
        self._lease = None
        version = self.version
        duration_ms = (self._clock.now() - self._started) * 1000
        if status == "timeout":
            duration_ms = version.timeout_s * 1000.0
        self._started = Instant(0.0)
        if duration_ms >= PEAK_READ_MS or not self._peak:
            self._read_peak()
        init_ms, self._init_ms = self._init_ms, None
        tail = self._journal.end(
            lease.invocation.request_id,
            duration_ms=duration_ms,
            init_ms=init_ms,
            peak_mib=self._peak,
            status=status,
            error_type=error_type,
        )
        if isinstance(result, LambdaError):
            lease.finish(result)
        elif isinstance(result, FunctionError):
            lease.finish(Outcome(result.payload, result, version.version, tail))
        else:
            lease.finish(Outcome(result, None, version.version, tail))

    def _kill(self) -> None:
        self._disarm()
        sandbox, self._sandbox = self._sandbox, None
        self._generation += 1
        self._channel.drop()
        self._raw.unwatch()
        if sandbox is not None:
            sandbox.kill()
            self._platform.tasks.spawn(sandbox.close(), name=f"close {sandbox.sandbox_id}")

    def _gone(self) -> None:
        self._journal.close()
        self._owner.on_gone(self)

    # The sandbox

    async def _start_sandbox(self, generation: int) -> None:
        try:
            sandbox = await self._platform.launcher.take(self.version)
        except Exception as error:  # whatever the host refused: this environment cannot start
            log.error("no sandbox for %s: %s", self.version.name, error)
            if generation == self._generation:
                self._init_failed(failures.no_sandbox(error, self._request_id()))
            return
        if generation != self._generation:
            sandbox.kill()
            await sandbox.close()
            return
        self._sandbox = sandbox
        self._channel = Channel(self._loop, sandbox.channel)
        self._raw.attach(sandbox.output)
        sandbox.exited.add_done_callback(lambda done: self._on_exit(generation, done))
        try:
            program = build_program(
                self.version,
                self._platform.around,
                self._journal.stream_name,
                self._platform.launcher.start(self.version),
                init_type="provisioned-concurrency" if self.provisioned else "on-demand",
            )
            await sandbox.bind(self._platform.specs.spec(self.version, program))
            if generation == self._generation:
                await self._loop.create_connection(lambda: self, sock=sandbox.channel)
                if generation == self._generation:
                    self._raw.watch()
        except OSError as error:
            log.warning("the sandbox of %s was lost while it started: %s", self.version.name, error)
            self._lose_sandbox()

    def _distrust(self) -> None:
        """Something inside sends what no bootstrap sends: hear nothing more of it, and end it."""
        if self._channel.drop():
            log.warning(
                "%s broke the protocol of its channel; its environment ends", self.version.name
            )
        self._lose_sandbox()

    def _lose_sandbox(self) -> None:
        """It cannot be talked to any more: its end, which follows, decides."""
        if self._sandbox is not None:
            self._sandbox.kill()

    def _on_exit(self, generation: int, done: asyncio.Future[SandboxExit]) -> None:
        if generation != self._generation or done.cancelled():
            return
        self._exit = done.result()
        if self._channel.transport is None:
            self._ended()
        # else: what it had sent before its end is read first; then the channel is lost

    def _ended(self) -> None:
        assert self._exit is not None
        if self.phase in (Phase.INIT, Phase.INIT_IN_INVOKE):
            self._init_failed(failures.exited(self._request_id(), self._exit))
        elif self.phase is not Phase.STOPPED:
            self._apply(Event.EXITED)

    def _init_failed(self, error: FunctionError | LambdaError) -> None:
        if self.phase not in (Phase.INIT, Phase.INIT_IN_INVOKE):
            return
        self._raw.drain()
        self._init_error = error
        self._report_init(status="error", error_type=failures.type_of(error))
        self._apply(Event.INIT_FAILED)

    def _init_timed_out(self) -> None:
        self._raw.drain()
        self._init_error = None
        self._report_init(status="timeout", error_type=None)
        self._apply(Event.INIT_FAILED)

    def _report_init(self, *, status: str, error_type: str | None) -> None:
        elapsed_ms = (self._clock.now() - self._init_started) * 1000
        self._journal.init_failed(elapsed_ms, self.phase, status=status, error_type=error_type)

    # Small things

    def _arm(self, delay_s: float) -> None:
        self._disarm()
        self._timer_due = self._clock.now() + delay_s
        self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        """The deadline has passed; or it was moved, for no invocation touches the timer."""
        self._timer = None
        if self.phase is Phase.READY:
            return
        left_s = self._deadline - self._clock.now()
        if left_s > 0.0:
            self._arm(left_s)
        elif self.phase is Phase.INIT:
            self._init_timed_out()
        elif self.phase is not Phase.STOPPED:
            self._apply(Event.DEADLINE_PASSED)

    def _disarm(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _request_id(self) -> str:
        return self._lease.invocation.request_id if self._lease is not None else ""

    def _read_peak(self) -> None:
        """Max Memory Used. Not read again after what was too short to touch many pages."""
        if self._sandbox is not None:
            peak_mib = -(-self._sandbox.memory_peak_bytes() // MIB)
            self._peak = min(peak_mib, self.version.memory_mib)


_OF_A_STREAM = (Kind.STREAM_CHUNK, Kind.STREAM_START, Kind.STREAM_END)

_PERFORM: dict[Action, Callable[[Environment], None]] = {
    Action.ASK_FOR_WAITER: Environment._ask_for_waiter,
    Action.LAUNCH: Environment._launch,
    Action.OFFER: Environment._offer,
    Action.SEND_INVOKE: Environment._send_invoke,
    Action.COMPLETE: Environment._complete,
    Action.COMPLETE_WITH_INIT_ERROR: Environment._complete_with_init_error,
    Action.COMPLETE_WITH_TIMEOUT: Environment._complete_with_timeout,
    Action.COMPLETE_WITH_EXIT: Environment._complete_with_exit,
    Action.KILL: Environment._kill,
    Action.GONE: Environment._gone,
    Action.OPEN_STREAM: Environment._open_stream,
    Action.CLOSE_STREAM: Environment._close_stream,
}

# `decide` for every pair, with what performs each action: one lookup on the hot path.
_DRIVE = {
    phase: {
        event: (target, tuple(_PERFORM[action] for action in actions))
        for event, (target, actions) in row.items()
    }
    for phase, row in TRANSITIONS.items()
}
