"""Environment variables at rest: encrypted under a key that is not in the database.

Source of the idea: [DG] "Securing Lambda environment variables": always encrypted, under a key of
AWS's or under the one that KMSKeyArn names. Here every key is derived from one secret in a file of
its own. The cipher is made of the standard library: a stream from keyed BLAKE2b in counter mode,
then HMAC-SHA-256 over all of it (see docs/decisions/0023-variables-at-rest.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lambent.domain.errors import PlatformFault
from lambent.domain.function import FunctionVersion

SEALED = "\0sealed"
"""The only member of a mapping that is sealed; no environment variable can have such a name."""

_KEY_BYTES = 32
_NONCE_BYTES = 16
_TAG_BYTES = 32
_BLOCK_BYTES = 64


class Vault:
    """Seals the variables of functions for the rows, and opens them again."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, version: FunctionVersion) -> FunctionVersion:
        """The version as the rows hold it."""
        if version.environment is None:
            return version
        plain = json.dumps(dict(version.environment)).encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        box = nonce + _crypt(self._key(b"stream", version), nonce, plain)
        sealed = base64.b64encode(box + self._tag(version, box)).decode()
        return replace(version, environment={SEALED: sealed})

    def open(self, version: FunctionVersion) -> FunctionVersion:
        """The version as memory holds it; rows of before, which are not sealed, pass.

        Raises PlatformFault where this is not the secret that they were sealed with.
        """
        sealed: Mapping[str, str] = version.environment or {}
        if SEALED not in sealed:
            return version
        data = base64.b64decode(sealed[SEALED])
        box, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(version, box)):
            raise PlatformFault(
                f"the environment variables of {version.name} cannot be decrypted: put the key "
                "file back that was beside the database"
            )
        nonce, body = box[:_NONCE_BYTES], box[_NONCE_BYTES:]
        plain = _crypt(self._key(b"stream", version), nonce, body)
        return replace(version, environment=json.loads(plain))

    def _key(self, use: bytes, version: FunctionVersion) -> bytes:
        """One for each use and each KMSKeyArn."""
        about = use + b"\0" + version.kms_key_arn.encode()
        return hmac.digest(self._secret, about, "sha256")

    def _tag(self, version: FunctionVersion, box: bytes) -> bytes:
        """Also over whose they are: sealed variables cannot be moved to another function."""
        return hmac.digest(self._key(b"tag", version), version.arn.encode() + b"\0" + box, "sha256")


def _crypt(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """`data` with a stream of keyed BLAKE2b blocks: the same both ways."""
    blocks = (
        hashlib.blake2b(nonce + number.to_bytes(8, "big"), key=key).digest()
        for number in range(-(-len(data) // _BLOCK_BYTES))
    )
    stream = b"".join(blocks)[: len(data)]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(data), "big")


def open_vault(path: Path) -> Vault:
    """The vault whose secret is in `path`; made at the first use, for its owner alone. Blocks.

    Raises PlatformFault where what is there is no secret.
    """
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        secret = secrets.token_bytes(_KEY_BYTES)
        _write_new(path, secret)
    if len(secret) != _KEY_BYTES:
        raise PlatformFault(f"{path} does not hold a key of {_KEY_BYTES} bytes")
    return Vault(secret)


def _write_new(path: Path, secret: bytes) -> None:
    """On disk, whole, before anything is sealed with it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = path.with_name(path.name + ".new")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    os.rename(staged, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
