"""Asynchronous events and discards as operators look at them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from lambent.domain.arns import Account
from lambent.domain.event import AsyncEvent
from lambent.store.events import insert_event, load_events


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionEvents:
    """One function's."""

    function: str
    events: int
    failing: int
    """Those of the events that failed or were throttled before."""
    oldest_s: float | None
    """When the oldest event was accepted."""
    discards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """What left the queue without success and without a destination's taking."""

    number: int
    target_arn: str
    """Empty where there was none."""
    record: str
    discarded_s: float


def summarize_events(connection: sqlite3.Connection) -> list[FunctionEvents]:
    """By function's name."""
    events = {
        name: (count, failing, oldest_s)
        for name, count, failing, oldest_s in connection.execute(
            "SELECT function_name, count(*), sum(attempts > 0 OR back_offs > 0), min(accepted_s)"
            " FROM async_events GROUP BY function_name"
        )
    }
    discards: dict[str, int] = dict(
        connection.execute(
            "SELECT function_name, count(*) FROM async_discards GROUP BY function_name"
        ).fetchall()
    )
    return [
        FunctionEvents(
            function=name,
            events=events.get(name, (0, 0, None))[0],
            failing=events.get(name, (0, 0, None))[1],
            oldest_s=events.get(name, (0, 0, None))[2],
            discards=discards.get(name, 0),
        )
        for name in sorted({*events, *discards})
    ]


def list_events(connection: sqlite3.Connection, function: str, limit: int) -> list[AsyncEvent]:
    """The oldest first."""
    ids = connection.execute(
        "SELECT request_id FROM async_events WHERE function_name = ? ORDER BY accepted_s LIMIT ?",
        (function, limit),
    ).fetchall()
    return load_events(connection, [request_id for (request_id,) in ids])


def list_discards(connection: sqlite3.Connection, function: str, limit: int) -> list[Discard]:
    """The oldest first."""
    rows = connection.execute(
        "SELECT number, target_arn, record, discarded_s FROM async_discards"
        " WHERE function_name = ? ORDER BY number LIMIT ?",
        (function, limit),
    )
    return [
        Discard(number=number, target_arn=target, record=record, discarded_s=discarded_s)
        for number, target, record, discarded_s in rows
    ]


def drop_events(connection: sqlite3.Connection, function: str) -> tuple[int, int]:
    """Delete a function's events and discards; how many of each."""
    return (
        connection.execute(
            "DELETE FROM async_events WHERE function_name = ?", (function,)
        ).rowcount,
        connection.execute(
            "DELETE FROM async_discards WHERE function_name = ?", (function,)
        ).rowcount,
    )


def hasten_events(connection: sqlite3.Connection, request_ids: Iterable[str], now_s: float) -> None:
    """They are due now."""
    connection.executemany(
        "UPDATE async_events SET due_s = ? WHERE request_id = ?",
        [(now_s, request_id) for request_id in request_ids],
    )


def revive_discard(
    connection: sqlite3.Connection, account: Account, number: int, event: AsyncEvent
) -> None:
    """An event in the place of a discard; nothing where that is gone."""
    gone = connection.execute("DELETE FROM async_discards WHERE number = ?", (number,))
    if gone.rowcount:
        insert_event(connection, account, event)
