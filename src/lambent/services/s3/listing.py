"""Pages of keys and versions, folded by a delimiter.

A page is read by seeking: from a key that was rolled into a common prefix the next read begins
behind that prefix, so that a million keys under one of them cost one step.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from lambent.services.s3.model import ObjectVersion
from lambent.services.s3.object_rows import COLUMNS, to_version

_BATCH = 256


@dataclass(slots=True)
class Page:
    """What one page holds, in the order of keys."""

    versions: list[ObjectVersion] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last_key: str = ""
    """The key or common prefix that the page ends with."""
    last_version: ObjectVersion | None = None


def list_objects(
    connection: sqlite3.Connection,
    bucket: str,
    *,
    prefix: str,
    delimiter: str,
    after: str,
    items_max: int,
) -> Page:
    """The objects whose keys come behind `after`; of a common prefix all keys are behind it."""
    page = Page()
    start, inclusive = _start(prefix, delimiter, after)
    while True:
        operator = ">=" if inclusive else ">"
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM s3_versions WHERE bucket = ? AND key {operator} ?"
            " AND latest = 1 AND marker = 0 ORDER BY key LIMIT ?",
            (bucket, start, min(_BATCH, items_max + 1)),
        ).fetchall()
        if not rows:
            return page
        for row in rows:
            key = row[2]
            if not key.startswith(prefix):
                return page
            if len(page.versions) + len(page.prefixes) >= items_max:
                page.truncated = True
                return page
            folded = fold(key, prefix, delimiter)
            if folded is None:
                page.versions.append(to_version(row))
                page.last_key, start, inclusive = key, key, False
                continue
            page.prefixes.append(folded)
            page.last_key = folded
            behind = successor(folded)
            if behind is None:
                return page
            start, inclusive = behind, True
            break


def list_versions(
    connection: sqlite3.Connection,
    bucket: str,
    *,
    prefix: str,
    delimiter: str,
    after_key: str,
    after_number: int | None,
    items_max: int,
) -> Page:
    """All versions and delete markers, the newest of each key first.

    From behind `after_key`, or, with `after_number`, from behind that version of it.
    """
    page = Page()
    start, inclusive = _start(prefix, delimiter, after_key)
    number = None if after_key < prefix else after_number
    while True:
        values: tuple[str | int, ...] = (start,)
        where = "key >= ?" if inclusive else "key > ?"
        if number is not None:
            where, values = "key >= ? AND (key > ? OR number < ?)", (start, start, number)
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM s3_versions WHERE bucket = ? AND {where}"
            " ORDER BY key, number DESC LIMIT ?",
            (bucket, *values, min(_BATCH, items_max + 1)),
        ).fetchall()
        if not rows:
            return page
        for row in rows:
            key = row[2]
            if not key.startswith(prefix):
                return page
            if len(page.versions) + len(page.prefixes) >= items_max:
                page.truncated = True
                return page
            folded = fold(key, prefix, delimiter)
            if folded is None:
                version = to_version(row)
                page.versions.append(version)
                page.last_key, page.last_version = key, version
                start, number = key, version.number
                continue
            page.prefixes.append(folded)
            page.last_key, page.last_version = folded, None
            behind = successor(folded)
            if behind is None:
                return page
            start, inclusive, number = behind, True, None
            break


def fold(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that a key is rolled into; None where it stands for itself."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def successor(prefix: str) -> str | None:
    """The first text behind all that begin with `prefix`; None where there is none."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            following = 0xE000 if last == 0xD7FF else last + 1
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


def _start(prefix: str, delimiter: str, after: str) -> tuple[str, bool]:
    """Where reading begins, and whether with that key itself."""
    if after < prefix or not after:
        return prefix, True
    folded = fold(after, prefix, delimiter)
    if folded == after:  # the last page ended with this common prefix
        behind = successor(after)
        return (behind, True) if behind is not None else (after, False)
    return after, False
