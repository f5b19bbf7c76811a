"""Buckets as rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from lambent.domain.arns import Account
from lambent.services.s3.errors import S3Error, no_such_bucket
from lambent.services.s3.model import Bucket


def load_buckets(connection: sqlite3.Connection, account: Account) -> list[Bucket]:
    found = connection.execute(
        "SELECT name, region, created_s, versioning, configuration FROM s3_buckets"
        " WHERE account_id = ? ORDER BY name",
        (account.account_id,),
    )
    return [
        Bucket(
            name=name,
            region=region,
            created_s=created_s,
            versioning=versioning,
            configuration=json.loads(configuration),
        )
        for name, region, created_s, versioning, configuration in found
    ]


def insert_bucket(connection: sqlite3.Connection, account: Account, bucket: Bucket) -> None:
    """Raises S3Error where there is one of that name."""
    found = connection.execute(
        "INSERT INTO s3_buckets (name, account_id, region, created_s, versioning, configuration)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            bucket.name,
            account.account_id,
            bucket.region,
            bucket.created_s,
            bucket.versioning,
            json.dumps(bucket.configuration),
        ),
    )
    if not found.rowcount:
        raise S3Error("BucketAlreadyOwnedByYou", BucketName=bucket.name)


def change_bucket(
    connection: sqlite3.Connection,
    name: str,
    *,
    versioning: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Its versioning and configuration from now on; a change to None takes a key out."""
    found = connection.execute(
        "SELECT versioning, configuration FROM s3_buckets WHERE name = ?", (name,)
    ).fetchone()
    if found is None:
        raise no_such_bucket(name)
    now = found[0] if versioning is None else versioning
    configuration = {**json.loads(found[1]), **(changes or {})}
    configuration = {kind: value for kind, value in configuration.items() if value is not None}
    connection.execute(
        "UPDATE s3_buckets SET versioning = ?, configuration = ? WHERE name = ?",
        (now, json.dumps(configuration), name),
    )
    return now, configuration


def versioning_of(connection: sqlite3.Connection, name: str) -> str:
    """Inside a transaction that rests on the bucket. Raises S3Error."""
    found = connection.execute(
        "SELECT versioning FROM s3_buckets WHERE name = ?", (name,)
    ).fetchone()
    if found is None:
        raise no_such_bucket(name)
    text: str = found[0]
    return text


def delete_bucket(connection: sqlite3.Connection, name: str) -> list[str]:
    """An empty one, with its uploads; ids of the bodies that go along."""
    versioning_of(connection, name)
    if connection.execute("SELECT 1 FROM s3_versions WHERE bucket = ?", (name,)).fetchone():
        raise S3Error("BucketNotEmpty", BucketName=name)
    bodies = connection.execute(
        "SELECT body_id FROM s3_parts JOIN s3_uploads USING (upload_id) WHERE bucket = ?", (name,)
    ).fetchall()
    connection.execute(
        "DELETE FROM s3_parts WHERE upload_id IN"
        " (SELECT upload_id FROM s3_uploads WHERE bucket = ?)",
        (name,),
    )
    connection.execute("DELETE FROM s3_uploads WHERE bucket = ?", (name,))
    connection.execute("DELETE FROM s3_buckets WHERE name = ?", (name,))
    return [body_id for (body_id,) in bodies]


def delete_everything(connection: sqlite3.Connection) -> None:
    for table in ("s3_parts", "s3_uploads", "s3_versions", "s3_bodies", "s3_buckets"):
        connection.execute(f"DELETE FROM {table}")
