"""Batches of telemetry over a connection to a port inside a sandbox: by HTTP, or lines by TCP.

Whoever listens there is the function's own and not trusted: nothing of what it answers is kept, and
nothing waits for it but its own next batch.
Source: Developer Guide, "Specifying a destination protocol": HTTP gets an array of JSON, TCP
newline-delimited JSON; an answer that is an error is tried again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from lambent.runtime.api.telemetry_subscription import HOSTS, Destination

Connect = Callable[[int], Awaitable[socket.socket]]
"""To a port of the sandbox. Raises OSError."""
_HEAD_BYTES_MAX = 64 * 1024


def open_delivery(destination: Destination, connect: Connect) -> HttpDelivery | TcpDelivery:
    if destination.protocol == "TCP":
        return TcpDelivery(destination, connect)
    return HttpDelivery(destination, connect)


class HttpDelivery:
    """One request for each batch, on a connection of its own."""

    def __init__(self, destination: Destination, connect: Connect) -> None:
        self._destination = destination
        self._connect = connect

    async def send(self, events: tuple[bytes, ...]) -> None:
        to = self._destination
        body = b"[" + b",".join(events) + b"]"
        head = (
            f"{to.method} {to.path} HTTP/1.1\r\n"
            f"Host: {HOSTS[0]}:{to.port}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        reader, writer = await _open(self._connect, to.port)
        try:
            writer.write(head.encode("ascii") + body)
            await writer.drain()
            status = await _status(reader)
        finally:
            writer.transport.abort()
        if not 200 <= status < 300:
            raise ConnectionError(f"it answered {status}")

    def close(self) -> None:
        """Nothing is kept open between batches."""


class TcpDelivery:
    """One connection for all batches; made again where it was lost."""

    def __init__(self, destination: Destination, connect: Connect) -> None:
        self._port = destination.port
        self._connect = connect
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, events: tuple[bytes, ...]) -> None:
        if self._writer is None or self._writer.is_closing():
            _, self._writer = await _open(self._connect, self._port)
        try:
            self._writer.write(b"\n".join(events) + b"\n")
            await self._writer.drain()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()


async def _open(connect: Connect, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    connected = await connect(port)
    try:
        return await asyncio.open_connection(sock=connected, limit=_HEAD_BYTES_MAX)
    except ValueError as error:  # what came from inside is no stream
        connected.close()
        raise ConnectionError(str(error)) from None
    except BaseException:
        connected.close()
        raise


async def _status(reader: asyncio.StreamReader) -> int:
    """Of the answer, once its head is there. Raises ConnectionError."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1][:3])
        except (EOFError, ValueError, IndexError, asyncio.LimitOverrunError) as error:
            raise ConnectionError(f"no HTTP: {error}") from None
        if status >= 200:  # else it is an interim answer
            return status
