"""IAM's rows: SQL by name. Each function runs inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from lambent.services.iam import user_rows
from lambent.services.iam.model import Policy, PolicyVersion, Role

Connection = sqlite3.Connection

_ROLE = (
    "name, path, role_id, created_s, trust_policy, description, session_s_max,"
    " permissions_boundary, tags"
)
_POLICY = (
    "arn, name, path, policy_id, created_s, updated_s, description, tags, default_version,"
    " last_version, (SELECT count(*) FROM iam_attachments a WHERE a.account_id = p.account_id"
    " AND a.policy_arn = p.arn) + (SELECT count(*) FROM iam_user_attachments u"
    " WHERE u.account_id = p.account_id AND u.policy_arn = p.arn)"
)
_TABLES = (
    "iam_roles",
    "iam_role_policies",
    "iam_attachments",
    "iam_policies",
    "iam_policy_versions",
    *user_rows.TABLES,
)


def delete_everything(connection: Connection) -> None:
    """Every account's roles, users and policies (a reset)."""
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table}")


# Roles


def insert_role(connection: Connection, account_id: str, role: Role) -> bool:
    """False where the name is taken."""
    try:
        connection.execute(
            f"INSERT INTO iam_roles (account_id, {_ROLE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                account_id,
                role.name,
                role.path,
                role.role_id,
                role.created_s,
                role.trust_policy,
                role.description,
                role.session_s_max,
                role.permissions_boundary,
                json.dumps(dict(role.tags)),
            ),
        )
    except sqlite3.IntegrityError:
        return False
    return True


def find_role(connection: Connection, account_id: str, name: str) -> Role | None:
    row = connection.execute(
        f"SELECT {_ROLE} FROM iam_roles WHERE account_id = ? AND name = ? COLLATE BINARY",
        (account_id, name),
    ).fetchone()
    return None if row is None else _role(row)


def list_roles(connection: Connection, account_id: str, path_prefix: str) -> list[Role]:
    rows = connection.execute(
        f"SELECT {_ROLE} FROM iam_roles WHERE account_id = ?1"
        " AND substr(path, 1, length(?2)) = ?2 ORDER BY name COLLATE BINARY",
        (account_id, path_prefix),
    )
    return [_role(row) for row in rows]


def delete_role(connection: Connection, account_id: str, name: str) -> None:
    connection.execute(
        "DELETE FROM iam_roles WHERE account_id = ? AND name = ?", (account_id, name)
    )


def update_trust_policy(connection: Connection, account_id: str, name: str, document: str) -> None:
    connection.execute(
        "UPDATE iam_roles SET trust_policy = ? WHERE account_id = ? AND name = ?",
        (document, account_id, name),
    )


def update_role(
    connection: Connection, account_id: str, name: str, description: str | None, session_s: int
) -> None:
    connection.execute(
        "UPDATE iam_roles SET description = ?, session_s_max = ? WHERE account_id = ? AND name = ?",
        (description, session_s, account_id, name),
    )


def update_role_tags(
    connection: Connection, account_id: str, name: str, tags: Mapping[str, str]
) -> None:
    connection.execute(
        "UPDATE iam_roles SET tags = ? WHERE account_id = ? AND name = ?",
        (json.dumps(dict(tags)), account_id, name),
    )


# Inline policies


def store_role_policy(
    connection: Connection, account_id: str, role: str, name: str, document: str
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO iam_role_policies (account_id, role, name, document)"
        " VALUES (?, ?, ?, ?)",
        (account_id, role, name, document),
    )


def find_role_policy(connection: Connection, account_id: str, role: str, name: str) -> str | None:
    """The document."""
    row = connection.execute(
        "SELECT document FROM iam_role_policies WHERE account_id = ? AND role = ? AND name = ?",
        (account_id, role, name),
    ).fetchone()
    return None if row is None else str(row[0])


def delete_role_policy(connection: Connection, account_id: str, role: str, name: str) -> bool:
    """False where there is none."""
    cursor = connection.execute(
        "DELETE FROM iam_role_policies WHERE account_id = ? AND role = ? AND name = ?",
        (account_id, role, name),
    )
    return cursor.rowcount > 0


def list_role_policies(connection: Connection, account_id: str, role: str) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM iam_role_policies WHERE account_id = ? AND role = ? ORDER BY name",
        (account_id, role),
    )
    return [name for (name,) in rows]


def load_role_policies(connection: Connection, account_id: str, role: str) -> dict[str, str]:
    """Documents by name."""
    rows = connection.execute(
        "SELECT name, document FROM iam_role_policies WHERE account_id = ? AND role = ?"
        " ORDER BY name",
        (account_id, role),
    )
    return dict(rows.fetchall())


# Attached policies


def attach_policy(connection: Connection, account_id: str, role: str, arn: str) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO iam_attachments (account_id, role, policy_arn) VALUES (?, ?, ?)",
        (account_id, role, arn),
    )


