"""What one environment leaves behind of itself: its log stream and its line in the bill."""

from __future__ import annotations

from collections.abc import Sequence

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation
from lambent.domain.lineage import new_trace
from lambent.environment.lifecycle import Phase
from lambent.environment.output import OutputLog
from lambent.environment.platform import Platform
from lambent.environment.telemetry import Telemetry
from lambent.observe import lines
from lambent.observe.logs import LogStream


class Journal:
    """Writes START, END and REPORT, keeps the tail, and meters."""

    telemetry: Telemetry | None = None
    xray = ""
    """What follows REPORT of the invocation that runs, where it is traced."""

    def __init__(
        self, version: FunctionVersion, platform: Platform, stream_name: str | None = None
    ) -> None:
        """`stream_name`: where the environment was told one before it had a journal."""
        self._version = version
        self._restored = version.optimized
        self._clock: Clock = platform.clock
        self.runtime_arn = Account(region=platform.around.region).runtime_arn(version.runtime)
        self.stream_name = stream_name or lines.stream_name(
            platform.clock.wall_s(), version.version
        )
        self._stream = platform.logs.open_stream(version.log_group, self.stream_name)
        self._write_event = self._stream.write
        self.out = self._open_output(self._stream)
        self._account = platform.meter.open(
            version.name,
            memory_mib=version.memory_mib,
            ephemeral_mib=version.ephemeral_mib,
            architecture=version.architectures[0],
        )

    def _open_output(self, stream: LogStream) -> OutputLog:
        return OutputLog(stream, self._clock)

    def init_started(self, phase: Phase) -> None:
        """INIT_START or RESTORE_START."""
        if self._version.image is not None:  # it has no version of a runtime
            return
        write = lines.format_restore_start if self._restored else lines.format_init_start
        self.out.event(write(self._version.runtime, self.runtime_arn))

    def init_done(self, init_ms: float, phase: Phase) -> None:
        """Nothing: START follows. A restore has a report."""
        if self._restored:
            self.out.event(lines.format_restore_report(init_ms, status=None, error_type=None))

    def snapshot_done(self, init_ms: float) -> None:
        """INIT_REPORT of an init that a snapshot is taken of."""
        self.out.event(lines.format_snapshot_report(init_ms))

    def begin(self, invocation: Invocation) -> None:
        """One whose tail holds an init as well: START follows."""
        if invocation.log_tail and self.out.tail is None:
            self.out.start_tail()

    def start(self, invocation: Invocation, wall_s: float) -> None:
        """START. An invocation without a trace header gets one, as every one on AWS has.

        With tracing PassThrough it is a root alone: aws/aws-xray-sdk-node#651, -java#409.
        """
        invocation.trace_id = invocation.trace_id or new_trace(invocation.request_id, wall_s)
        start = lines.format_start(invocation.request_id, self._version.version)
        if invocation.log_tail:
            self.begin(invocation)
            self.out.event_at(int(wall_s * 1000), start)
        else:
            self._write_event(int(wall_s * 1000), start)

    def runtime_done(
        self,
        request_id: str,
        runtime_ms: float,
        size: int,
        error: FunctionError | LambdaError | None,
    ) -> None:
        """It has answered; its extensions may still be at it."""

    def end(
        self,
        request_id: str,
        *,
        duration_ms: float,
        init_ms: float | None,
        peak_mib: int,
        status: str | None,
        error_type: str | None,
        runtime_ms: float | None = None,
    ) -> bytes | None:
        """END and REPORT, and the bill; the tail where one was asked for.

        `duration_ms` counts extensions too; `runtime_ms` is without, where there are any.
        """
        out, now_ms = self.out, int(self._clock.wall_s() * 1000)
        billed = lines.billed_ms(duration_ms, init_ms)
        report = lines.format_report(
            request_id,
            duration_ms=duration_ms,
            billed=billed,
            memory_mib=self._version.memory_mib,
            peak_mib=peak_mib,
            init_ms=init_ms,
            status=status,
            error_type=error_type,
            restored=self._restored,
        )
        if self.xray:
            report += self.xray
        self._account.ran(billed, status is not None)
        if out.tail is None:
            self._write_event(now_ms, lines.format_end(request_id))
            self._write_event(now_ms, report)
            return None
        out.event_at(now_ms, lines.format_end(request_id))
        out.event_at(now_ms, report)
        return out.take_tail()

    def extension(self, name: str, state: str, events: Sequence[str], error_type: str) -> None:
        """Where an extension stands after the init."""
        self.out.event(lines.format_extension(name, state, events, error_type))

    def subscribed(self, api: str, name: str, types: Sequence[str]) -> None:
        """An extension to telemetry; `api`: Telemetry or Logs."""
        self.out.event(lines.format_subscription(api, name, types))

    def timed_out(self, request_id: str) -> None:
        timeout_s = float(self._version.timeout_s)
        self.out.event(lines.format_timed_out(self._clock.wall_s(), request_id, timeout_s))

    def exited(self, request_id: str, description: str, error_type: str) -> None:
        self.out.event(f"RequestId: {request_id} Error: {description}\n{error_type}\n")

    def init_failed(
        self, elapsed_ms: float, phase: Phase, *, status: str, error_type: str | None
    ) -> None:
        """INIT_REPORT, which only a failed init has; of a restore RESTORE_REPORT."""
        if self._restored:
            text = lines.format_restore_report(elapsed_ms, status=status, error_type=error_type)
            self.out.event(text)
            return
        self.out.event(
            lines.format_init_report(
                elapsed_ms,
                phase="init" if phase is Phase.INIT else "invoke",
                status=status,
                error_type=error_type,
            )
        )

    def close(self) -> None:
        self.out.finish_lines()
        self._stream.close()
