"""Functions and layer versions as rows: the SQL, by name, and the JSON that the rows hold.

Every function here takes a connection and runs inside the caller's transaction
(`Database.write` or `Database.read`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from lambent.domain.arns import LATEST, LATEST_PUBLISHED, Account
from lambent.domain.function import (
    CodePackage,
    FileSystem,
    Function,
    FunctionVersion,
    LayerRef,
    LayerVersion,
    Status,
)
from lambent.domain.image import Image, ImageConfig

Key = tuple[str, str, str]
"""Account id, region, name."""


def store_function(
    connection: sqlite3.Connection,
    account: Account,
    latest: FunctionVersion,
    *,
    digests: Iterable[str],
) -> None:
    """Insert or replace $LATEST; tags stay. `digests` are the folders that it keeps alive."""
    connection.execute(
        """INSERT INTO functions (account_id, region, name, configuration, tags)
           VALUES (?, ?, ?, ?, '{}')
           ON CONFLICT (account_id, region, name)
           DO UPDATE SET configuration = excluded.configuration""",
        (*_key(account, latest.name), encode_version(latest)),
    )
    _refer(connection, latest.arn, digests)


def has_function(connection: sqlite3.Connection, account: Account, name: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM functions WHERE account_id = ? AND region = ? AND name = ?",
        _key(account, name),
    )
    return found.fetchone() is not None


def store_revision(
    connection: sqlite3.Connection, account: Account, name: str, version: str, revision_id: str
) -> bool:
    """Give $LATEST or a published version another RevisionId; False where it is not there."""
    if version == LATEST:
        done = connection.execute(
            """UPDATE functions SET configuration = json_set(configuration, '$.revision_id', ?)
               WHERE account_id = ? AND region = ? AND name = ?""",
            (revision_id, *_key(account, name)),
        )
    else:
        done = connection.execute(
            """UPDATE function_versions
               SET configuration = json_set(configuration, '$.revision_id', ?)
               WHERE account_id = ? AND region = ? AND name = ? AND version = ?""",
            (revision_id, *_key(account, name), _number(version)),
        )
    return done.rowcount == 1


def store_tags(
    connection: sqlite3.Connection, account: Account, name: str, tags: Mapping[str, str]
) -> None:
    connection.execute(
        "UPDATE functions SET tags = ? WHERE account_id = ? AND region = ? AND name = ?",
        (json.dumps(dict(tags)), *_key(account, name)),
    )


def delete_function(connection: sqlite3.Connection, account: Account, name: str) -> None:
    connection.execute(
        "DELETE FROM functions WHERE account_id = ? AND region = ? AND name = ?",
        _key(account, name),
    )
    connection.execute(
        "DELETE FROM function_versions WHERE account_id = ? AND region = ? AND name = ?",
        _key(account, name),
    )
    arn = account.function_arn(name)
    connection.execute(
        "DELETE FROM package_references WHERE owner = ? OR owner GLOB ?", (arn, f"{arn}:*")
    )


def store_version(
    connection: sqlite3.Connection,
    account: Account,
    version: FunctionVersion,
    *,
    digests: Iterable[str],
) -> None:
    """Insert or replace a published version; its number is never given out again."""
    number = _number(version.version)
    connection.execute(
        """INSERT OR REPLACE INTO function_versions
           (account_id, region, name, version, configuration) VALUES (?, ?, ?, ?, ?)""",
        (*_key(account, version.name), number, encode_version(version)),
    )
    connection.execute(
        """INSERT INTO version_numbers (account_id, region, name, last_version)
           VALUES (?, ?, ?, ?)
           ON CONFLICT (account_id, region, name)
           DO UPDATE SET last_version = max(last_version, excluded.last_version)""",
        (*_key(account, version.name), number),
    )
    _refer(connection, account.function_arn(version.name, version.version), digests)


def delete_version(
    connection: sqlite3.Connection, account: Account, name: str, version: str
) -> None:
    connection.execute(
        """DELETE FROM function_versions
           WHERE account_id = ? AND region = ? AND name = ? AND version = ?""",
        (*_key(account, name), _number(version)),
    )
    _refer(connection, account.function_arn(name, version), ())


def load_version_numbers(connection: sqlite3.Connection, account: Account) -> dict[str, int]:
    """Function name → highest version number ever given out."""
    rows = connection.execute(
        "SELECT name, last_version FROM version_numbers WHERE account_id = ? AND region = ?",
        (account.account_id, account.region),
    )
    return dict(rows.fetchall())


def load_functions(connection: sqlite3.Connection, account: Account) -> list[Function]:
    key = (account.account_id, account.region)
    versions: dict[str, dict[str, FunctionVersion]] = {}
    for name, text in connection.execute(
        """SELECT name, configuration FROM function_versions
           WHERE account_id = ? AND region = ? ORDER BY name, version""",
        key,
    ):
        version = decode_version(text)
        versions.setdefault(name, {})[version.version] = version
    rows = connection.execute(
        """SELECT name, configuration, tags FROM functions
           WHERE account_id = ? AND region = ? ORDER BY name""",
        key,
    )
    return [
        Function(
            latest=decode_version(text), versions=versions.get(name, {}), tags=json.loads(tags)
        )
        for name, text, tags in rows
    ]


def store_layer_version(
    connection: sqlite3.Connection, account: Account, layer: LayerVersion
) -> None:
    key = _key(account, layer.name)
    connection.execute(
        """INSERT INTO layers (account_id, region, name, last_version) VALUES (?, ?, ?, ?)
           ON CONFLICT (account_id, region, name)
           DO UPDATE SET last_version = max(last_version, excluded.last_version)""",
        (*key, layer.version),
    )
    connection.execute(
        """INSERT INTO layer_versions (account_id, region, name, version, content)
           VALUES (?, ?, ?, ?, ?)""",
        (*key, layer.version, encode_layer_version(layer)),
    )
    _refer(connection, account.layer_arn(layer.name, layer.version), [layer.package.digest])


def delete_layer_version(
    connection: sqlite3.Connection, account: Account, name: str, version: int
) -> None:
    connection.execute(
        """DELETE FROM layer_versions
           WHERE account_id = ? AND region = ? AND name = ? AND version = ?""",
        (*_key(account, name), version),
    )
    _refer(connection, account.layer_arn(name, version), ())


def load_layer_versions(connection: sqlite3.Connection, account: Account) -> list[LayerVersion]:
    rows = connection.execute(
        """SELECT content FROM layer_versions
           WHERE account_id = ? AND region = ? ORDER BY name, version""",
        (account.account_id, account.region),
    )
    return [decode_layer_version(text) for (text,) in rows]


def load_last_layer_versions(connection: sqlite3.Connection, account: Account) -> dict[str, int]:
    """Layer name → highest version number ever given out."""
    rows = connection.execute(
        "SELECT name, last_version FROM layers WHERE account_id = ? AND region = ?",
        (account.account_id, account.region),
    )
    return dict(rows.fetchall())


def load_referenced_digests(connection: sqlite3.Connection) -> set[str]:
    """The folders that any account's rows need."""
    return {row[0] for row in connection.execute("SELECT DISTINCT digest FROM package_references")}


