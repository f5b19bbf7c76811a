"""Listening sockets and the connections on them: accept, watch deadlines, drain."""

from __future__ import annotations

import asyncio
import socket

from lambent.http.protocol import Application, HttpConnection, HttpLimits

SWEEP_S = 1.0
BACKLOG = 4096


class HttpServer:
    """Any number of listening sockets in front of one Application."""

    def __init__(self, application: Application, limits: HttpLimits) -> None:
        self._application = application
        self._limits = limits
        self._connections: set[HttpConnection] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def protocol(self) -> HttpConnection:
        """A protocol for one more connection: also for sockets that others accepted."""
        return HttpConnection(self._application, self._limits, self._connections, self._loop)

    async def listen(self, host: str, port: int) -> int:
        """Bind and serve; returns the port. Raises OSError when the port is taken.

        No SO_REUSEPORT: a leaked old process must not take half of the connections.
        """
        self._server = await self._loop.create_server(
            self.protocol, host, port, backlog=BACKLOG, reuse_port=False
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def sweep(self) -> None:
        """Have every connection look at its time-outs, for ever; a task of the app."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for connection in list(self._connections):
                connection.tick()

    async def adopt(self, accepted: socket.socket) -> None:
        """Serve a connection that was accepted elsewhere (inside a sandbox's network)."""
        accepted.setblocking(False)
        await self._loop.connect_accepted_socket(self.protocol, accepted)

    def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    def drain(self) -> None:
        """Close idle connections; the others close when their answer is complete."""
        for connection in list(self._connections):
            connection.close_when_idle()

    def abort(self) -> None:
        for connection in list(self._connections):
            connection.abort()
