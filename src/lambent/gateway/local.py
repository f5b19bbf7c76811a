"""Lambent's own endpoints under /_lambent, and the names that LocalStack's users wait on."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

from lambent.domain.errors import LambdaError
from lambent.http.exchange import Exchange
from lambent.http.message import Request
from lambent.wire import WireError

CHUNK_BYTES = 256 * 1024
FREE = ("/_lambent/health", "/_localstack/health")
"""What anyone may ask, as tools do before they have credentials."""
DOWNLOADS = "/_lambent/code/"
"""Their addresses carry a signature of their own."""
EVENTS = "/_lambent/events/"
DEBUG = "/_lambent/debug/"
PORT_MAX = 65535
JSON = (("content-type", "application/json"),)


class Downloads(Protocol):
    """Knows which links were signed here."""

    def verify(self, path: str, query: str) -> str | None:
        """The digest of the package that a link may fetch; None where it may not."""
        ...


class EventsOperator(Protocol):
    """The queue of asynchronous events, for people; each answers what is shown."""

    async def summary(self) -> dict[str, Any]: ...

    async def describe(self, function: str) -> dict[str, Any]: ...

    async def drop(self, function: str) -> dict[str, Any]: ...

    async def retry(self, function: str) -> dict[str, Any]: ...


class DebugOperator(Protocol):
    """Debugging sessions, by a function's name; each raises LambdaError."""

    async def begin(self, name: str, port: int) -> dict[str, Any]: ...

    async def end(self, name: str) -> dict[str, Any]: ...


class LocalRoutes:
    """Health, reset, bill, the queue of events, debugging, and the download of code."""

    def __init__(
        self,
        *,
        health: Callable[[], dict[str, Any]],
        bill: Callable[[], dict[str, Any]],
        reset: Callable[[], Awaitable[None]] | None,
        downloads: Downloads,
        package_path: Callable[[str], Path],
        events: EventsOperator,
        debug: DebugOperator,
        admit: Callable[[Request], None] = lambda request: None,
    ) -> None:
        """`admit` raises WireError or LambdaError for callers who are no operators."""
        self._admit = admit
        self._health = health
        self._bill = bill
        self._reset = reset
        self._downloads = downloads
        self._package_path = package_path
        self._events = events
        self._debug = debug

    async def handle(self, exchange: Exchange) -> None:
        method, path = exchange.request.method, exchange.request.path
        if path not in FREE and not path.startswith(DOWNLOADS):
            try:
                self._admit(exchange.request)
            except (WireError, LambdaError) as error:
                respond_json(exchange, 403, {"message": f"{error.code}: {error.message}"})
                return
        match method, path:
            case "GET" | "HEAD", "/_lambent/health":
                respond_json(exchange, 200, self._health())
            case "GET" | "HEAD", "/_localstack/health":
                respond_json(exchange, 200, self._localstack_health())
            case "GET", "/_lambent/bill":
                respond_json(exchange, 200, self._bill())
            case "GET", "/_lambent/events":
                respond_json(exchange, 200, await self._events.summary())
            case (("GET" | "DELETE" | "POST"), _) if path.startswith(EVENTS):
                await self._answer_events(exchange, unquote(path.removeprefix(EVENTS)))
            case (("DELETE" | "POST"), _) if path.startswith(DEBUG):
                await self._answer_debug(exchange, unquote(path.removeprefix(DEBUG)))
            case "POST", "/_lambent/reset" | "/_localstack/state/reset":
                await self._answer_reset(exchange)
            case "GET" | "HEAD", _ if path.startswith(DOWNLOADS):
                await self._answer_download(exchange)
            case _:
                respond_json(exchange, 404, {"message": f"There is no {method} {path[:200]}."})

    def _localstack_health(self) -> dict[str, Any]:
        health = self._health()
        return {
            "services": dict.fromkeys(health["services"], "running"),
            "edition": "lambent",
            "version": health["version"],
        }

    async def _answer_events(self, exchange: Exchange, function: str) -> None:
        """GET shows a function's events and discards, DELETE drops them, POST tries them now."""
        match exchange.request.method:
            case "GET":
                respond_json(exchange, 200, await self._events.describe(function))
            case "DELETE":
                respond_json(exchange, 200, await self._events.drop(function))
            case _:
                respond_json(exchange, 200, await self._events.retry(function))

    async def _answer_debug(self, exchange: Exchange, function: str) -> None:
        """POST begins a session, on `?port=` or any port; DELETE ends it."""
        port = parse_port(exchange.request.query)
        if port is None:
            respond_json(exchange, 400, {"message": f"A port is a number from 0 to {PORT_MAX}."})
            return
        try:
            if exchange.request.method == "POST":
                answer = await self._debug.begin(function, port)
            else:
                answer = await self._debug.end(function)
        except LambdaError as error:
            status = DEBUG_REFUSALS.get(error.code, 400)
            respond_json(exchange, status, {"message": f"{error.code}: {error.message}"})
            return
        respond_json(exchange, 200, answer)

    async def _answer_reset(self, exchange: Exchange) -> None:
        if self._reset is None:
            message = "Reset is off. Start the server with --allow-reset to allow it."
            respond_json(exchange, 403, {"message": message})
            return
        await self._reset()
        respond_json(exchange, 200, {"status": "empty"})

    async def _answer_download(self, exchange: Exchange) -> None:
        request = exchange.request
        digest = self._downloads.verify(request.path, request.query)
        if digest is None:
            message = "The link is not valid or has expired: ask GetFunction for a new one."
            respond_json(exchange, 403, {"message": message})
            return
        try:
            file = await asyncio.to_thread(self._package_path(digest).open, "rb")
        except FileNotFoundError:
            respond_json(exchange, 404, {"message": "The code is no longer there."})
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            exchange.begin(
                200, [("content-type", "application/zip"), ("content-length", str(size))]
            )
            wanted = request.method == "GET"
            while wanted and (chunk := await asyncio.to_thread(file.read, CHUNK_BYTES)):
                await exchange.write(chunk)
                wanted = not exchange.disconnected
            exchange.end()


DEBUG_REFUSALS = {"ResourceNotFoundException": 404, "ResourceConflictException": 409}


def parse_port(query: str) -> int | None:
    """0 where none is asked for; None where what is asked for is none."""
    text = parse_qs(query, keep_blank_values=True).get("port", ["0"])[-1]
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        return None
    return int(text) if int(text) <= PORT_MAX else None


def respond_json(exchange: Exchange, status: int, value: dict[str, Any]) -> None:
    body = b"" if exchange.request.method == "HEAD" else json.dumps(value).encode()
    exchange.respond(status, JSON, body)