def load_unreferenced(connection: sqlite3.Connection, digests: Iterable[str]) -> set[str]:
    """Those of `digests` that no row needs."""
    query = "SELECT EXISTS (SELECT 1 FROM package_references WHERE digest = ?)"
    return {digest for digest in digests if not connection.execute(query, (digest,)).fetchone()[0]}


def delete_everything(connection: sqlite3.Connection) -> None:
    """Functions, layers, references and other resources of every account; secrets stay."""
    for table in (
        "functions",
        "function_versions",
        "version_numbers",
        "layers",
        "layer_versions",
        "package_references",
        "resources",
    ):
        connection.execute(f"DELETE FROM {table}")


def load_or_store_secret(connection: sqlite3.Connection, name: str, value: bytes) -> bytes:
    """The secret kept under `name`; `value` becomes it where there is none yet."""
    connection.execute("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)", (name, value))
    row = connection.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
    return bytes(row[0])


def _number(version: str) -> int:
    """The key of a published version; $LATEST.PUBLISHED comes before the first."""
    return 0 if version == LATEST_PUBLISHED else int(version)


def _key(account: Account, name: str) -> Key:
    return account.account_id, account.region, name


def _refer(connection: sqlite3.Connection, owner: str, digests: Iterable[str]) -> None:
    connection.execute("DELETE FROM package_references WHERE owner = ?", (owner,))
    connection.executemany(
        "INSERT OR IGNORE INTO package_references (owner, digest) VALUES (?, ?)",
        [(owner, digest) for digest in digests],
    )


def encode_version(version: FunctionVersion) -> str:
    return json.dumps(asdict(version))


def decode_version(text: str) -> FunctionVersion:
    raw: dict[str, Any] = json.loads(text)
    raw["code"] = CodePackage(**raw["code"])
    raw["layers"] = tuple(
        LayerRef(arn=layer["arn"], package=CodePackage(**layer["package"]))
        for layer in raw["layers"]
    )
    raw["architectures"] = tuple(raw["architectures"])
    raw["file_systems"] = tuple(FileSystem(**one) for one in raw.get("file_systems", ()))
    raw["image_config"] = _image_config(raw.get("image_config") or {})
    for member in ("image", "next_image"):
        raw[member] = _image(raw[member]) if raw.get(member) else None
    raw["state"] = Status(**raw["state"])
    raw["last_update"] = Status(**raw["last_update"]) if raw["last_update"] else None
    return FunctionVersion(**raw)


def _image_config(raw: dict[str, Any]) -> ImageConfig:
    return ImageConfig(
        entry_point=tuple(raw.get("entry_point", ())),
        command=tuple(raw.get("command", ())),
        working_directory=raw.get("working_directory", ""),
    )


def _image(raw: dict[str, Any]) -> Image:
    for member in ("layers", "entry_point", "command"):
        raw[member] = tuple(raw[member])
    raw["environment"] = tuple((name, value) for name, value in raw["environment"])
    return Image(**raw)


def encode_layer_version(layer: LayerVersion) -> str:
    return json.dumps(asdict(layer))


def decode_layer_version(text: str) -> LayerVersion:
    raw: dict[str, Any] = json.loads(text)
    raw["package"] = CodePackage(**raw["package"])
    raw["compatible_runtimes"] = tuple(raw["compatible_runtimes"])
    raw["compatible_architectures"] = tuple(raw["compatible_architectures"])
    return LayerVersion(**raw)
