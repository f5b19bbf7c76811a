"""The platform's own log lines, exact in form. Source: facts, 'Logs' and 'Billing'."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime


def format_start(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}\n"


def runtime_version(runtime: str) -> str:
    """As AWS names it (python:3.12.v1, nodejs:20.v1); builds are not told apart: all are v1."""
    language = runtime.rstrip("0123456789.x")
    version = runtime[len(language) :].removesuffix(".x")
    if runtime.startswith("provided"):
        language, _, version = runtime.partition(".")
    return f"{language}:{version}.v1" if version else f"{language}.v1"


def format_init_start(runtime: str, arn: str) -> str:
    return f"INIT_START Runtime Version: {runtime_version(runtime)}\tRuntime Version ARN: {arn}\n"


def format_restore_start(runtime: str, arn: str) -> str:
    """As INIT_START; recorded on AWS (re:Post, "lambda snap start restore duration")."""
    return (
        f"RESTORE_START Runtime Version: {runtime_version(runtime)}\tRuntime Version ARN: {arn}\n"
    )


def format_restore_report(restore_ms: float, *, status: str | None, error_type: str | None) -> str:
    """RESTORE_REPORT; where it failed with what of. The latter's form is unverified."""
    tail = "" if status is None else f"\tStatus: {status}"
    tail += "" if error_type is None else f"\tError Type: {error_type}"
    return f"RESTORE_REPORT Restore Duration: {restore_ms:.2f} ms{tail}\n"


def format_snapshot_report(init_ms: float) -> str:
    """INIT_REPORT of the init that a snapshot was taken of [DG]; its end is unverified."""
    return f"INIT_REPORT Init Duration: {init_ms:.2f} ms\n"


def format_trace(trace_id: str, segment_id: str) -> str:
    """What follows REPORT in the same event where the invocation was sampled."""
    return f"XRAY TraceId: {trace_id}\tSegmentId: {segment_id}\tSampled: true\t\n"


def format_extension(name: str, state: str, events: Sequence[str], error_type: str) -> str:
    """Source: log lines of AppConfig's and Datadog's extensions in their public issues."""
    error = f"\tError Type: {error_type}" if error_type else ""
    return f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{', '.join(events)}]{error}\n"


def format_subscription(api: str, name: str, types: Sequence[str]) -> str:
    """Source: log lines of AWS's sample extensions in public issues."""
    told = ", ".join(one.capitalize() for one in types)
    return f"{api.upper()}\tName: {name}\tState: Subscribed\tTypes: [{told}]\n"


def format_end(request_id: str) -> str:
    return f"END RequestId: {request_id}\n"


def billed_ms(duration_ms: float, init_ms: float | None) -> int:
    """Milliseconds that are billed: INIT counts since 2025-08-01, rounded up to the next whole."""
    return math.ceil(duration_ms + (init_ms or 0.0))


def format_report(
    request_id: str,
    *,
    duration_ms: float,
    billed: int,
    memory_mib: int,
    peak_mib: int,
    init_ms: float | None,
    status: str | None,
    error_type: str | None = None,
    restored: bool = False,
) -> str:
    """REPORT; `init_ms` only on a cold start, `status` (`timeout`, `error`) only on a failure.

    `restored`: it was a restore from a snapshot; as recorded on AWS in the README of the SAM demo
    java-connect-lex-chatgpt. What of it AWS would bill is not told apart here.
    """
    tail = "" if init_ms is None else f"Init Duration: {init_ms:.2f} ms\t"
    if restored and init_ms is not None:
        tail = f"Restore Duration: {init_ms:.2f} ms\t"
        tail += f"Billed Restore Duration: {math.ceil(init_ms)} ms\t"
    if status is not None:
        tail += f"Status: {status}"
        tail += "" if error_type is None else f"\tError Type: {error_type}"
    return (
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\t"
        f"Billed Duration: {billed} ms\t"
        f"Memory Size: {memory_mib} MB\tMax Memory Used: {peak_mib} MB\t{tail}\n"
    )


def format_init_report(init_ms: float, *, phase: str, status: str, error_type: str | None) -> str:
    """INIT_REPORT of an init that did not succeed."""
    error = "" if error_type is None else f"\tError Type: {error_type}"
    return f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\tStatus: {status}{error}\n"


def format_timed_out(wall_s: float, request_id: str, timeout_s: float) -> str:
    moment = datetime.fromtimestamp(wall_s, UTC)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    return f"{stamp} {request_id} Task timed out after {timeout_s:.2f} seconds\n\n"


def stream_name(wall_s: float, version: str) -> str:
    """A new stream: `YYYY/MM/DD/[version]<32 hex>`, one for each execution environment."""
    day = datetime.fromtimestamp(wall_s, UTC).strftime("%Y/%m/%d")
    return f"{day}/[{version}]{uuid.uuid4().hex}"
