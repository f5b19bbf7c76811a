"""What is read for the server's loops: the host's memory, and usage from and to its rows."""

from __future__ import annotations

from pathlib import Path

from lambent.observe.meter import Usage
from lambent.placement.demand import Memory, parse_memory
from lambent.store.usage import UsageRow


def read_memory() -> Memory:
    """What the host says of its memory now."""
    texts = []
    for path in ("/proc/meminfo", "/proc/pressure/memory"):
        try:
            texts.append(Path(path).read_text(encoding="ascii"))
        except OSError:  # kernels without it
            texts.append("")
    return parse_memory(*texts)


def usage_of(row: UsageRow) -> Usage:
    _, invocations, errors, throttles, billed, gb_s, usd = row
    return Usage(
        invocations=invocations,
        errors=errors,
        throttles=throttles,
        billed_ms=billed,
        gb_s=gb_s,
        usd=usd,
    )


def usage_row(name: str, usage: Usage) -> UsageRow:
    return (
        name,
        usage.invocations,
        usage.errors,
        usage.throttles,
        usage.billed_ms,
        usage.gb_s,
        usage.usd,
    )
