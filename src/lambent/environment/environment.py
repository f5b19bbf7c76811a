"""One execution environment from its first init to its end: the driver of `lifecycle`.

Everything that happens to it (what its runtime says, timers, the end of the process, requests to
stop) becomes an Event; `lifecycle.decide` says what follows. What runs inside is its `guest`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from lambent.clock import Instant
from lambent.domain import limits
from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation
from lambent.environment import failures
from lambent.environment.ahead import take_ahead
from lambent.environment.freezer import Freezer
from lambent.environment.guest import Guest
from lambent.environment.journals import open_journal
from lambent.environment.lifecycle import TRANSITIONS, Action, Event, Phase, decide
from lambent.environment.owner import Owner
from lambent.environment.peak import Peak
from lambent.environment.platform import Lease, Platform, Result
from lambent.environment.stream import Stream, open_stream
from lambent.runtime.api.extensions import Extension, ShutdownReason
from lambent.runtime.frames import Kind
from lambent.sandbox.interface import SandboxExit


class Environment:
    """One execution environment of one function version."""

    resets = True
    """Whether it goes on after a timeout or a crash, as far as the host allows."""

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
        ahead = take_ahead(version, platform, provisioned)
        self.since = platform.clock.now() if ahead is None else ahead.since
        """When its credentials were made."""
        self._journal = open_journal(version, platform, provisioned, ahead)
        self._guest = Guest(
            version,
            self,
            platform,
            self._journal.out,
            stream_name=self._journal.stream_name,
            init_type="provisioned-concurrency" if provisioned else "on-demand",
            telemetry=self._journal.telemetry,
            ahead=ahead,
        )
        self._freezer = Freezer(self._guest, self._loop, allowed=platform.freezes)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._lease: Lease | None = None
        self._started = Instant(0.0)
        self._unannounced: Invocation | None = None
        """What runs, until START is told."""
        self._deadline = Instant(0.0)
        self._peak = Peak(self._guest, version.memory_mib)
        self._init_started = Instant(0.0)
        self._init_ms: float | None = None
        self._init_error: FunctionError | LambdaError | None = None
        self._response: tuple[bytes, FunctionError | LambdaError | None] = (b"", None)
        self._stream: Stream | None = None
        self._stream_type = b""
        self._exit: SandboxExit | None = None
        self._fatal: FunctionError | None = None
        """What the runtime said before it ended itself, or why its extensions ended it."""
        self._end_reason = ShutdownReason.SPINDOWN
        self._outstanding: Result | None = None
        """In EXTENDED: what is answered with the report, for its caller wants the log."""
        self._runtime_ms: float | None = None
        """In EXTENDED: how long the runtime took, where there are extensions."""

    # What the pool asks

    def start(self) -> None:
        """Begin the first init."""
        self._deadline = Instant(self._clock.now() + limits.INIT_TIMEOUT_S)
        self._arm(limits.INIT_TIMEOUT_S)
        self._launch()

    def run(self, lease: Lease) -> None:
        """Serve one invocation; only when READY or RESET."""
        self._lease = lease
        self._freezer.wake()
        self._apply(Event.LEASED)

    def stop(self) -> None:
        """End now; a running invocation is answered with an error."""
        if self.phase is not Phase.STOPPED:
            self._exit = self._exit or SandboxExit(code=None, signal=9)
            self._apply(Event.STOP_REQUESTED)

    # The guest

    def on_frame(self, kind: Kind, payload: bytes) -> None:
        if kind is Kind.RESPONSE:
            self._responded(payload, None)
        else:
            self._other_frame(kind, payload)

    def on_read(self) -> None:
        if self._stream is not None:
            self._stream.flush(self._clock.now())

    def _other_frame(self, kind: Kind, payload: bytes) -> None:
        if kind in _OF_A_STREAM:
            self._stream_frame(kind, payload)
        elif kind is Kind.READY and self.phase in (Phase.FINISHING, Phase.EXTENDED):
            self._apply(Event.RUNTIME_READY)
        elif kind is Kind.READY:
            elapsed_ms = (self._clock.now() - self._init_started) * 1000
            if self.phase is Phase.INIT:
                if not self.provisioned:  # its init belongs to no invocation
                    self._init_ms = elapsed_ms
            elif self.phase is not Phase.INIT_IN_INVOKE:  # that counts as part of the invocation
                self._guest.distrust()
                return
            self._guest.initialised()
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
        elif kind is Kind.FATAL:
            self._fatal = failures.from_payload(payload)
        elif kind is Kind.INIT_ERROR:
            self._init_failed(failures.of_init(payload, self._request_id()))

    def _responded(self, payload: bytes, error: FunctionError | LambdaError | None) -> None:
        if self.phase is not Phase.BUSY:
            self._guest.distrust()
            return
        if len(payload) > limits.RESPONSE_BYTES_MAX:
            payload, error = b"", failures.RESPONSE_TOO_LARGE
        self._response = (payload, error)
        self._apply(self._guest.answered(failed=error is not None))

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
            self._guest.distrust()

    def _open_stream(self) -> None:
        lease = self._lease
        assert lease is not None
        lease.invocation.executed_version = self.version.version
        self._stream = open_stream(lease.invocation.sink, self._guest, self._platform)
        self._stream.start(self._stream_type)

    def _stream_ended(self, payload: bytes, error: FunctionError | None) -> None:
        assert self._stream is not None
        self._stream.flush(self._clock.now())
        self._response = (payload, error)
        self._apply(self._guest.answered(failed=error is not None))

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
        self._begin()
        self._apply(Event.ADOPTED)

    def _launch(self) -> None:
        self._init_started = self._clock.now()
        self._init_ms = None
        self._exit = None
        self._journal.init_started(self.phase)
        self._guest.launch()

    def _offer(self) -> None:
        if self.phase is Phase.READY:
            self._freezer.rest()  # first: the owner may have the next invocation for it
        self._owner.on_free(self)

    def _tell_answered(self) -> None:
        self._owner.on_answered(self)

    def _send_invoke(self) -> None:
        lease = self._lease
        assert lease is not None
        invocation = lease.invocation
        if not self._started:  # else it began with the init inside the invocation
            self._unannounced = invocation
            self._start_clock()
        self._announce()
        self._guest.send_invoke(invocation, self._wall_deadline)

    def _begin(self) -> None:
        """An invocation with another init within it, and no more of the runtime before."""
        self._end_reason = ShutdownReason.SPINDOWN
        self._fatal = None
        self._peak.forget()
        assert self._lease is not None
        self._unannounced = self._lease.invocation
        self._journal.begin(self._unannounced)
        self._start_clock()

    def _start_clock(self) -> None:
        self._started = self._clock.now()
        self._deadline = Instant(self._started + self.version.timeout_s)
        if self._timer is None or self._timer_due > self._deadline:
            self._arm(self.version.timeout_s)
        self._wall_deadline = self._clock.wall_s() + self.version.timeout_s

    def _announce(self) -> None:
        """START, once: after an init within the invocation, though that failed.

        Source: RIE, internal/lambda/rapid/handlers.go, doInvoke.
        """
        invocation, self._unannounced = self._unannounced, None
        if invocation is not None:
            self._journal.start(invocation, self._clock.wall_s())

    def _complete(self) -> None:
        payload, error = self._response
        self._response = (b"", None)
        self._guest.raw.drain()
        if error is None:
            self._finish(payload, status=None, error_type=None)
        else:
            self._finish(error, status="error", error_type=failures.logged_type(error))

    def _answer(self) -> None:
        """The result leaves; its report follows when the extensions are done."""
        payload, error = self._response
        lease = self._lease
        assert lease is not None
        if self._guest.extends:
            self._runtime_ms = (self._clock.now() - self._started) * 1000
            self._guest.raw.drain()
            self._journal.runtime_done(self._request_id(), self._runtime_ms, len(payload), error)
        if lease.invocation.log_tail:
            self._outstanding = payload if error is None else error
        else:
            lease.answer(payload if error is None else error, self.version.version, None)

    def _report(self) -> None:
        """After `_answer`: the runtime and its extensions are done."""
        self._guest.raw.drain()
        error = self._response[1]
        self._report_extended(None if error is None else "error", failures.logged_type(error))

    def _report_timeout(self) -> None:
        self._tell_timeout()
        self._report_extended("timeout", None)

    def _report_exit(self) -> None:
        self._guest.raw.drain()
        fatal = self._fatal
        self._report_extended("error", fatal.error_type if fatal else "Runtime.ExitError")

    def _report_extended(self, status: str | None, error_type: str | None) -> None:
        self._response = (b"", None)
        lease = self._lease
        assert lease is not None
        tail = self._log_end(status=status, error_type=error_type)
        result, self._outstanding = self._outstanding, None
        if result is not None:
            lease.answer(result, self.version.version, tail)

    def _complete_with_timeout(self) -> None:
        self._tell_timeout()
        request_id = self._request_id()
        error = failures.timed_out(request_id, float(self.version.timeout_s))
        self._finish(error, status="timeout", error_type=None)

    def _complete_with_exit(self) -> None:
        self._announce()
        self._guest.raw.drain()
        error = self._fatal
        if error is None:
            end = self._exit or SandboxExit(code=0, signal=None)
            error = failures.exited(self._request_id(), end)
            description = failures.describe_exit(end)
            self._journal.exited(self._request_id(), description, error.error_type)
        self._finish(error, status="error", error_type=error.error_type)

    def _complete_with_init_error(self) -> None:
        self._announce()
        self._guest.raw.drain()
        error = self._init_error or failures.sandbox_failed(self._request_id())
        self._finish(error, status="error", error_type=failures.type_of(error))

    def _finish(self, result: Result, *, status: str | None, error_type: str | None) -> None:
        """Log END and REPORT, meter, and answer."""
        lease = self._lease
        assert lease is not None
        tail = self._log_end(status=status, error_type=error_type)
        lease.answer(result, self.version.version, tail)

    def _log_end(self, *, status: str | None, error_type: str | None) -> bytes | None:
        """The invocation is over; returns the log's tail where it was asked for."""
        lease = self._lease
        assert lease is not None
        self._lease = None
        version = self.version
        duration_ms = (self._clock.now() - self._started) * 1000
        if status == "timeout":
            duration_ms = version.timeout_s * 1000.0
        self._started = Instant(0.0)
        init_ms, self._init_ms = self._init_ms, None
        runtime_ms, self._runtime_ms = self._runtime_ms, None
        return self._journal.end(
            lease.invocation.request_id,
            duration_ms=duration_ms,
            init_ms=init_ms,
            peak_mib=self._peak.after(duration_ms),
            status=status,
            error_type=error_type,
            runtime_ms=runtime_ms,
        )

    def _tell_timeout(self) -> None:
        self._end_reason = ShutdownReason.TIMEOUT
        self._guest.raw.drain()
        if self._unannounced is not None:
            self._report_init(status="timeout", error_type=None)
            self._announce()
        self._journal.timed_out(self._request_id())

    def _kill(self) -> None:
        self._disarm()
        self._freezer.stop()
        self._guest.kill(self._end_reason)

    def _reset(self) -> None:
        if self.provisioned or not self.resets:
            self._kill()
            self._apply(Event.RESET_FAILED)
            return
        self._disarm()
        self._freezer.stop()
        self._guest.reset(self._end_reason, self._reset_done)

    def _reset_done(self, kept: bool) -> None:
        if self.phase is Phase.RESETTING:
            self._journal.out.finish_lines()
            self._apply(Event.RESET_DONE if kept else Event.RESET_FAILED)
        else:
            self._guest.kept.let_go()

    def _gone(self) -> None:
        self._guest.kept.let_go()
        self._guest.after_end(self._journal.close)
        self._owner.on_gone(self)

    def on_extensions(self, extensions: Sequence[Extension]) -> None:
        for one in extensions:
            self._journal.extension(one.name, one.state, one.events, one.error_type)

    def on_failed(self, error_type: str, text: str) -> None:
        """An extension crashed or gave up, and the environment with it."""
        self._end_reason = ShutdownReason.FAILURE
        error = failures.of_extension(error_type, text, self._request_id())
        if self.phase is not Phase.READY:
            self._journal.exited(self._request_id(), text, error_type)
        if self.phase in (Phase.INIT, Phase.INIT_IN_INVOKE):
            self._init_failed(error)
        elif self.phase not in _OVER:
            self._fatal = error
            self._apply(Event.EXITED)

    def on_no_sandbox(self, error: Exception) -> None:
        self._init_failed(failures.no_sandbox(error, self._request_id()))

    def on_exit(self, end: SandboxExit) -> None:
        self._exit = end
        self._end_reason = ShutdownReason.FAILURE
        if self.phase in (Phase.INIT, Phase.INIT_IN_INVOKE):
            self._init_failed(failures.exited(self._request_id(), end))
        elif self.phase not in _OVER:
            self._apply(Event.EXITED)

    def _init_failed(self, error: FunctionError | LambdaError) -> None:
        if self.phase not in (Phase.INIT, Phase.INIT_IN_INVOKE):
            return
        self._end_reason = ShutdownReason.FAILURE
        self._guest.raw.drain()
        self._init_error = error
        self._report_init(status="error", error_type=failures.type_of(error))
        self._apply(Event.INIT_FAILED)

    def _init_timed_out(self) -> None:
        self._end_reason = ShutdownReason.TIMEOUT
        self._guest.raw.drain()
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


_OVER = (Phase.RESETTING, Phase.RESET, Phase.STOPPED)
_OF_A_STREAM = (Kind.STREAM_CHUNK, Kind.STREAM_START, Kind.STREAM_END)

# An action is done by the method of its name.
_PERFORM: dict[Action, Callable[[Environment], None]] = {
    action: getattr(Environment, f"_{action.name.lower()}") for action in Action
}

# `decide` for every pair, with what performs each action: one lookup on the hot path.
_DRIVE = {
    phase: {
        event: (target, tuple(_PERFORM[action] for action in actions))
        for event, (target, actions) in row.items()
    }
    for phase, row in TRANSITIONS.items()
}
