"""The platform's log lines, exact in form. Source: facts, 'Logs' (LocalStack's AWS snapshots)."""

from __future__ import annotations

import re

from lambent.observe import lines

ID = "8f5e0a4c-1d2b-4c3d-8e4f-5a6b7c8d9e0f"


def test_start_and_end_lines() -> None:
    assert lines.format_start(ID, "$LATEST") == f"START RequestId: {ID} Version: $LATEST\n"
    assert lines.format_end(ID) == f"END RequestId: {ID}\n"


def test_the_report_of_a_cold_start_holds_and_bills_the_init() -> None:
    """INIT is billed since 2025-08-01 (AWS Compute Blog): 719.99 + 5330.2 ms → 6051 ms."""
    report = lines.format_report(
        ID,
        duration_ms=719.99,
        billed=lines.billed_ms(719.99, 5330.2),
        memory_mib=128,
        peak_mib=36,
        init_ms=5330.2,
        status=None,
    )
    assert report == (
        f"REPORT RequestId: {ID}\tDuration: 719.99 ms\tBilled Duration: 6051 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 5330.20 ms\t\n"
    )


def test_the_report_of_a_warm_start_holds_no_init() -> None:
    report = lines.format_report(
        ID,
        duration_ms=3.01,
        billed=lines.billed_ms(3.01, None),
        memory_mib=128,
        peak_mib=36,
        init_ms=None,
        status=None,
    )
    assert report == (
        f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\t\n"
    )


def test_the_report_of_a_timeout_says_so() -> None:
    report = lines.format_report(
        ID,
        duration_ms=3000.0,
        billed=lines.billed_ms(3000.0, None),
        memory_mib=128,
        peak_mib=36,
        init_ms=None,
        status="timeout",
    )
    assert report.endswith("Max Memory Used: 36 MB\tStatus: timeout\n")
    assert "Billed Duration: 3000 ms" in report


def test_a_stream_is_named_by_day_version_and_32_hex_digits() -> None:
    name = lines.stream_name(1_700_000_000.0, "$LATEST")
    assert re.fullmatch(r"2023/11/14/\[\$LATEST\][0-9a-f]{32}", name)
    assert name != lines.stream_name(1_700_000_000.0, "$LATEST")


def test_the_timeout_line_names_time_request_and_limit() -> None:
    assert lines.format_timed_out(1_700_000_000.5, ID, 3.0) == (
        f"2023-11-14T22:13:20.500Z {ID} Task timed out after 3.00 seconds\n\n"
    )
