"""Multipart uploads and their parts as rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from lambent.services.s3.bodies import Segment
from lambent.services.s3.body_rows import delete_bodies, insert_body
from lambent.services.s3.bucket_rows import versioning_of
from lambent.services.s3.errors import no_such_upload
from lambent.services.s3.listing import fold
from lambent.services.s3.model import Part, Upload, parse_about

_UPLOAD = "upload_id, bucket, key, initiated_s, about"


def insert_upload(connection: sqlite3.Connection, upload: Upload) -> None:
    versioning_of(connection, upload.bucket)
    connection.execute(
        f"INSERT INTO s3_uploads ({_UPLOAD}) VALUES (?, ?, ?, ?, ?)",
        (
            upload.upload_id,
            upload.bucket,
            upload.key,
            upload.initiated_s,
            upload.about.to_json(),
        ),
    )


def find_upload(connection: sqlite3.Connection, bucket: str, key: str, upload_id: str) -> Upload:
    """Raises S3Error NoSuchUpload."""
    row = connection.execute(
        f"SELECT {_UPLOAD} FROM s3_uploads WHERE upload_id = ? AND bucket = ? AND key = ?",
        (upload_id, bucket, key),
    ).fetchone()
    if row is None:
        raise no_such_upload(upload_id)
    return _to_upload(row)


def put_part(
    connection: sqlite3.Connection, upload: Upload, part: Part, content: bytes | None
) -> list[str]:
    """The part in place of an earlier one of its number; files that are given up by that."""
    find_upload(connection, upload.bucket, upload.key, upload.upload_id)
    old = connection.execute(
        "DELETE FROM s3_parts WHERE upload_id = ? AND number = ? RETURNING body_id",
        (upload.upload_id, part.number),
    ).fetchone()
    insert_body(connection, part.segment.body_id, content)
    connection.execute(
        "INSERT INTO s3_parts (upload_id, number, body_id, size, etag, checksum, modified_s)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            upload.upload_id,
            part.number,
            part.segment.body_id,
            part.segment.size,
            part.etag,
            part.checksum,
            part.modified_s,
        ),
    )
    return delete_bodies(connection, [old[0]]) if old is not None else []


def load_parts(
    connection: sqlite3.Connection, upload_id: str, *, after: int = 0, parts_max: int = 10_000
) -> list[Part]:
    """By number, from behind `after`."""
    rows = connection.execute(
        "SELECT number, body_id, size, etag, checksum, modified_s FROM s3_parts"
        " WHERE upload_id = ? AND number > ? ORDER BY number LIMIT ?",
        (upload_id, after, parts_max),
    )
    return [
        Part(
            number=number,
            segment=Segment(body_id, size),
            etag=etag,
            checksum=checksum,
            modified_s=modified_s,
        )
        for number, body_id, size, etag, checksum, modified_s in rows
    ]


def delete_upload(
    connection: sqlite3.Connection, upload_id: str, kept: Collection[str] = ()
) -> list[str]:
    """The upload and its parts, but for the bodies in `kept`; files that are given up by that."""
    rows = connection.execute(
        "DELETE FROM s3_parts WHERE upload_id = ? RETURNING body_id", (upload_id,)
    ).fetchall()
    connection.execute("DELETE FROM s3_uploads WHERE upload_id = ?", (upload_id,))
    return delete_bodies(connection, [body_id for (body_id,) in rows if body_id not in kept])


def list_uploads(
    connection: sqlite3.Connection,
    bucket: str,
    *,
    prefix: str,
    delimiter: str,
    key_marker: str,
    id_marker: str,
    items_max: int,
) -> tuple[list[Upload], list[str], bool]:
    """Uploads by key and time, common prefixes, and whether there are more."""
    rows = connection.execute(
        f"SELECT {_UPLOAD} FROM s3_uploads WHERE bucket = ? AND key >= ?"
        " ORDER BY key, initiated_s, upload_id",
        (bucket, max(prefix, key_marker)),
    )
    uploads: list[Upload] = []
    prefixes: list[str] = []
    passed = False
    for row in rows:
        key = row[2]
        if not key.startswith(prefix):
            break
        if key == key_marker and (not id_marker or not passed):
            passed = passed or row[0] == id_marker
            continue
        folded = fold(key, prefix, delimiter)
        if folded is not None and (folded in prefixes[-1:] or folded == key_marker):
            continue
        if len(uploads) + len(prefixes) >= items_max:
            return uploads, prefixes, True
        if folded is not None:
            prefixes.append(folded)
        else:
            uploads.append(_to_upload(row))
    return uploads, prefixes, False


def _to_upload(row: tuple[str, str, str, int, str]) -> Upload:
    upload_id, bucket, key, initiated_s, about = row
    return Upload(
        upload_id=upload_id,
        bucket=bucket,
        key=key,
        initiated_s=initiated_s,
        about=parse_about(about),
    )
