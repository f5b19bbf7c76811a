"""The Extensions API over HTTP, on the port inside a sandbox: calls in, events out.

Source: Developer Guide, "Using the Lambda Extensions API to create extensions"; facts,
'Extensions API'.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence

from lambent.domain.function import FunctionVersion
from lambent.http.exchange import Exchange
from lambent.http.message import BodySink, Refusal, Request
from lambent.runtime.api import replies
from lambent.runtime.api.extension_state import ExtensionMove
from lambent.runtime.api.extensions import Effect, Extension, Extensions
from lambent.runtime.api.replies import Reply

PREFIX = "/2020-01-01/extension/"
_BODY_BYTES_MAX = 256 * 1024
_NAME_CHARACTERS_MAX = 255
_ERRORS = {
    f"{PREFIX}init/error": ExtensionMove.INIT_ERROR,
    f"{PREFIX}exit/error": ExtensionMove.EXIT_ERROR,
}


class ExtensionApi:
    """The Application; what follows from a call is performed by `perform`."""

    def __init__(
        self,
        version: FunctionVersion,
        extensions: Extensions,
        perform: Callable[[Sequence[Effect]], None],
        on_registered: Callable[[], None],
    ) -> None:
        self._version = version
        self._extensions = extensions
        self._perform = perform
        self._on_registered = on_registered
        self._waiting: dict[str, Exchange] = {}

    def deliver(self, identifier: str, event: bytes) -> None:
        """Answer the call of this extension that waits."""
        exchange = self._waiting.pop(identifier)
        exchange.on_disconnect = None
        headers = (*replies.JSON, ("Lambda-Extension-Event-Identifier", str(uuid.uuid4())))
        exchange.respond(200, headers, event)

    # http.exchange.Application

    def body_limit(self, method: str, path: str) -> int:
        return _BODY_BYTES_MAX

    def open_body(self, request: Request) -> BodySink | None:
        return None

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        _answer(exchange, replies.invalid_format(f"Bad request: {refusal.value}"))

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        effects: Sequence[Effect] = ()
        reply: Reply | None
        if request.path == f"{PREFIX}register":
            reply = self._post(request)
            if reply is None:
                reply, effects = self._register(request)
        elif request.path == f"{PREFIX}event/next":
            if request.method != "GET":
                reply = replies.METHOD_NOT_ALLOWED
            else:
                reply, effects = self._next(exchange)
        elif request.path in _ERRORS:
            reply = self._post(request)
            if reply is None:
                reply, effects = self._error(request, _ERRORS[request.path])
        else:
            reply = replies.NOT_FOUND
        if reply is not None:
            _answer(exchange, reply)
        self._perform(effects)

    def _post(self, request: Request) -> Reply | None:
        return None if request.method == "POST" else replies.METHOD_NOT_ALLOWED

    # The calls

    def _register(self, request: Request) -> tuple[Reply, Sequence[Effect]]:
        name = _header(request, b"lambda-extension-name")[:_NAME_CHARACTERS_MAX]
        events = _parse_events(request.body)
        if isinstance(events, Reply):
            return (events if name else replies.EMPTY_NAME), ()
        identifier = str(uuid.uuid4())
        refused, effects = self._extensions.register(name, events, identifier)
        if refused is not None:
            return refused, ()
        self._on_registered()
        version = self._version
        body = {
            "functionName": version.name,
            "functionVersion": version.version,
            "handler": version.handler,
        }
        features = _header(request, b"lambda-extension-accept-feature").split(",")
        if "accountId" in [feature.strip() for feature in features]:
            body["accountId"] = version.arn.split(":")[4]
        headers = (*replies.JSON, ("Lambda-Extension-Identifier", identifier))
        encoded = json.dumps(body, separators=(",", ":")).encode()
        return Reply(200, headers, encoded), effects

    def _next(self, exchange: Exchange) -> tuple[Reply | None, Sequence[Effect]]:
        one = self.find_caller(exchange.request)
        if isinstance(one, Reply):
            return one, ()
        refused, effects = self._extensions.next(one)
        if refused is None:
            again = self._waiting.get(one.identifier)
            self._waiting[one.identifier] = exchange
            exchange.on_disconnect = lambda: self._left(one, exchange)
            if again is not None:
                again.on_disconnect = None
                again.abort()
        return refused, effects

    def _left(self, one: Extension, exchange: Exchange) -> None:
        """The connection by which it waited is closed."""
        if self._waiting.get(one.identifier) is exchange:
            del self._waiting[one.identifier]
            self._extensions.left(one)

    def _error(self, request: Request, move: ExtensionMove) -> tuple[Reply, Sequence[Effect]]:
        one = self.find_caller(request)
        if isinstance(one, Reply):
            return one, ()
        error_type = _header(request, b"lambda-extension-function-error-type")
        if not error_type:
            return replies.NO_ERROR_TYPE, ()
        return self._extensions.error(one, move, error_type)

    def find_caller(self, request: Request) -> Extension | Reply:
        """Who calls, by its identifier, or the refusal."""
        identifier = _header(request, b"lambda-extension-identifier")
        if not identifier:
            return replies.NO_IDENTIFIER
        try:
            identifier = str(uuid.UUID(identifier))
        except ValueError:
            return replies.INVALID_IDENTIFIER
        return self._extensions.find(identifier) or replies.UNKNOWN_IDENTIFIER


def _header(request: Request, name: bytes) -> str:
    return request.raw_headers.get(name, b"").decode("latin-1").strip()


def _parse_events(body: bytes) -> list[str] | Reply:
    try:
        told = json.loads(body)
        events = told.get("events") or []
        keys = told.get("configurationKeys")
    except (ValueError, AttributeError, RecursionError):
        return replies.invalid_format("The body is not a JSON object")
    if keys:
        return replies.invalid_format(
            "configurationKeys are deprecated; use environment variables instead"
        )
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        return replies.invalid_format("events is not a list of strings")
    return events


def _answer(exchange: Exchange, reply: Reply) -> None:
    exchange.respond(reply.status, reply.headers, reply.body)
