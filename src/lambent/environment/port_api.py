"""What answers on the port inside one sandbox: several APIs, told apart by the date in the path."""

from __future__ import annotations

from lambent.environment import http_link
from lambent.http.exchange import Application, Exchange
from lambent.http.message import BodySink, Refusal, Request
from lambent.runtime.api import replies
from lambent.runtime.api.replies import Reply
from lambent.runtime.api.runtime_state import Move, RuntimeState

_BODY_BYTES_MAX = 64 * 1024


class PortApi:
    """An Application made of others."""

    def __init__(self) -> None:
        self._parts: dict[str, Application] = {}

    def add(self, prefix: str, part: Application) -> None:
        """Have `part` answer what begins with `prefix`, from now on where another one did."""
        self._parts[prefix] = part

    def body_limit(self, method: str, path: str) -> int:
        return self._part(path).body_limit(method, path)

    def open_body(self, request: Request) -> BodySink | None:
        return self._part(request.path).open_body(request)

    def handle(self, exchange: Exchange) -> None:
        self._part(exchange.request.path).handle(exchange)

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        self._part(exchange.request.path).refuse(exchange, refusal)

    def _part(self, path: str) -> Application:
        for prefix, part in self._parts.items():
            if path.startswith(prefix):
                return part
        return _NOTHING


class FixedApi:
    """One answer to everything; for a runtime that has a channel of its own and runs."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def body_limit(self, method: str, path: str) -> int:
        return _BODY_BYTES_MAX

    def open_body(self, request: Request) -> BodySink | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        reply = replies.PONG if exchange.request.path == http_link.PING else self._reply
        exchange.respond(reply.status, reply.headers, reply.body)

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        exchange.respond(400, (), b"")


_NOTHING = FixedApi(replies.NOT_FOUND)
MANAGED = FixedApi(replies.wrong_state(RuntimeState.RUNNING, Move.NEXT))
"""The Runtime API beside a runtime that does not use it: no call follows the one before it."""
