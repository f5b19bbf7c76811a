"""Bodies as rows: the bytes of small ones, the bare name of those that are files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence


def insert_body(connection: sqlite3.Connection, body_id: str, content: bytes | None) -> None:
    connection.execute("INSERT INTO s3_bodies (id, content) VALUES (?, ?)", (body_id, content))


def load_body(connection: sqlite3.Connection, body_id: str) -> tuple[bytes | None] | None:
    """Its bytes, None where it is a file; None instead of the tuple where there is none."""
    found: tuple[bytes | None] | None = connection.execute(
        "SELECT content FROM s3_bodies WHERE id = ?", (body_id,)
    ).fetchone()
    return found


def delete_bodies(connection: sqlite3.Connection, body_ids: Iterable[str]) -> list[str]:
    """Ids of those that were files: they can be removed after the commit."""
    files = []
    for body_id in body_ids:
        found = connection.execute(
            "DELETE FROM s3_bodies WHERE id = ? RETURNING content IS NULL", (body_id,)
        ).fetchone()
        if found is not None and found[0]:
            files.append(body_id)
    return files


def known(connection: sqlite3.Connection, body_ids: Sequence[str]) -> set[str]:
    """Those that have a row."""
    found = set()
    for body_id in body_ids:
        if connection.execute("SELECT 1 FROM s3_bodies WHERE id = ?", (body_id,)).fetchone():
            found.add(body_id)
    return found
