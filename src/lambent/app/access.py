"""Secrets of one server: root's access key, and what session tokens are made with."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from lambent.cli.root_key import ROOT_FILE
from lambent.clock import Clock
from lambent.domain.credentials import (
    SECRET_BYTES,
    Session,
    SessionTokens,
    TemporaryCredentials,
    new_temporary_key_id,
)
from lambent.domain.function import FunctionVersion
from lambent.gateway.authentication import RootKey
from lambent.services.iam.directory import Directory
from lambent.services.iam.user_model import new_access_key
from lambent.store import rows
from lambent.store.database import Database

_ROOT_SECRET = "root-access-key"
_TOKEN_SECRET = "session-tokens"


async def load_session_tokens(database: Database) -> SessionTokens:
    """With the secret of this database, made on first use."""
    fresh = secrets.token_bytes(SECRET_BYTES)
    return SessionTokens(
        await database.write(lambda c: rows.load_or_store_secret(c, _TOKEN_SECRET, fresh))
    )


async def load_root_key(database: Database, data_dir: Path) -> RootKey:
    """Root's access key, made at the first start; its file is there afterwards.

    The file has the form of AWS's own (`AWS_SHARED_CREDENTIALS_FILE` takes it) and is readable by
    its owner alone.
    """
    fresh = new_access_key("", 0)
    text = f"{fresh.key_id}\n{fresh.secret}".encode()
    kept = await database.write(lambda c: rows.load_or_store_secret(c, _ROOT_SECRET, text))
    key_id, _, secret = kept.decode().partition("\n")
    _write_root_file(data_dir / ROOT_FILE, key_id, secret)
    return RootKey(key_id, secret)


def _write_root_file(path: Path, key_id: str, secret: str) -> None:
    text = f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
    fresh = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


class ExecutionRoles:
    """Credentials of the roles that functions run with."""

    tokens: SessionTokens
    """Set once its secret was read: see `load_session_tokens`."""

    def __init__(self, directory: Directory, clock: Clock, *, session_s: int) -> None:
        self._directory = directory
        self._clock = clock
        self._session_s = session_s

    def credentials(self, version: FunctionVersion) -> TemporaryCredentials:
        """For one environment of `version`; the session has the function's name, as on AWS."""
        return self.tokens.issue(
            Session(
                key_id=new_temporary_key_id(),
                kind="assumed-role",
                subject=version.role.rpartition("/")[2],
                subject_id=self._directory.role_id(version.role),
                subject_arn=version.role,
                name=version.name,
                expires_s=int(self._clock.wall_s()) + self._session_s,
            )
        )