def detach_policy(connection: Connection, account_id: str, role: str, arn: str) -> bool:
    """False where it was not attached."""
    cursor = connection.execute(
        "DELETE FROM iam_attachments WHERE account_id = ? AND role = ? AND policy_arn = ?",
        (account_id, role, arn),
    )
    return cursor.rowcount > 0


def list_attached_policies(connection: Connection, account_id: str, role: str) -> list[str]:
    """ARNs."""
    rows = connection.execute(
        "SELECT policy_arn FROM iam_attachments WHERE account_id = ? AND role = ?"
        " ORDER BY policy_arn",
        (account_id, role),
    )
    return [arn for (arn,) in rows]


# Managed policies


def insert_policy(connection: Connection, account_id: str, policy: Policy) -> bool:
    """False where the name is taken."""
    try:
        connection.execute(
            "INSERT INTO iam_policies (account_id, arn, name, path, policy_id, created_s,"
            " updated_s, description, tags, default_version, last_version)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                account_id,
                policy.arn,
                policy.name,
                policy.path,
                policy.policy_id,
                policy.created_s,
                policy.updated_s,
                policy.description,
                json.dumps(dict(policy.tags)),
                policy.default_version,
                policy.last_version,
            ),
        )
    except sqlite3.IntegrityError:
        return False
    return True


def find_policy(connection: Connection, account_id: str, arn: str) -> Policy | None:
    row = connection.execute(
        f"SELECT {_POLICY} FROM iam_policies p WHERE account_id = ? AND arn = ?", (account_id, arn)
    ).fetchone()
    return None if row is None else _policy(row)


def list_policies(connection: Connection, account_id: str, path_prefix: str) -> list[Policy]:
    rows = connection.execute(
        f"SELECT {_POLICY} FROM iam_policies p WHERE account_id = ?1"
        " AND substr(path, 1, length(?2)) = ?2 ORDER BY name COLLATE BINARY",
        (account_id, path_prefix),
    )
    return [_policy(row) for row in rows]


def delete_policy(connection: Connection, account_id: str, arn: str) -> None:
    """With its versions."""
    for table in ("iam_policy_versions", "iam_policies"):
        connection.execute(
            f"DELETE FROM {table} WHERE account_id = ? AND arn = ?", (account_id, arn)
        )


def insert_policy_version(
    connection: Connection, account_id: str, arn: str, version: PolicyVersion
) -> None:
    connection.execute(
        "INSERT INTO iam_policy_versions (account_id, arn, version, created_s, document)"
        " VALUES (?, ?, ?, ?, ?)",
        (account_id, arn, version.version, version.created_s, version.document),
    )
    connection.execute(
        "UPDATE iam_policies SET last_version = ?, updated_s = ? WHERE account_id = ? AND arn = ?",
        (version.version, version.created_s, account_id, arn),
    )


def update_default_version(connection: Connection, account_id: str, arn: str, version: int) -> None:
    connection.execute(
        "UPDATE iam_policies SET default_version = ? WHERE account_id = ? AND arn = ?",
        (version, account_id, arn),
    )


def delete_policy_version(connection: Connection, account_id: str, arn: str, version: int) -> None:
    connection.execute(
        "DELETE FROM iam_policy_versions WHERE account_id = ? AND arn = ? AND version = ?",
        (account_id, arn, version),
    )


def list_policy_versions(connection: Connection, account_id: str, arn: str) -> list[PolicyVersion]:
    """Newest first."""
    rows = connection.execute(
        "SELECT version, created_s, document FROM iam_policy_versions"
        " WHERE account_id = ? AND arn = ? ORDER BY version DESC",
        (account_id, arn),
    )
    return [
        PolicyVersion(version=version, created_s=created_s, document=document)
        for version, created_s, document in rows
    ]


def load_default_documents(connection: Connection, account_id: str) -> dict[str, str]:
    """The text in force of each managed policy, by ARN."""
    rows = connection.execute(
        "SELECT p.arn, v.document FROM iam_policies p JOIN iam_policy_versions v"
        " ON v.account_id = p.account_id AND v.arn = p.arn AND v.version = p.default_version"
        " WHERE p.account_id = ?",
        (account_id,),
    )
    return dict(rows.fetchall())


def _role(row: tuple[str, str, str, int, str, str | None, int, str | None, str]) -> Role:
    name, path, role_id, created_s, trust_policy, description, session_s, boundary, tags = row
    return Role(
        name=name,
        path=path,
        role_id=role_id,
        created_s=created_s,
        trust_policy=trust_policy,
        description=description,
        session_s_max=session_s,
        permissions_boundary=boundary,
        tags=json.loads(tags),
    )


def _policy(
    row: tuple[str, str, str, str, int, int, str | None, str, int, int, int],
) -> Policy:
    arn, name, path, policy_id, created_s, updated_s, description, tags, default, last, used = row
    return Policy(
        arn=arn,
        name=name,
        path=path,
        policy_id=policy_id,
        created_s=created_s,
        updated_s=updated_s,
        description=description,
        tags=json.loads(tags),
        default_version=default,
        last_version=last,
        attachments=used,
    )
