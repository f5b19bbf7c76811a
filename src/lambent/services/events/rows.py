"""EventBridge's rows: SQL by name. Each function runs inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from lambent.domain.arns import Account
from lambent.services.events.model import Archive, Bus, Replay, Resource, Rule, key_of

_KINDS: dict[str, type[Resource]] = {one.__name__: one for one in (Bus, Rule, Archive, Replay)}


def store_resource(connection: sqlite3.Connection, account: Account, resource: Resource) -> None:
    """New, or in place of the one of its key."""
    connection.execute(
        "INSERT OR REPLACE INTO events_resources (account_id, region, kind, key, document)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            account.account_id,
            account.region,
            type(resource).__name__,
            key_of(resource),
            json.dumps(asdict(resource)),
        ),
    )


def delete_resource(connection: sqlite3.Connection, account: Account, resource: Resource) -> None:
    connection.execute(
        "DELETE FROM events_resources WHERE account_id = ? AND region = ? AND kind = ? AND key = ?",
        (account.account_id, account.region, type(resource).__name__, key_of(resource)),
    )
    if isinstance(resource, Archive):
        connection.execute("DELETE FROM events_archived WHERE archive = ?", (resource.number,))


def load_resources(connection: sqlite3.Connection, account: Account) -> list[Resource]:
    found = connection.execute(
        "SELECT kind, document FROM events_resources WHERE account_id = ? AND region = ?",
        (account.account_id, account.region),
    )
    return [_KINDS[kind](**json.loads(document)) for kind, document in found]


def insert_archived(
    connection: sqlite3.Connection, archive: int, time_s: float, now_s: float, event: str
) -> None:
    connection.execute(
        "INSERT INTO events_archived (archive, time_s, stored_s, event) VALUES (?, ?, ?, ?)",
        (archive, time_s, now_s, event),
    )


def load_archived(
    connection: sqlite3.Connection, archive: int, after: Sequence[float], to_s: float, count: int
) -> list[tuple[float, int, str]]:
    """(time, number, event) of events after a position and before a time, in order."""
    time_s, number = after
    return connection.execute(
        "SELECT time_s, number, event FROM events_archived"
        " WHERE archive = ? AND (time_s, number) > (?, ?) AND time_s < ?"
        " ORDER BY time_s, number LIMIT ?",
        (archive, time_s, number, to_s, count),
    ).fetchall()


def count_archived(connection: sqlite3.Connection, archive: int) -> tuple[int, int]:
    """Events of an archive, and their bytes."""
    count, size = connection.execute(
        "SELECT count(*), coalesce(sum(length(CAST(event AS BLOB))), 0) FROM events_archived"
        " WHERE archive = ?",
        (archive,),
    ).fetchone()
    return count, size


def delete_archived(connection: sqlite3.Connection, archive: int, before_s: float) -> None:
    """What was stored before a time."""
    connection.execute(
        "DELETE FROM events_archived WHERE archive = ? AND stored_s < ?", (archive, before_s)
    )


def load_highest_archive(connection: sqlite3.Connection) -> int:
    """The highest number under which events are kept."""
    (found,) = connection.execute("SELECT max(archive) FROM events_archived").fetchone()
    return found or 0


def delete_everything(connection: sqlite3.Connection) -> None:
    """Every account's (a reset)."""
    for table in ("events_resources", "events_archived"):
        connection.execute(f"DELETE FROM {table}")
