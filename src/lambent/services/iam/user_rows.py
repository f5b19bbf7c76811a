"""Rows of users, their access keys and policies: SQL by name, inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping

from lambent.services.iam.user_model import AccessKey, LastUse, User

Connection = sqlite3.Connection

_USER = "name, path, user_id, created_s, permissions_boundary, tags"
_KEY = "key_id, user, secret, status, created_s, used_s, used_service, used_region"
TABLES = ("iam_users", "iam_access_keys", "iam_user_policies", "iam_user_attachments")
_OF_A_USER = ("iam_access_keys", "iam_user_policies", "iam_user_attachments")


# Users


def insert_user(connection: Connection, account_id: str, user: User) -> bool:
    """False where the name is taken."""
    try:
        connection.execute(
            f"INSERT INTO iam_users (account_id, {_USER}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                account_id,
                user.name,
                user.path,
                user.user_id,
                user.created_s,
                user.permissions_boundary,
                json.dumps(dict(user.tags)),
            ),
        )
    except sqlite3.IntegrityError:
        return False
    return True


def find_user(connection: Connection, account_id: str, name: str) -> User | None:
    row = connection.execute(
        f"SELECT {_USER} FROM iam_users WHERE account_id = ? AND name = ? COLLATE BINARY",
        (account_id, name),
    ).fetchone()
    return None if row is None else _user(row)


def list_users(connection: Connection, account_id: str, path_prefix: str = "/") -> list[User]:
    rows = connection.execute(
        f"SELECT {_USER} FROM iam_users WHERE account_id = ?1"
        " AND substr(path, 1, length(?2)) = ?2 ORDER BY name COLLATE BINARY",
        (account_id, path_prefix),
    )
    return [_user(row) for row in rows]


def rename_user(
    connection: Connection, account_id: str, name: str, new_name: str, new_path: str
) -> bool:
    """With all that hangs on the user; False where the new name is taken."""
    try:
        connection.execute(
            "UPDATE iam_users SET name = ?, path = ? WHERE account_id = ? AND name = ?",
            (new_name, new_path, account_id, name),
        )
    except sqlite3.IntegrityError:
        return False
    for table in _OF_A_USER:
        connection.execute(
            f"UPDATE {table} SET user = ? WHERE account_id = ? AND user = ?",
            (new_name, account_id, name),
        )
    return True


def update_user_tags(
    connection: Connection, account_id: str, name: str, tags: Mapping[str, str]
) -> None:
    connection.execute(
        "UPDATE iam_users SET tags = ? WHERE account_id = ? AND name = ?",
        (json.dumps(dict(tags)), account_id, name),
    )


def update_user_boundary(
    connection: Connection, account_id: str, name: str, boundary: str | None
) -> None:
    connection.execute(
        "UPDATE iam_users SET permissions_boundary = ? WHERE account_id = ? AND name = ?",
        (boundary, account_id, name),
    )


def delete_user(connection: Connection, account_id: str, name: str) -> None:
    connection.execute(
        "DELETE FROM iam_users WHERE account_id = ? AND name = ?", (account_id, name)
    )


# Access keys


def insert_access_key(connection: Connection, account_id: str, key: AccessKey) -> None:
    connection.execute(
        "INSERT INTO iam_access_keys (key_id, account_id, user, secret, status, created_s)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key.key_id, account_id, key.user, key.secret, key.status, key.created_s),
    )


def find_access_key(connection: Connection, account_id: str, key_id: str) -> AccessKey | None:
    row = connection.execute(
        f"SELECT {_KEY} FROM iam_access_keys WHERE account_id = ? AND key_id = ?",
        (account_id, key_id),
    ).fetchone()
    return None if row is None else _key(row)


def list_access_keys(
    connection: Connection, account_id: str, user: str | None = None
) -> list[AccessKey]:
    """Of one user, or every one's; by id."""
    rows = connection.execute(
        f"SELECT {_KEY} FROM iam_access_keys WHERE account_id = ?1 AND (?2 IS NULL OR user = ?2)"
        " ORDER BY key_id",
        (account_id, user),
    )
    return [_key(row) for row in rows]


def update_access_key_status(
    connection: Connection, account_id: str, key_id: str, status: str
) -> None:
    connection.execute(
        "UPDATE iam_access_keys SET status = ? WHERE account_id = ? AND key_id = ?",
        (status, account_id, key_id),
    )


def delete_access_key(connection: Connection, account_id: str, key_id: str) -> None:
    connection.execute(
        "DELETE FROM iam_access_keys WHERE account_id = ? AND key_id = ?", (account_id, key_id)
    )


def store_last_uses(connection: Connection, uses: Iterable[tuple[str, LastUse]]) -> None:
    """Key ids with when and for what each was used last."""
    connection.executemany(
        "UPDATE iam_access_keys SET used_s = ?, used_service = ?, used_region = ? WHERE key_id = ?",
        [(use.moment_s, use.service, use.region, key_id) for key_id, use in uses],
    )


# Inline policies


def store_user_policy(
    connection: Connection, account_id: str, user: str, name: str, document: str
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO iam_user_policies (account_id, user, name, document)"
        " VALUES (?, ?, ?, ?)",
        (account_id, user, name, document),
    )


def load_user_policies(connection: Connection, account_id: str, user: str) -> dict[str, str]:
    """Documents by name."""
    rows = connection.execute(
        "SELECT name, document FROM iam_user_policies WHERE account_id = ? AND user = ?"
        " ORDER BY name",
        (account_id, user),
    )
    return dict(rows.fetchall())


def delete_user_policy(connection: Connection, account_id: str, user: str, name: str) -> bool:
    """False where there is none."""
    cursor = connection.execute(
        "DELETE FROM iam_user_policies WHERE account_id = ? AND user = ? AND name = ?",
        (account_id, user, name),
    )
    return cursor.rowcount > 0


# Attached policies


def attach_user_policy(connection: Connection, account_id: str, user: str, arn: str) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO iam_user_attachments (account_id, user, policy_arn)"
        " VALUES (?, ?, ?)",
        (account_id, user, arn),
    )


def detach_user_policy(connection: Connection, account_id: str, user: str, arn: str) -> bool:
    """False where it was not attached."""
    cursor = connection.execute(
        "DELETE FROM iam_user_attachments WHERE account_id = ? AND user = ? AND policy_arn = ?",
        (account_id, user, arn),
    )
    return cursor.rowcount > 0


def list_attached_user_policies(connection: Connection, account_id: str, user: str) -> list[str]:
    """ARNs."""
    rows = connection.execute(
        "SELECT policy_arn FROM iam_user_attachments WHERE account_id = ? AND user = ?"
        " ORDER BY policy_arn",
        (account_id, user),
    )
    return [arn for (arn,) in rows]


def _user(row: tuple[str, str, str, int, str | None, str]) -> User:
    name, path, user_id, created_s, boundary, tags = row
    return User(
        name=name,
        path=path,
        user_id=user_id,
        created_s=created_s,
        permissions_boundary=boundary,
        tags=json.loads(tags),
    )


def _key(
    row: tuple[str, str, str, str, int, int | None, str | None, str | None],
) -> AccessKey:
    key_id, user, secret, status, created_s, used_s, service, region = row
    used = None
    if used_s is not None:
        used = LastUse(moment_s=used_s, service=service or "", region=region or "")
    return AccessKey(
        key_id=key_id, user=user, secret=secret, status=status, created_s=created_s, last_use=used
    )
