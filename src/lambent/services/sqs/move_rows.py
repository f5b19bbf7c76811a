"""Message move tasks as rows. Each function runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

Connection = sqlite3.Connection

_TASK = (
    "task_id, source_arn, destination_arn, per_s_max, status, to_move, moved, failure, started_ms"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTask:
    """One StartMessageMoveTask and what became of it."""

    task_id: str
    source_arn: str
    destination_arn: str | None
    """None: each message goes to the queue that it was a dead letter of."""
    per_s_max: int | None
    status: str
    """RUNNING, COMPLETED, CANCELLED or FAILED."""
    to_move: int
    moved: int = 0
    failure: str | None = None
    started_ms: int


def store_task(connection: Connection, task: MoveTask) -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO sqs_moves ({_TASK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            task.task_id,
            task.source_arn,
            task.destination_arn,
            task.per_s_max,
            task.status,
            task.to_move,
            task.moved,
            task.failure,
            task.started_ms,
        ),
    )


def load_tasks(connection: Connection) -> list[MoveTask]:
    """All, the newest first."""
    found = connection.execute(f"SELECT {_TASK} FROM sqs_moves ORDER BY started_ms DESC, task_id")
    names = _TASK.split(", ")
    return [MoveTask(**dict(zip(names, row, strict=True))) for row in found]


def delete_task(connection: Connection, task_id: str) -> None:
    connection.execute("DELETE FROM sqs_moves WHERE task_id = ?", (task_id,))


def load_sources(connection: Connection, numbers: Iterable[int]) -> dict[int, str | None]:
    """Number of a message → the queue that it is a dead letter of."""
    found = {}
    for number in numbers:
        row = connection.execute(
            "SELECT source_arn FROM sqs_messages WHERE number = ?", (number,)
        ).fetchone()
        found[number] = None if row is None else row[0]
    return found


def move_as_new(
    connection: Connection, number: int, *, bin_: int, as_number: int, message_id: str, now_ms: int
) -> None:
    """Into another queue, behind all that is there, as a message that was never received."""
    connection.execute(
        "UPDATE sqs_messages SET number = ?, bin = ?, message_id = ?, sent_ms = ?, due_ms = ?,"
        " source_arn = NULL WHERE number = ?",
        (as_number, bin_, message_id, now_ms, now_ms, number),
    )
    connection.execute("DELETE FROM sqs_receives WHERE number = ?", (number,))
