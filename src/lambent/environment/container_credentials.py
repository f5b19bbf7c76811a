"""Where functions with SnapStart get their credentials, for a snapshot must hold none.

[DG] "Using Lambda environment variables": AWS_CONTAINER_CREDENTIALS_FULL_URI and
AWS_CONTAINER_AUTHORIZATION_TOKEN in place of the access key; the path and the four members: RIE.
What a wrong token is answered is UNVERIFIED.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from lambent.domain.credentials import TemporaryCredentials
from lambent.http.exchange import Exchange
from lambent.http.message import BodySink, Refusal, Request

PATH = "/2021-04-23/credentials"
_BODY_BYTES_MAX = 1024
_JSON = (("Content-Type", "application/json"),)


class ContainerCredentials:
    """The Application on port 9001 of one environment."""

    def __init__(self, credentials: Callable[[], TemporaryCredentials]) -> None:
        self.token = secrets.token_urlsafe(32)
        """What a request has to show."""
        self._credentials = credentials

    def body_limit(self, method: str, path: str) -> int:
        return _BODY_BYTES_MAX

    def open_body(self, request: Request) -> BodySink | None:
        return None

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        exchange.respond(400, (), b"")

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        shown = request.raw_headers.get(b"authorization", b"")
        if request.method != "GET" or request.path != PATH:
            exchange.respond(404, (), b"")
        elif not hmac.compare_digest(shown, self.token.encode()):
            message = {"message": "The token of this request is not this environment's."}
            exchange.respond(403, _JSON, json.dumps(message).encode())
        else:
            given = self._credentials()
            ends = datetime.fromtimestamp(given.expires_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            answer = {
                "AccessKeyId": given.key_id,
                "SecretAccessKey": given.secret,
                "Expiration": ends,
                "Token": given.token,
            }
            exchange.respond(200, _JSON, json.dumps(answer).encode())
