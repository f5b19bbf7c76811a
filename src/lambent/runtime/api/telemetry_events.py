"""What subscribers of the Telemetry API and of the Logs API are told, in the schema of each.

Source: Developer Guide, "Lambda Telemetry API Event schema reference" and, for the schemas of the
older API, "Lambda Logs API".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LOGS_SCHEMAS = ("2020-08-15", "2021-03-18")
TELEMETRY_SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
PLATFORM, FUNCTION, EXTENSION = "platform", "function", "extension"
TYPES = (PLATFORM, FUNCTION, EXTENSION)
DROPPED = "platform.logsDropped"
DROPPED_REASON = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."

_ONLY_OF_LOGS = ("platform.end", "platform.fault", "platform.logsSubscription")


@dataclass(frozen=True, slots=True)
class TelemetryEvent:
    """One event; `kind` is its type on the wire."""

    wall_s: float
    kind: str
    record: Mapping[str, Any] | str

    @property
    def type(self) -> str:
        """Which of TYPES one subscribes to for it."""
        return self.kind.partition(".")[0]


def render(event: TelemetryEvent, schema: str, *, json_lines: bool) -> bytes | None:
    """The event as JSON, without a newline; None where the schema does not know it.

    `json_lines`: the function logs JSON, whose objects are not told as strings since 2022-12-13.
    """
    record: Mapping[str, Any] | str = event.record
    if schema in LOGS_SCHEMAS:
        told = _LOGS_RECORDS.get(event.kind)
        if told is None or (event.kind == "platform.runtimeDone" and schema == LOGS_SCHEMAS[0]):
            return None
        record = told(record)
    elif event.kind in _ONLY_OF_LOGS:
        return None
    elif json_lines and schema >= TELEMETRY_SCHEMAS[1] and isinstance(record, str):
        record = _parse_object(record) or record
    moment = datetime.fromtimestamp(event.wall_s, UTC)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    value = {"time": stamp, "type": event.kind, "record": record}
    return json.dumps(value, separators=(",", ":")).encode()


def dropped(wall_s: float, records: int, size: int) -> TelemetryEvent:
    """So much was not told."""
    record = {"reason": DROPPED_REASON, "droppedRecords": records, "droppedBytes": size}
    return TelemetryEvent(wall_s, DROPPED, record)


def _parse_object(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _same(record: Any) -> Any:
    return record


def _only(*names: str) -> Callable[[Any], Any]:
    return lambda record: {name: record[name] for name in names if name in record}


def _done(record: Any) -> Any:
    status = "failure" if record["status"] == "error" else record["status"]
    return {"requestId": record["requestId"], "status": status}


_LOGS_RECORDS: Mapping[str, Callable[[Any], Any]] = {
    FUNCTION: _same,
    EXTENSION: _same,
    "platform.start": _only("requestId", "version"),
    "platform.runtimeDone": _done,
    "platform.end": _same,
    "platform.report": _only("requestId", "metrics", "tracing"),
    "platform.fault": _same,
    "platform.extension": _only("name", "state", "events"),
    "platform.logsSubscription": _same,
    DROPPED: _same,
}
"""What the Logs API tells of each, as far as it knows it."""
