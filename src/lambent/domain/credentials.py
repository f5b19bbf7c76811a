"""Temporary credentials that need no row: everything they stand for is inside the session token.

A token is a statement under a MAC of this server; the secret key that goes with it follows from the
token by another MAC. So issuing costs no write, a restart changes nothing, and they end by their
expiry or with the user or role that they are of.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

SECRET_BYTES = 32
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a session token says."""

    key_id: str
    """`ASIA…`."""
    kind: Literal["assumed-role", "user", "root"]
    subject: str
    """Name of the role or user; empty for root."""
    subject_id: str
    """`AROA…` or `AIDA…`: another role of the same name is not the same role."""
    subject_arn: str
    name: str = ""
    """RoleSessionName."""
    expires_s: int
    """Seconds since the epoch."""
    policies: tuple[str, ...] = ()
    """Session policies: documents that cap what the role allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryCredentials:
    """What a caller signs with until they expire."""

    key_id: str
    secret: str
    token: str
    expires_s: int


def new_temporary_key_id() -> str:
    """`ASIA` and 16 characters of base 32; made at every cold start."""
    return "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode()


class SessionTokens:
    """Issues temporary credentials and recognises those that it issued."""

    def __init__(self, secret: bytes) -> None:
        self._mac_key = hmac.digest(secret, b"session token", "sha256")
        self._secret_key = hmac.digest(secret, b"secret access key", "sha256")
        self._open = lru_cache(maxsize=1024)(self._open_uncached)

    def issue(self, session: Session) -> TemporaryCredentials:
        fields = {name: getattr(session, name) for name in Session.__slots__}
        body = json.dumps(fields, separators=(",", ":")).encode()
        token = base64.b64encode(self._mac(body) + body).decode()
        return TemporaryCredentials(
            key_id=session.key_id,
            secret=self.secret_of(session),
            token=token,
            expires_s=session.expires_s,
        )

    def open(self, token: str) -> Session | None:
        """The session of a token issued here; None for any other. It may have expired."""
        return self._open(token)

    def secret_of(self, session: Session) -> str:
        """The secret access key that goes with the session."""
        text = f"{session.key_id}\n{session.expires_s}\n{session.subject_arn}".encode()
        return base64.b64encode(hmac.digest(self._secret_key, text, "sha256")[:30]).decode()

    def _open_uncached(self, token: str) -> Session | None:
        try:
            raw = base64.b64decode(token.encode("ascii"), validate=True)
        except (UnicodeError, binascii.Error):
            return None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body)):
            return None
        fields = json.loads(body)
        fields["policies"] = tuple(fields["policies"])
        return Session(**fields)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._mac_key, body, "sha256")


def stand_in_role_id(arn: str) -> str:
    """The unique id of a role that nobody created, as open authentication allows; always the same.

    AWS's ids are random; this one follows from the ARN.
    """
    digest = hashlib.sha256(arn.encode()).digest()
    return "AROA" + base64.b32encode(digest).decode()[:17]
