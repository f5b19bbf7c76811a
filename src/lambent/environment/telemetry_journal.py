"""The journal of an environment with extensions: all that is journalled is told as telemetry too,
whatever the log's format and levels. Source: Developer Guide, "Configuring JSON and plain text log
formats": the Telemetry API always emits platform events, as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation
from lambent.environment.journal import Journal
from lambent.environment.lifecycle import Phase
from lambent.environment.platform import Platform
from lambent.environment.telemetry import Telemetry
from lambent.observe import lines
from lambent.runtime.api.telemetry_subscription import Subscription


class TelemetryJournal:
    """A journal around another."""

    def __init__(
        self, journal: Journal, version: FunctionVersion, platform: Platform, provisioned: bool
    ) -> None:
        self._journal = journal
        self._version = version
        self.telemetry = Telemetry(
            platform.clock,
            init_type="provisioned-concurrency" if provisioned else "on-demand",
            json_lines=version.log_format == "JSON",
        )
        self.telemetry.on_subscribed = self._on_subscribed
        self.out = journal.out
        self.out.tap = self.telemetry.function_line
        self.stream_name = journal.stream_name
        self._runtime_done = False
        self._tracing: dict[str, Any] = {}

    def _on_subscribed(self, subscription: Subscription, name: str) -> None:
        self._journal.subscribed(subscription.api, name, subscription.types)

    def init_started(self, phase: Phase) -> None:
        version = self._version
        record = {"functionName": version.name, "functionVersion": version.version}
        if version.image is None:
            record["runtimeVersion"] = lines.runtime_version(version.runtime)
            record["runtimeVersionArn"] = self._journal.runtime_arn
        self.telemetry.begin("init" if phase is Phase.INIT else "invoke", record)
        self._journal.init_started(phase)

    def init_done(self, init_ms: float, phase: Phase) -> None:
        self._journal.init_done(init_ms, phase)
        self.telemetry.init_done(init_ms, status="success", error_type=None)

    def init_failed(
        self, elapsed_ms: float, phase: Phase, *, status: str, error_type: str | None
    ) -> None:
        self._journal.init_failed(elapsed_ms, phase, status=status, error_type=error_type)
        self.telemetry.init_done(elapsed_ms, status=status, error_type=error_type)

    def snapshot_done(self, init_ms: float) -> None:
        self._journal.snapshot_done(init_ms)

    def begin(self, invocation: Invocation) -> None:
        self._journal.begin(invocation)

    def start(self, invocation: Invocation, wall_s: float) -> None:
        self._journal.start(invocation, wall_s)  # it makes the trace
        self._runtime_done = False
        self._tracing = {}
        if self._version.tracing_mode == "Active" and invocation.trace_id:
            value = invocation.trace_id.decode("latin-1")
            self._tracing = {"tracing": {"type": "X-Amzn-Trace-Id", "value": value}}
        record = {"requestId": invocation.request_id, "version": self._version.version}
        self.telemetry.tell("platform.start", {**record, **self._tracing}, wall_s)

    def runtime_done(
        self,
        request_id: str,
        runtime_ms: float,
        size: int,
        error: FunctionError | LambdaError | None,
    ) -> None:
        """`size`: bytes of the response."""
        metrics = {"durationMs": round(runtime_ms, 3), "producedBytes": size}
        error_type = error.error_type if isinstance(error, FunctionError) else None
        status = "success" if error is None else "error"
        self._tell_done(request_id, metrics, status, error_type)

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
        told = status or "success"
        if not self._runtime_done:
            self._tell_done(request_id, {"durationMs": round(duration_ms, 3)}, told, error_type)
        tail = self._journal.end(
            request_id,
            duration_ms=duration_ms,
            init_ms=init_ms,
            peak_mib=peak_mib,
            status=status,
            error_type=error_type,
            runtime_ms=runtime_ms,
        )
        self.telemetry.tell("platform.end", {"requestId": request_id})
        metrics: dict[str, Any] = {
            "durationMs": round(duration_ms, 3),
            "billedDurationMs": lines.billed_ms(duration_ms, init_ms),
            "memorySizeMB": self._version.memory_mib,
            "maxMemoryUsedMB": peak_mib,
        }
        if init_ms is not None:
            metrics["initDurationMs"] = round(init_ms, 3)
        record = self._ended(request_id, told, error_type)
        self.telemetry.tell("platform.report", {**record, "metrics": metrics})
        return tail

    def extension(self, name: str, state: str, events: Sequence[str], error_type: str) -> None:
        record: dict[str, Any] = {"name": name, "state": state, "events": list(events)}
        if error_type:
            record["errorType"] = error_type
        self.telemetry.tell("platform.extension", record)
        self._journal.extension(name, state, events, error_type)

    def timed_out(self, request_id: str) -> None:
        text = f"{request_id} Task timed out after {float(self._version.timeout_s):.2f} seconds"
        self.telemetry.tell("platform.fault", f"RequestId: {text}")
        self._journal.timed_out(request_id)

    def exited(self, request_id: str, description: str, error_type: str) -> None:
        self.telemetry.tell("platform.fault", f"RequestId: {request_id} {description}")
        self._journal.exited(request_id, description, error_type)

    def close(self) -> None:
        self._journal.close()

    def _tell_done(
        self, request_id: str, metrics: dict[str, Any], status: str, error_type: str | None
    ) -> None:
        self._runtime_done = True
        record = self._ended(request_id, status, error_type)
        self.telemetry.tell("platform.runtimeDone", {**record, "metrics": metrics})

    def _ended(self, request_id: str, status: str, error_type: str | None) -> dict[str, Any]:
        record: dict[str, Any] = {"requestId": request_id, "status": status, **self._tracing}
        if error_type is not None:
            record["errorType"] = error_type
        return record
