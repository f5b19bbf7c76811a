"""The journals of functions that ask for more than plain text: JSON records, and traces."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from typing import Any

from lambent.clock import Clock
from lambent.domain.arns import LATEST
from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation
from lambent.domain.lineage import new_trace
from lambent.environment.journal import Journal
from lambent.environment.lifecycle import Phase
from lambent.environment.output import OutputLog
from lambent.environment.platform import Platform, StartedAhead
from lambent.environment.program import SNAP_START
from lambent.environment.telemetry_journal import TelemetryJournal
from lambent.observe import lines, records
from lambent.observe.logs import LogStream


def open_journal(
    version: FunctionVersion,
    platform: Platform,
    provisioned: bool,
    ahead: StartedAhead | None = None,
) -> Journal | TelemetryJournal:
    """The journal that the version asks for; one that tells extensions where there are some."""
    journal = _open_plain(
        version, platform, provisioned, None if ahead is None else ahead.stream_name
    )
    if not platform.specs.extensions(version):
        return journal
    return TelemetryJournal(journal, version, platform, provisioned)


def _open_plain(
    version: FunctionVersion, platform: Platform, provisioned: bool, stream_name: str | None
) -> Journal:
    """As LoggingConfig and TracingConfig say."""
    if version.log_format == "JSON":
        return JsonJournal(version, platform, provisioned, stream_name)
    if version.tracing_mode == "Active":
        return TracedJournal(version, platform, stream_name)
    return Journal(version, platform, stream_name)


class Trace:
    """The trace of one invocation of a function whose tracing is active."""

    __slots__ = ("sampled", "segment_id", "trace_id", "value")

    def __init__(self, header: bytes, wall_s: float) -> None:
        """Goes on with `header`, or begins a trace. Without a word on sampling: sampled.

        [DG] X-Ray samples the first request of each second and 5 % of the rest: here it is all.
        """
        given = [part.strip() for part in header.decode("latin-1").split(";") if "=" in part]
        fields = dict(part.split("=", 1) for part in given)
        self.trace_id = fields.get("Root") or f"1-{int(wall_s):08x}-{secrets.token_hex(12)}"
        self.sampled = fields.get("Sampled", "1") != "0"
        self.segment_id = secrets.token_hex(8)
        self.value = (
            f"Root={self.trace_id};Parent={self.segment_id};Sampled={1 if self.sampled else 0}"
        )
        if "Lineage" in fields:
            self.value += f";Lineage={fields['Lineage']}"


class TracedJournal(Journal):
    """Text, with the trace in REPORT."""

    def start(self, invocation: Invocation, wall_s: float) -> None:
        trace = Trace(invocation.trace_id, wall_s)
        invocation.trace_id = trace.value.encode("latin-1")
        sampled = trace.sampled
        self.xray = lines.format_trace(trace.trace_id, trace.segment_id) if sampled else ""
        super().start(invocation, wall_s)


class JsonJournal(Journal):
    """One record of JSON for each event, as far as SystemLogLevel lets it through."""

    _trace: Trace | None = None

    def __init__(
        self,
        version: FunctionVersion,
        platform: Platform,
        provisioned: bool,
        stream_name: str | None = None,
    ) -> None:
        self._init_type = "provisioned-concurrency" if provisioned else "on-demand"
        if version.snap_start and version.version != LATEST:
            self._init_type = SNAP_START
        self._level = records.LEVELS[version.system_log_level or "INFO"]
        super().__init__(version, platform, stream_name)

    def _open_output(self, stream: LogStream) -> OutputLog:
        least = records.LEVELS[self._version.application_log_level or "INFO"]
        return FilteredOutput(stream, self._clock, least)

    def init_started(self, phase: Phase) -> None:
        version = self._version
        begun = {"initializationType": self._init_type, "phase": _phase(phase)}
        self._write(
            records.INFO,
            "restoreStart" if self._restored else "initStart",
            {
                **({} if self._restored else begun),
                **({} if version.image is not None else self._runtime()),
                "functionName": version.name,
                "functionVersion": version.version,
            },
        )

    def _runtime(self) -> dict[str, str]:
        return {
            "runtimeVersion": lines.runtime_version(self._version.runtime),
            "runtimeVersionArn": self.runtime_arn,
        }

    def init_done(self, init_ms: float, phase: Phase) -> None:
        if self._restored:
            self._restore_done(records.DEBUG, init_ms, {"status": "success"})
            return
        record = {
            "initializationType": self._init_type,
            "phase": _phase(phase),
            "status": "success",
        }
        self._write(records.DEBUG, "initRuntimeDone", record)
        metrics = {"durationMs": round(init_ms, 3)}
        self._write(records.DEBUG, "initReport", {**record, "metrics": metrics})

    def snapshot_done(self, init_ms: float) -> None:
        self.init_done(init_ms, Phase.INIT)

    def _restore_done(self, level: int, restore_ms: float, record: dict[str, Any]) -> None:
        self._write(level, "restoreRuntimeDone", record)
        metrics = {"durationMs": round(restore_ms, 3)}
        self._write(level, "restoreReport", {**record, "metrics": metrics})

    def start(self, invocation: Invocation, wall_s: float) -> None:
        self.begin(invocation)
        if self._version.tracing_mode == "Active":
            self._trace = Trace(invocation.trace_id, wall_s)
            invocation.trace_id = self._trace.value.encode("latin-1")
        invocation.trace_id = invocation.trace_id or new_trace(invocation.request_id, wall_s)
        record = {"requestId": invocation.request_id, "version": self._version.version}
        self._write(records.INFO, "start", {**record, **self._tracing()}, wall_s)

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
        billed = lines.billed_ms(duration_ms, init_ms)
        level = records.INFO if status is None else records.WARN
        record: dict[str, Any] = {"requestId": request_id, "status": status or "success"}
        if error_type is not None:
            record["errorType"] = error_type
        record.update(self._tracing())
        done = {"durationMs": round(duration_ms if runtime_ms is None else runtime_ms, 3)}
        self._write(
            records.DEBUG if status is None else level, "runtimeDone", {**record, "metrics": done}
        )
        metrics: dict[str, Any] = {
            "durationMs": round(duration_ms, 3),
            "billedDurationMs": billed,
            "memorySizeMB": self._version.memory_mib,
            "maxMemoryUsedMB": peak_mib,
        }
        if init_ms is not None and self._restored:
            metrics["restoreDurationMs"] = round(init_ms, 3)
            metrics["billedRestoreDurationMs"] = math.ceil(init_ms)
        elif init_ms is not None:
            metrics["initDurationMs"] = round(init_ms, 3)
        self._write(level, "report", {**record, "metrics": metrics})
        self._account.ran(billed, status is not None)
        return self.out.take_tail()

    def extension(self, name: str, state: str, events: Sequence[str], error_type: str) -> None:
        record: dict[str, Any] = {"name": name, "state": state, "events": list(events)}
        if error_type:
            record["errorType"] = error_type
        self._write(records.INFO, "extension", record)

    def subscribed(self, api: str, name: str, types: Sequence[str]) -> None:
        kind = "logsSubscription" if api == "Logs" else "telemetrySubscription"
        record = {"name": name, "state": "Subscribed", "types": list(types)}
        self._write(records.INFO, kind, record)

    def timed_out(self, request_id: str) -> None:
        """Nothing besides the report, which says it."""

    def exited(self, request_id: str, description: str, error_type: str) -> None:
        """Nothing besides the report, which says it."""

    def init_failed(
        self, elapsed_ms: float, phase: Phase, *, status: str, error_type: str | None
    ) -> None:
        failed: dict[str, Any] = {"status": status}
        if error_type is not None:
            failed["errorType"] = error_type
        if self._restored:
            self._restore_done(records.WARN, elapsed_ms, failed)
            return
        record: dict[str, Any] = {
            "initializationType": self._init_type,
            "phase": _phase(phase),
            **failed,
        }
        self._write(records.WARN, "initRuntimeDone", record)
        metrics = {"durationMs": round(elapsed_ms, 3)}
        self._write(records.WARN, "initReport", {**record, "metrics": metrics})

    def _tracing(self) -> dict[str, Any]:
        trace = self._trace
        if trace is None or not trace.sampled:
            return {}
        return {
            "tracing": {
                "spanId": trace.segment_id,
                "type": "X-Amzn-Trace-Id",
                "value": trace.value,
            }
        }

    def _write(
        self, level: int, kind: str, record: dict[str, Any], wall_s: float | None = None
    ) -> None:
        if level >= self._level:
            now = self._clock.wall_s() if wall_s is None else wall_s
            self.out.event_at(int(now * 1000), records.format_record(now, kind, record))


class FilteredOutput(OutputLog):
    """Leaves out what an application logs as JSON below a level."""

    __slots__ = ("_least",)

    def __init__(self, stream: LogStream, clock: Clock, least: int) -> None:
        super().__init__(stream, clock)
        self._least = least

    def record(self, data: bytes) -> float:
        if records.level_of_line(data) < self._least:
            self._leave_out(data)
            return self._budget.spend(len(data))
        return super().record(data)

    def _lines(self, lines: list[bytes], size: int) -> float:
        kept = []
        for line in lines:
            if records.level_of_line(line) >= self._least:
                kept.append(line)
            else:
                self._leave_out(line)
        return super()._lines(kept, size)

    def _leave_out(self, line: bytes) -> None:
        """Of the log; extensions hear of it. Unverified."""
        if self.tap is not None:
            self.tap(line.decode("utf-8", "replace"))


def _phase(phase: Phase) -> str:
    return "init" if phase is Phase.INIT else "invoke"
