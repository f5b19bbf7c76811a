"""SQS's rows: SQL by name. Each function runs inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lambent.domain.arns import Account
from lambent.services.sqs.messages import Message
from lambent.services.sqs.states import Held

Connection = sqlite3.Connection

_MESSAGE = (
    "number, message_id, sender_id, sent_ms, due_ms, group_id, dedup_id, trace, source_arn,"
    " attributes, body"
)
_INSERT = f"INSERT INTO sqs_messages (bin, {_MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_RECEIVE = (
    "INSERT OR REPLACE INTO sqs_receives (number, count, first_ms, visible_ms) VALUES (?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A queue as it is on disk."""

    queue_id: int
    name: str
    bin: int
    """Whose messages are this queue's."""
    created_s: int
    modified_s: int
    attributes: Mapping[str, str]
    """Those that were set."""
    tags: Mapping[str, str]


# Queues


def insert_queue(connection: Connection, account: Account, queue: QueueRow) -> None:
    connection.execute(
        "INSERT INTO sqs_queues (queue_id, account_id, region, name, bin, created_s, modified_s,"
        " attributes, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            queue.queue_id,
            account.account_id,
            account.region,
            queue.name,
            queue.bin,
            queue.created_s,
            queue.modified_s,
            json.dumps(dict(queue.attributes)),
            json.dumps(dict(queue.tags)),
        ),
    )


def update_queue(connection: Connection, queue: QueueRow) -> None:
    connection.execute(
        "UPDATE sqs_queues SET bin = ?, modified_s = ?, attributes = ?, tags = ?"
        " WHERE queue_id = ?",
        (
            queue.bin,
            queue.modified_s,
            json.dumps(dict(queue.attributes)),
            json.dumps(dict(queue.tags)),
            queue.queue_id,
        ),
    )


def delete_queue(connection: Connection, queue_id: int) -> None:
    connection.execute("DELETE FROM sqs_queues WHERE queue_id = ?", (queue_id,))


def load_queues(connection: Connection, account: Account) -> list[QueueRow]:
    found = connection.execute(
        "SELECT queue_id, name, bin, created_s, modified_s, attributes, tags FROM sqs_queues"
        " WHERE account_id = ? AND region = ?",
        (account.account_id, account.region),
    )
    return [
        QueueRow(
            queue_id=queue_id,
            name=name,
            bin=bin_,
            created_s=created_s,
            modified_s=modified_s,
            attributes=json.loads(attributes),
            tags=json.loads(tags),
        )
        for queue_id, name, bin_, created_s, modified_s, attributes, tags in found
    ]


# Messages


def insert_messages(connection: Connection, bin_: int, messages: Iterable[Message]) -> None:
    for message in messages:
        connection.execute(_INSERT, _values(bin_, message))


def _values(bin_: int, message: Message) -> tuple[int | str | None, ...]:
    return (
        bin_,
        message.number,
        message.message_id,
        message.sender_id,
        message.sent_ms,
        message.due_ms,
        message.group_id,
        message.dedup_id,
        message.trace,
        message.source_arn,
        message.attributes,
        message.body,
    )


def load_messages(connection: Connection, numbers: Iterable[int]) -> list[Message]:
    """Those of the messages that are there."""
    found = []
    for number in numbers:
        row = connection.execute(
            f"SELECT {_MESSAGE} FROM sqs_messages WHERE number = ?", (number,)
        ).fetchone()
        if row is not None:
            found.append(_message(row))
    return found


def _message(row: Sequence[object]) -> Message:
    number, message_id, sender, sent, due, group, dedup, trace, source, attributes, body = row
    return Message(
        number=number,  # type: ignore[arg-type]  # the tables are STRICT
        message_id=message_id,  # type: ignore[arg-type]
        sender_id=sender,  # type: ignore[arg-type]
        sent_ms=sent,  # type: ignore[arg-type]
        due_ms=due,  # type: ignore[arg-type]
        group_id=group,  # type: ignore[arg-type]
        dedup_id=dedup,  # type: ignore[arg-type]
        trace=trace,  # type: ignore[arg-type]
        source_arn=source,  # type: ignore[arg-type]
        attributes=attributes,  # type: ignore[arg-type]
        body=body,  # type: ignore[arg-type]
    )


def load_states(connection: Connection) -> Iterable[tuple[int, Held]]:
    """(bin, state) of every message, in the order of their numbers."""
    found = connection.execute(
        "SELECT bin, m.number, sent_ms, coalesce(visible_ms, due_ms), group_id,"
        " coalesce(count, 0), coalesce(first_ms, 0)"
        " FROM sqs_messages m LEFT JOIN sqs_receives r ON r.number = m.number ORDER BY m.number"
    )
    for bin_, number, sent_ms, due_ms, group_id, count, first_ms in found:
        yield bin_, Held(number, sent_ms, due_ms, group_id, count=count, first_ms=first_ms)


def store_receives(connection: Connection, receives: Iterable[tuple[int, int, int, int]]) -> None:
    """(number, count, first_ms, visible_ms) of each."""
    for values in receives:
        connection.execute(_RECEIVE, values)


def delete_messages(connection: Connection, numbers: Iterable[int]) -> None:
    for number in numbers:
        connection.execute("DELETE FROM sqs_messages WHERE number = ?", (number,))
        connection.execute("DELETE FROM sqs_receives WHERE number = ?", (number,))


def move_message(
    connection: Connection,
    number: int,
    bin_: int,
    *,
    source_arn: str | None,
    sent_ms: int,
    now_ms: int,
) -> None:
    """Into another queue, where it can be received at once."""
    connection.execute(
        "UPDATE sqs_messages SET bin = ?, source_arn = ?, sent_ms = ?, due_ms = ? WHERE number = ?",
        (bin_, source_arn, sent_ms, now_ms, number),
    )
    connection.execute("UPDATE sqs_receives SET visible_ms = ? WHERE number = ?", (now_ms, number))


def load_highest(connection: Connection) -> int:
    """The highest number that a message, a queue or a bin has."""
    tables = (
        ("number", "sqs_messages"),
        ("number", "sqs_sent"),
        ("queue_id", "sqs_queues"),
        ("bin", "sqs_queues"),
    )
    highest = 0
    for column, table in tables:
        (found,) = connection.execute(f"SELECT max({column}) FROM {table}").fetchone()
        highest = max(highest, found or 0)
    return highest


# Deduplication


def store_sent(
    connection: Connection, bin_: int, key: str, message_id: str, number: int, until_ms: int
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO sqs_sent (bin, dedup_key, message_id, number, until_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (bin_, key, message_id, number, until_ms),
    )


def load_sent(connection: Connection) -> list[tuple[int, str, str, int, int]]:
    """(bin, key, message id, number, until) of each, the first to end first."""
    return connection.execute(
        "SELECT bin, dedup_key, message_id, number, until_ms FROM sqs_sent ORDER BY until_ms"
    ).fetchall()


def delete_ended_sent(connection: Connection, now_ms: int) -> None:
    connection.execute("DELETE FROM sqs_sent WHERE until_ms <= ?", (now_ms,))


def delete_everything(connection: Connection) -> None:
    """Every account's queues and messages (a reset)."""
    for table in ("sqs_queues", "sqs_messages", "sqs_receives", "sqs_sent", "sqs_moves"):
        connection.execute(f"DELETE FROM {table}")
