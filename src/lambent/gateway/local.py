"""Lambent's own endpoints under /_lambent, and the names that LocalStack's users wait on."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from lambent.http.exchange import Exchange

CHUNK_BYTES = 256 * 1024
JSON = (("content-type", "application/json"),)


class Downloads(Protocol):
    """Knows which links were signed here."""

    def verify(self, path: str, query: str) -> str | None:
        """The digest of the package that a link may fetch; None where it may not."""
        ...


class LocalRoutes:
    """Health, reset, bill, and the download of code."""

    def __init__(
        self,
        *,
        health: Callable[[], dict[str, Any]],
        bill: Callable[[], dict[str, Any]],
        reset: Callable[[], Awaitable[None]] | None,
        downloads: Downloads,
        package_path: Callable[[str], Path],
    ) -> None:
        self._health = health
        self._bill = bill
        self._reset = reset
        self._downloads = downloads
        self._package_path = package_path

    async def handle(self, exchange: Exchange) -> None:
        method, path = exchange.request.method, exchange.request.path
        match method, path:
            case "GET" | "HEAD", "/_lambent/health":
                respond_json(exchange, 200, self._health())
            case "GET" | "HEAD", "/_localstack/health":
                respond_json(exchange, 200, self._localstack_health())
            case "GET", "/_lambent/bill":
                respond_json(exchange, 200, self._bill())
            case "POST", "/_lambent/reset" | "/_localstack/state/reset":
                await self._answer_reset(exchange)
            case "GET" | "HEAD", _ if path.startswith("/_lambent/code/"):
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


def respond_json(exchange: Exchange, status: int, value: dict[str, Any]) -> None:
    body = b"" if exchange.request.method == "HEAD" else json.dumps(value).encode()
    exchange.respond(status, JSON, body)
