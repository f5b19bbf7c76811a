"""The Telemetry API and the Logs API over HTTP, on the port inside a sandbox: calls that subscribe.

Source: Developer Guide, "Lambda Telemetry API reference", "Lambda Logs API".
"""

from __future__ import annotations

from collections.abc import Callable

from lambent.environment.telemetry import TelemetrySink
from lambent.http.exchange import Exchange
from lambent.http.message import BodySink, Refusal, Request
from lambent.runtime.api import replies
from lambent.runtime.api.extensions import Extension, Extensions, Stage
from lambent.runtime.api.replies import Reply
from lambent.runtime.api.telemetry_subscription import Api, parse_subscription

PREFIXES = ("/2022-07-01/telemetry", "/2020-08-15/logs")
_APIS = dict(zip(PREFIXES, (Api.TELEMETRY, Api.LOGS), strict=True))
_BODY_BYTES_MAX = 64 * 1024


class TelemetryApi:
    """The Application."""

    def __init__(
        self,
        extensions: Extensions,
        find_caller: Callable[[Request], Extension | Reply],
        sink: TelemetrySink | None,
    ) -> None:
        """`sink`: None where no port inside can be reached."""
        self._extensions = extensions
        self._find_caller = find_caller
        self._sink = sink

    # http.exchange.Application

    def body_limit(self, method: str, path: str) -> int:
        return _BODY_BYTES_MAX

    def open_body(self, request: Request) -> BodySink | None:
        return None

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        api = _APIS.get(exchange.request.path.rstrip("/"), Api.TELEMETRY)
        reply = replies.refusal(
            413 if refusal is Refusal.BODY_TOO_LARGE else 400,
            f"{api}.DeserializationError",
            f"Bad request: {refusal.value}",
        )
        exchange.respond(reply.status, reply.headers, reply.body)

    def handle(self, exchange: Exchange) -> None:
        reply = self._reply(exchange.request)
        exchange.respond(reply.status, reply.headers, reply.body)

    def _reply(self, request: Request) -> Reply:
        api = _APIS.get(request.path.rstrip("/"))
        if api is None:
            return replies.NOT_FOUND
        if request.method != "PUT":
            return replies.METHOD_NOT_ALLOWED
        one = self._find_caller(request)
        if isinstance(one, Reply):
            return one
        if self._extensions.stage is not Stage.INIT:
            return replies.subscription_closed(api)
        if self._sink is None:
            return replies.not_supported(api)
        subscription = parse_subscription(request.body, api)
        if isinstance(subscription, Reply):
            return subscription
        return self._sink.subscribe(one.name, subscription)
