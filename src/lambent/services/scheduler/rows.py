"""Scheduler's rows: SQL by name. Each function runs inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from lambent.domain.arns import Account
from lambent.services.scheduler.model import Group, ScheduleRow

Resource = Group | ScheduleRow


def store_resource(connection: sqlite3.Connection, account: Account, resource: Resource) -> None:
    """New, or in place of the one of its key."""
    connection.execute(
        "INSERT OR REPLACE INTO scheduler_resources (account_id, region, kind, key, document)"
        " VALUES (?, ?, ?, ?, ?)",
        (account.account_id, account.region, *_key(resource), json.dumps(asdict(resource))),
    )


def delete_resource(connection: sqlite3.Connection, account: Account, resource: Resource) -> None:
    connection.execute(
        "DELETE FROM scheduler_resources"
        " WHERE account_id = ? AND region = ? AND kind = ? AND key = ?",
        (account.account_id, account.region, *_key(resource)),
    )


def load_resources(connection: sqlite3.Connection, account: Account) -> list[Resource]:
    found = connection.execute(
        "SELECT kind, document FROM scheduler_resources WHERE account_id = ? AND region = ?",
        (account.account_id, account.region),
    )
    return [
        Group(**json.loads(document)) if kind == "Group" else ScheduleRow(**json.loads(document))
        for kind, document in found
    ]


def delete_everything(connection: sqlite3.Connection) -> None:
    """Every account's (a reset)."""
    connection.execute("DELETE FROM scheduler_resources")


def _key(resource: Resource) -> tuple[str, str]:
    if isinstance(resource, Group):
        return "Group", resource.name
    return "Schedule", resource.key
