"""Asynchronous events as rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from lambent.domain.arns import Account
from lambent.domain.event import AsyncEvent

_COLUMNS = (
    "request_id, function_name, qualifier, payload, trace_id, client_context, tenant_id,"
    " accepted_s, due_s, attempts, back_offs"
)


_PLACES = f"({', '.join('?' * 13)})"
DISCARDS_MAX = 10_000
_ROWS_AT_ONCE = (64, 16, 4, 1)
"""Rows of one statement: each gives the interpreter away once, not once a row."""


def insert_event(connection: sqlite3.Connection, account: Account, event: AsyncEvent) -> None:
    insert_events(connection, account, [event])


def insert_events(
    connection: sqlite3.Connection, account: Account, events: Sequence[AsyncEvent]
) -> None:
    """All of them or, where it raises, none."""
    at = 0
    for count in _ROWS_AT_ONCE:
        while len(events) - at >= count:
            values: list[object] = []
            for event in events[at : at + count]:
                values += (
                    account.account_id,
                    account.region,
                    event.request_id,
                    event.function_name,
                    event.qualifier,
                    event.payload,
                    event.trace_id,
                    event.client_context,
                    event.tenant_id,
                    event.accepted_s,
                    event.due_s,
                    event.attempts,
                    event.back_offs,
                )
            connection.execute(
                f"INSERT INTO async_events (account_id, region, {_COLUMNS})"
                f" VALUES {', '.join([_PLACES] * count)}",
                values,
            )
            at += count


def delay_event(connection: sqlite3.Connection, event: AsyncEvent) -> None:
    """Keep the event for its next try."""
    connection.execute(
        "UPDATE async_events SET due_s = ?, attempts = ?, back_offs = ? WHERE request_id = ?",
        (event.due_s, event.attempts, event.back_offs, event.request_id),
    )


def delete_event(connection: sqlite3.Connection, request_id: str) -> None:
    connection.execute("DELETE FROM async_events WHERE request_id = ?", (request_id,))


def load_waiting(connection: sqlite3.Connection) -> list[tuple[str, str, float]]:
    """Request id, function and due time of every event, in the order of acceptance."""
    return connection.execute(
        "SELECT request_id, function_name, due_s FROM async_events ORDER BY accepted_s"
    ).fetchall()


def load_events(connection: sqlite3.Connection, request_ids: Iterable[str]) -> list[AsyncEvent]:
    """Those of the events that are there."""
    found = []
    for request_id in request_ids:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM async_events WHERE request_id = ?", (request_id,)
        ).fetchone()
        if row is not None:
            found.append(_event(row))
    return found


def insert_discard(
    connection: sqlite3.Connection,
    account: Account,
    *,
    function_name: str,
    target_arn: str,
    record: str,
    now_s: float,
) -> None:
    """Remember what left its queue without success and without anything that took its record.

    The oldest beyond `DISCARDS_MAX` go.
    """
    connection.execute(
        "INSERT INTO async_discards"
        " (account_id, region, function_name, target_arn, record, discarded_s)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (account.account_id, account.region, function_name, target_arn, record, now_s),
    )
    connection.execute(
        "DELETE FROM async_discards WHERE number <="
        " (SELECT coalesce(max(number), 0) FROM async_discards) - ?",
        (DISCARDS_MAX,),
    )


def load_discards(connection: sqlite3.Connection) -> list[tuple[str, str, str, float]]:
    """Function, target, record and time of each, oldest first."""
    return connection.execute(
        "SELECT function_name, target_arn, record, discarded_s FROM async_discards ORDER BY number"
    ).fetchall()


def delete_all_events(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM async_events")
    connection.execute("DELETE FROM async_discards")


def _event(
    row: tuple[str, str, str | None, bytes, bytes, bytes, bytes, float, float, int, int],
) -> AsyncEvent:
    request_id, name, qualifier, payload, trace, context, tenant, accepted, due, tries, offs = row
    return AsyncEvent(
        request_id=request_id,
        function_name=name,
        qualifier=qualifier,
        payload=payload,
        trace_id=trace,
        client_context=context,
        tenant_id=tenant,
        accepted_s=accepted,
        due_s=due,
        attempts=tries,
        back_offs=offs,
    )
