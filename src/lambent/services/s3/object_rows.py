"""Versions of objects as rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from lambent.services.s3.bodies import Segment
from lambent.services.s3.body_rows import delete_bodies
from lambent.services.s3.bucket_rows import versioning_of
from lambent.services.s3.model import NULL_VERSION, About, ObjectVersion, parse_about

COLUMNS = "number, bucket, key, version_id, latest, marker, size, etag, modified_s, about, segments"

Check = Callable[[ObjectVersion | None], None]
"""Raises where what a write is conditional on does not hold of the version that is there."""


class Removed(NamedTuple):
    """What a DELETE did."""

    version: ObjectVersion | None
    """The version that is gone, or the delete marker that was put."""
    created_marker: bool
    files: list[str]
    """Bodies to remove after the commit."""


def find_latest(connection: sqlite3.Connection, bucket: str, key: str) -> ObjectVersion | None:
    """The newest version, which may be a delete marker."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM s3_versions WHERE bucket = ? AND key = ? AND latest = 1",
        (bucket, key),
    ).fetchone()
    return None if row is None else to_version(row)


def find_version(
    connection: sqlite3.Connection, bucket: str, key: str, version_id: str
) -> ObjectVersion | None:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM s3_versions WHERE bucket = ? AND key = ? AND version_id = ?",
        (bucket, key, version_id),
    ).fetchone()
    return None if row is None else to_version(row)


def put_version(
    connection: sqlite3.Connection,
    draft: ObjectVersion,
    fresh_id: str,
    check: Check | None = None,
) -> tuple[ObjectVersion, list[str]]:
    """`draft` as the newest version, and the bodies that it displaced.

    `fresh_id` becomes its version id where the bucket has versioning. Raises S3Error.
    """
    versioning = versioning_of(connection, draft.bucket)
    if check is not None:
        check(find_latest(connection, draft.bucket, draft.key))
    files: list[str] = []
    if versioning == "Enabled":
        draft = replace(draft, version_id=fresh_id)
    else:
        _, files = _delete_row(connection, draft.bucket, draft.key, NULL_VERSION)
    if versioning:
        connection.execute(
            "UPDATE s3_versions SET latest = 0 WHERE bucket = ? AND key = ? AND latest = 1",
            (draft.bucket, draft.key),
        )
    return insert_version(connection, draft), files


def insert_version(connection: sqlite3.Connection, version: ObjectVersion) -> ObjectVersion:
    """With the number that it got."""
    found = connection.execute(
        "INSERT INTO s3_versions (bucket, key, version_id, latest, marker, size, etag, modified_s,"
        " about, segments) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?)",
        (
            version.bucket,
            version.key,
            version.version_id,
            int(version.marker),
            version.size,
            version.etag,
            version.modified_s,
            version.about.to_json(),
            json.dumps(version.segments),
        ),
    )
    return replace(version, number=found.lastrowid or 0)


def next_number(connection: sqlite3.Connection) -> int:
    """For an event that leaves no version: greater than that of any write before it."""
    (number,) = connection.execute(
        "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 's3_versions' RETURNING seq"
    ).fetchone()
    return int(number)


def remove_object(
    connection: sqlite3.Connection,
    bucket: str,
    key: str,
    fresh_id: str,
    now_s: int,
    check: Check | None = None,
) -> Removed:
    """DELETE without a version: the object is gone, or hidden by a delete marker."""
    versioning = versioning_of(connection, bucket)
    if check is not None:
        check(find_latest(connection, bucket, key))
    if not versioning:
        gone, files = _delete_row(connection, bucket, key, NULL_VERSION)
        return Removed(gone, False, files)
    marker = ObjectVersion(bucket=bucket, key=key, marker=True, modified_s=now_s)
    put, files = put_version(connection, marker, fresh_id)
    return Removed(put, True, files)


def remove_version(
    connection: sqlite3.Connection,
    bucket: str,
    key: str,
    version_id: str,
    check: Check | None = None,
) -> Removed:
    """DELETE of one version, for good; the next newest takes its place."""
    versioning_of(connection, bucket)
    if check is not None:
        check(find_version(connection, bucket, key, version_id))
    gone, files = _delete_row(connection, bucket, key, version_id)
    if gone is not None and gone.latest:
        connection.execute(
            "UPDATE s3_versions SET latest = 1 WHERE number ="
            " (SELECT max(number) FROM s3_versions WHERE bucket = ? AND key = ?)",
            (bucket, key),
        )
    return Removed(gone, False, files)


def change_about(connection: sqlite3.Connection, version: ObjectVersion, about: About) -> None:
    connection.execute(
        "UPDATE s3_versions SET about = ? WHERE number = ?", (about.to_json(), version.number)
    )


def _delete_row(
    connection: sqlite3.Connection, bucket: str, key: str, version_id: str
) -> tuple[ObjectVersion | None, list[str]]:
    row = connection.execute(
        "DELETE FROM s3_versions WHERE bucket = ? AND key = ? AND version_id = ?"
        f" RETURNING {COLUMNS}",
        (bucket, key, version_id),
    ).fetchone()
    if row is None:
        return None, []
    version = to_version(row)
    return version, delete_bodies(connection, [one.body_id for one in version.segments])


def to_version(row: tuple[Any, ...]) -> ObjectVersion:
    number, bucket, key, version_id, latest, marker, size, etag, modified_s, about, segments = row
    return ObjectVersion(
        number=number,
        bucket=bucket,
        key=key,
        version_id=version_id,
        latest=bool(latest),
        marker=bool(marker),
        size=size,
        etag=etag,
        modified_s=modified_s,
        about=parse_about(about),
        segments=tuple(Segment(*one) for one in json.loads(segments)),
    )
