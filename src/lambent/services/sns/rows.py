"""SNS's rows: SQL by name. Each function runs inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from lambent.domain.arns import Account

Connection = sqlite3.Connection

PENDING, CONFIRMED, DELETED = "pending", "confirmed", "deleted"

_SUBSCRIPTION = (
    "key, topic_id, protocol, endpoint, state, token, authenticated, strict, principal, base_url,"
    " changed_s, attributes"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRow:
    """A topic as it is on disk."""

    topic_id: int
    name: str
    attributes: Mapping[str, str]
    """Those that were set."""
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRow:
    """A subscription as it is on disk."""

    key: str
    topic_id: int
    protocol: str
    endpoint: str
    state: str
    token: str
    authenticated: bool
    strict: bool
    principal: str
    base_url: str
    changed_s: float
    attributes: Mapping[str, str]


def insert_topic(connection: Connection, account: Account, topic: TopicRow) -> None:
    connection.execute(
        "INSERT INTO sns_topics (topic_id, account_id, region, name, attributes, tags)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            topic.topic_id,
            account.account_id,
            account.region,
            topic.name,
            json.dumps(dict(topic.attributes)),
            json.dumps(dict(topic.tags)),
        ),
    )


def update_topic(connection: Connection, topic: TopicRow) -> None:
    connection.execute(
        "UPDATE sns_topics SET attributes = ?, tags = ? WHERE topic_id = ?",
        (json.dumps(dict(topic.attributes)), json.dumps(dict(topic.tags)), topic.topic_id),
    )


def delete_topic(connection: Connection, topic_id: int) -> None:
    """With its subscriptions."""
    connection.execute("DELETE FROM sns_topics WHERE topic_id = ?", (topic_id,))


def load_topics(connection: Connection, account: Account) -> list[TopicRow]:
    found = connection.execute(
        "SELECT topic_id, name, attributes, tags FROM sns_topics"
        " WHERE account_id = ? AND region = ?",
        (account.account_id, account.region),
    )
    return [
        TopicRow(
            topic_id=topic_id,
            name=name,
            attributes=json.loads(attributes),
            tags=json.loads(tags),
        )
        for topic_id, name, attributes, tags in found
    ]


def store_subscription(connection: Connection, row: SubscriptionRow) -> None:
    """New, or over the one with its key."""
    connection.execute(
        f"INSERT OR REPLACE INTO sns_subscriptions ({_SUBSCRIPTION})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.key,
            row.topic_id,
            row.protocol,
            row.endpoint,
            row.state,
            row.token,
            row.authenticated,
            row.strict,
            row.principal,
            row.base_url,
            row.changed_s,
            json.dumps(dict(row.attributes)),
        ),
    )


def delete_subscription(connection: Connection, key: str) -> None:
    connection.execute("DELETE FROM sns_subscriptions WHERE key = ?", (key,))


def load_subscriptions(connection: Connection) -> list[SubscriptionRow]:
    """In the order in which they were made."""
    found = connection.execute(f"SELECT {_SUBSCRIPTION} FROM sns_subscriptions ORDER BY rowid")
    return [
        SubscriptionRow(
            key=key,
            topic_id=topic_id,
            protocol=protocol,
            endpoint=endpoint,
            state=state,
            token=token,
            authenticated=bool(authenticated),
            strict=bool(strict),
            principal=principal,
            base_url=base_url,
            changed_s=changed_s,
            attributes=json.loads(attributes),
        )
        for (
            key,
            topic_id,
            protocol,
            endpoint,
            state,
            token,
            authenticated,
            strict,
            principal,
            base_url,
            changed_s,
            attributes,
        ) in found
    ]


def store_published(
    connection: Connection, topic_id: int, key: str, message_id: str, number: int, until_ms: int
) -> None:
    """What deduplication is to remember."""
    connection.execute(
        "INSERT OR REPLACE INTO sns_published (topic_id, dedup_key, message_id, number, until_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (topic_id, key, message_id, number, until_ms),
    )


def load_published(connection: Connection) -> list[tuple[int, str, str, int, int]]:
    """Topic, key, message id, number, end; the first to end first."""
    return connection.execute(
        "SELECT topic_id, dedup_key, message_id, number, until_ms FROM sns_published"
        " ORDER BY until_ms"
    ).fetchall()


def delete_ended_published(connection: Connection, now_ms: int) -> None:
    connection.execute("DELETE FROM sns_published WHERE until_ms <= ?", (now_ms,))


def delete_everything(connection: Connection) -> None:
    connection.execute("DELETE FROM sns_topics")
