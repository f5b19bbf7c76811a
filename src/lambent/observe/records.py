"""The platform's own log lines where a function's log format is JSON, with their levels.

Source: [DG] "Lambda Telemetry API Event schema reference" and, for the levels, "System log level
event mapping". A record goes into the log group as one line of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DEBUG, INFO, WARN = 10, 20, 30

LEVELS = {"TRACE": 5, "DEBUG": DEBUG, "INFO": INFO, "WARN": WARN, "ERROR": 40, "FATAL": 50}
"""By name, as LoggingConfig knows them."""

_OTHER_NAMES = {"WARNING": WARN, "CRITICAL": 50}


def format_record(wall_s: float, kind: str, record: Mapping[str, Any]) -> str:
    """One event: `kind` without its `platform.`."""
    moment = datetime.fromtimestamp(wall_s, UTC)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    event = {"time": stamp, "type": f"platform.{kind}", "record": record}
    return json.dumps(event, separators=(",", ":")) + "\n"


def level_of_line(line: bytes) -> int:
    """Level of an application's line; one above all where it is no JSON with level and timestamp.

    [DG] only such lines are filtered.
    """
    unfiltered = 100
    if not line.startswith(b"{"):
        return unfiltered
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return unfiltered
    if not isinstance(fields, dict) or "timestamp" not in fields:
        return unfiltered
    name = str(fields.get("level", "")).upper()
    return LEVELS.get(name) or _OTHER_NAMES.get(name, unfiltered)
