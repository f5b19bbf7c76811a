"""Resources that hang on a function or on the account, as rows: one value, one row, one key.

A value is a frozen dataclass whose members JSON can hold (text, numbers, tuples of them, mappings);
members that are added later need a default, so that older rows are still read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from lambent.domain.arns import Account

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of resource: its name in the rows, and the class of its values."""

    name: str
    type: type[T]

    def encode(self, value: T) -> str:
        return json.dumps(asdict(value))  # type: ignore[call-overload]

    def decode(self, text: str) -> T:
        raw: dict[str, Any] = json.loads(text)
        return self.type(**{k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()})


def store_resource(
    connection: sqlite3.Connection, account: Account, kind: str, owner: str, key: str, content: str
) -> None:
    """Insert or replace."""
    connection.execute(
        "INSERT OR REPLACE INTO resources (account_id, region, kind, owner, key, content)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (account.account_id, account.region, kind, owner, key, content),
    )


def delete_resource(
    connection: sqlite3.Connection, account: Account, kind: str, owner: str, key: str
) -> None:
    connection.execute(
        "DELETE FROM resources"
        " WHERE account_id = ? AND region = ? AND kind = ? AND owner = ? AND key = ?",
        (account.account_id, account.region, kind, owner, key),
    )


def delete_resources_of(connection: sqlite3.Connection, account: Account, owner: str) -> None:
    """All that hangs on one function."""
    connection.execute(
        "DELETE FROM resources WHERE account_id = ? AND region = ? AND owner = ?",
        (account.account_id, account.region, owner),
    )


def load_resources(
    connection: sqlite3.Connection, account: Account
) -> Iterator[tuple[str, str, str, str]]:
    """Kind, owner, key and content of every one."""
    return iter(
        connection.execute(
            "SELECT kind, owner, key, content FROM resources WHERE account_id = ? AND region = ?",
            (account.account_id, account.region),
        ).fetchall()
    )
