"""Subscription and metric filters as rows of the server's database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lambent.domain.arns import Account


class Kind(StrEnum):
    SUBSCRIPTION = "subscription"
    METRIC = "metric"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One filter of one group."""

    kind: Kind
    group: str
    name: str
    pattern: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """The other members of PutSubscriptionFilter or PutMetricFilter, as they came."""
    created_ms: int
    cursor: int = 0
    """The number of the chunk of events up to which a subscription has sent."""

    @property
    def destination_arn(self) -> str:
        """Of a subscription."""
        return str(self.options["destinationArn"])


def load_filters(connection: sqlite3.Connection, account: Account) -> list[Filter]:
    rows = connection.execute(
        "SELECT kind, log_group, name, pattern, options, created_ms, cursor FROM log_filters"
        " WHERE account_id = ? AND region = ? ORDER BY name",
        (account.account_id, account.region),
    )
    return [
        Filter(
            kind=Kind(kind),
            group=group,
            name=name,
            pattern=pattern,
            options=json.loads(options),
            created_ms=created_ms,
            cursor=cursor,
        )
        for kind, group, name, pattern, options, created_ms, cursor in rows
    ]


def store_filter(connection: sqlite3.Connection, account: Account, one: Filter) -> None:
    """In the place of the one of that kind and name."""
    connection.execute(
        "INSERT OR REPLACE INTO log_filters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account.account_id,
            account.region,
            one.kind,
            one.group,
            one.name,
            one.pattern,
            json.dumps(one.options),
            one.created_ms,
            one.cursor,
        ),
    )


def delete_filter(connection: sqlite3.Connection, account: Account, one: Filter) -> None:
    connection.execute(
        "DELETE FROM log_filters WHERE account_id = ? AND region = ? AND kind = ?"
        " AND log_group = ? AND name = ?",
        (account.account_id, account.region, one.kind, one.group, one.name),
    )


def advance_filter(
    connection: sqlite3.Connection, account: Account, one: Filter, cursor: int
) -> None:
    """What came up to `cursor` is sent; nothing where the filter is gone."""
    connection.execute(
        "UPDATE log_filters SET cursor = ? WHERE account_id = ? AND region = ? AND kind = ?"
        " AND log_group = ? AND name = ?",
        (cursor, account.account_id, account.region, one.kind, one.group, one.name),
    )


def delete_all_filters(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM log_filters")
