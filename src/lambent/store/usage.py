"""The bill's rows: totals by function name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

UsageRow = tuple[str, int, int, int, int, float, float]
"""function name, invocations, errors, throttles, billed ms, GB-s, USD."""


def load_usage(connection: sqlite3.Connection) -> list[UsageRow]:
    return connection.execute(
        "SELECT function_name, invocations, errors, throttles, billed_ms, gb_s, usd FROM usage"
    ).fetchall()


def store_usage(connection: sqlite3.Connection, rows: Iterable[UsageRow]) -> None:
    """Replace the totals of the functions named."""
    connection.executemany("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def clear_usage(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM usage")
