"""The key that notifications are signed with, in a file of the data folder, and its certificate."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from lambent.clock import Clock
from lambent.domain.errors import PlatformFault
from lambent.services.sns.certificate import make_certificate
from lambent.services.sns.rsa import PrivateKey, generate_key, sign

DIGESTS = {"1": "sha1", "2": "sha256"}
"""SignatureVersion → digest."""
PREFIX, SUFFIX = "/SimpleNotificationService-", ".pem"


@dataclass(frozen=True, slots=True)
class _Pair:
    key: PrivateKey
    certificate: str


class Signer:
    """Made when the first topic is; the same from then on."""

    def __init__(self, file: Path, clock: Clock, name: str) -> None:
        """`name`: whose certificate it is."""
        self._file = file
        self._clock = clock
        self._name = name
        self._pair: _Pair | None = None
        self._making = asyncio.Lock()

    async def ready(self) -> None:
        """Have the key, made now where there is none. Raises PlatformFault."""
        async with self._making:
            if self._pair is None:
                self._pair = await asyncio.to_thread(self._load_or_make)

    @property
    def certificate(self) -> str:
        """PEM."""
        return self._held().certificate

    @property
    def certificate_path(self) -> str:
        """Where the server has it."""
        digest = hashlib.sha256(self.certificate.encode()).hexdigest()
        return f"{PREFIX}{digest[:32]}{SUFFIX}"

    def sign(self, version: str, text: str) -> str:
        """Base64."""
        return b64encode(sign(self._held().key, text.encode(), DIGESTS[version])).decode()

    def find_certificate(self, path: str) -> str | None:
        """The PEM that a SigningCertURL names."""
        if self._pair is None or path != self.certificate_path:
            return None
        return self.certificate

    def _held(self) -> _Pair:
        assert self._pair is not None, "no topic without a key"
        return self._pair

    def _load_or_make(self) -> _Pair:
        try:
            held = json.loads(self._file.read_text())
            key = PrivateKey(p=int(held["p"], 16), q=int(held["q"], 16), d=int(held["d"], 16))
            return _Pair(key, held["certificate"])
        except FileNotFoundError:
            return self._make()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PlatformFault(f"cannot read SNS's signing key {self._file}: {error}") from error

    def _make(self) -> _Pair:
        key = generate_key()
        serial = secrets.randbits(64) | 1
        pair = _Pair(key, make_certificate(key, self._name, serial, self._clock.wall_s()))
        held = {
            "p": f"{key.p:x}",
            "q": f"{key.q:x}",
            "d": f"{key.d:x}",
            "certificate": pair.certificate,
        }
        partial = self._file.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(held, file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._file)
        return pair
