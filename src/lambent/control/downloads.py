"""Addresses under which a stored package can be fetched for a while, without credentials.

As AWS's presigned S3 addresses, which tools fetch with a plain GET: the signature is a MAC of
digest and expiry under a secret of this server, kept with its rows so that it survives a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import parse_qs

from lambent.clock import Clock
from lambent.store import rows
from lambent.store.database import Database

PATH_PREFIX = "/_lambent/code/"
VALID_S = 600  # [DG] GetFunction: "a presigned URL that's valid for 10 minutes"

_SECRET_NAME = "downloads"
_SECRET_BYTES = 32


async def load_downloads(database: Database, *, clock: Clock) -> Downloads:
    """With the secret of this database, made on first use."""
    fresh = secrets.token_bytes(_SECRET_BYTES)
    secret = await database.write(lambda c: rows.load_or_store_secret(c, _SECRET_NAME, fresh))
    return Downloads(secret, clock=clock)


class Downloads:
    """Signs and verifies."""

    def __init__(self, secret: bytes, *, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def sign(self, endpoint: str, digest: str) -> str:
        """The full address of a package; `endpoint` as the caller named it."""
        expires = int(self._clock.wall_s()) + VALID_S
        signature = self._mac(digest, expires)
        return f"{endpoint}{PATH_PREFIX}{digest}?expires={expires}&signature={signature}"

    def verify(self, path: str, query: str) -> str | None:
        """The digest that a request's path and raw query may fetch; None where it may not."""
        digest = path.removeprefix(PATH_PREFIX)
        try:
            fields = parse_qs(query, max_num_fields=10)
            expires = int(fields["expires"][0])
            signature = fields["signature"][0]
        except (ValueError, KeyError):
            return None
        if digest == path or expires < self._clock.wall_s():
            return None
        if not hmac.compare_digest(signature.encode(), self._mac(digest, expires).encode()):
            return None
        return digest

    def _mac(self, digest: str, expires: int) -> str:
        text = f"{digest}\n{expires}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()
