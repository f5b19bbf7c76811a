"""The outbox: what writes cause elsewhere, as rows of the writes' own transactions."""

from __future__ import annotations

import json
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lambent.domain.arns import Account

UNTIL_S_DEFAULT = 86_400.0
"""[own] After a day a message is given up. EventBridge's own default is the same (EventBridge User
Guide, "Retrying event delivery")."""
TRIES_MAX_DEFAULT = 1_000_000

_BYTES = "$bytes"
"""No name of a message attribute has the dollar."""

_COLUMNS = (
    "number, target_arn, source_arn, principal, body, attributes, group_id, dedup_id,"
    " trace, dead_letter_arn, created_s, due_s, until_s, tries, tries_max"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One message for one target. Times in seconds since the epoch."""

    number: int = 0
    """Its row's; 0 until it has one."""
    target_arn: str
    source_arn: str
    """Of what sends: target policies see it as aws:SourceArn."""
    principal: str
    """The service that sends, e.g. `s3.amazonaws.com`; or the role in whose name it does."""
    body: str
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Message attributes as SQS and SNS have them: DataType and StringValue or BinaryValue."""
    group_id: str | None = None
    """For queues and topics of the FIFO kind, as the next."""
    dedup_id: str | None = None
    trace: str = ""
    """The trace header of the chain that goes on; empty where one begins."""
    dead_letter_arn: str = ""
    """Takes the body of a message that is given up."""
    created_s: float
    due_s: float
    until_s: float
    tries: int = 0
    tries_max: int = TRIES_MAX_DEFAULT
    """Given up after so many."""


def insert_message(
    connection: sqlite3.Connection, account: Account, message: OutboxMessage
) -> OutboxMessage:
    """With the number that it got."""
    found = connection.execute(
        "INSERT INTO outbox (account_id, region, target_arn, source_arn, principal, body,"
        " attributes, group_id, dedup_id, trace, dead_letter_arn, created_s, due_s, until_s, tries,"
        " tries_max) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account.account_id,
            account.region,
            message.target_arn,
            message.source_arn,
            message.principal,
            message.body,
            _pack(message.attributes),
            message.group_id,
            message.dedup_id,
            message.trace,
            message.dead_letter_arn,
            message.created_s,
            message.due_s,
            message.until_s,
            message.tries,
            message.tries_max,
        ),
    )
    return replace(message, number=found.lastrowid or 0)


def delay_message(connection: sqlite3.Connection, message: OutboxMessage) -> None:
    """Keep it for its next try."""
    connection.execute(
        "UPDATE outbox SET due_s = ?, tries = ? WHERE number = ?",
        (message.due_s, message.tries, message.number),
    )


def delete_message(connection: sqlite3.Connection, number: int) -> bool:
    """Whether it was there."""
    return connection.execute("DELETE FROM outbox WHERE number = ?", (number,)).rowcount > 0


def load_waiting(connection: sqlite3.Connection) -> list[tuple[int, str, float]]:
    """Number, target and due time of every message, the oldest first."""
    return connection.execute(
        "SELECT number, target_arn, due_s FROM outbox ORDER BY number"
    ).fetchall()


def load_messages(connection: sqlite3.Connection, numbers: Iterable[int]) -> list[OutboxMessage]:
    """Those of the messages that are there."""
    found = []
    for number in numbers:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM outbox WHERE number = ?", (number,)
        ).fetchone()
        if row is not None:
            found.append(_message(*row))
    return found


def delete_all_messages(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM outbox")


def _message(
    number: int,
    target_arn: str,
    source_arn: str,
    principal: str,
    body: str,
    attributes: str,
    group_id: str | None,
    dedup_id: str | None,
    trace: str,
    dead_letter_arn: str,
    created_s: float,
    due_s: float,
    until_s: float,
    tries: int,
    tries_max: int,
) -> OutboxMessage:
    return OutboxMessage(
        number=number,
        target_arn=target_arn,
        source_arn=source_arn,
        principal=principal,
        body=body,
        attributes=_unpack(attributes),
        group_id=group_id,
        dedup_id=dedup_id,
        trace=trace,
        dead_letter_arn=dead_letter_arn,
        created_s=created_s,
        due_s=due_s,
        until_s=until_s,
        tries=tries,
        tries_max=tries_max,
    )


def _pack(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    return json.dumps(attributes, default=lambda value: {_BYTES: b64encode(value).decode()})


def _unpack(packed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(packed, object_hook=_revive)
    return found


def _revive(item: dict[str, Any]) -> Any:
    """Bytes where an item stands for them."""
    value = item.get(_BYTES)
    return b64decode(value) if isinstance(value, str) and len(item) == 1 else item
