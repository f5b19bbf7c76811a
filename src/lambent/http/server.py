"""Listening sockets and the connections on them: accept, watch deadlines, drain."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter

from lambent.http.exchange import Application
from lambent.http.protocol import HttpConnection, HttpLimits, HttpUse

SWEEP_S = 1.0
BACKLOG = 4096
GUEST_CONNECTIONS_MAX = 256


class PortTaken(OSError):
    """Another listens there."""

    def __init__(self, host: str, port: int, option: str) -> None:
        text = f"port {port} on {host} is in use"
        super().__init__(errno.EADDRINUSE, text)
        self.text = text
        self.option = option
        """How an operator chooses another."""


class HttpServer:
    """Any number of listening sockets in front of one Application."""

    def __init__(self, application: Application, limits: HttpLimits) -> None:
        self._application = application
        self._limits = limits
        self._use = HttpUse()
        self._guests: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.get_running_loop()

    def protocol(self, application: Application | None = None) -> HttpConnection:
        """A protocol for one more connection: also for sockets that others accepted."""
        return HttpConnection(application or self._application, self._limits, self._use, self._loop)

    async def listen(
        self, host: str, port: int, application: Application | None = None, *, option: str
    ) -> int:
        """Bind and serve; returns the port. Raises PortTaken, or OSError for anything else.

        `application` answers on this port alone; all ports share one set of limits. `option` is
        how an operator chooses another port.
        No SO_REUSEPORT: a leaked old process must not take half of the connections.
        """
        try:
            server = await self._loop.create_server(
                lambda: self.protocol(application), host, port, backlog=BACKLOG, reuse_port=False
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(host, port, option) from error
            raise
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def sweep(self) -> None:
        """Have every connection look at its time-outs, for ever; a task of the app."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for connection in list(self._use.connections):
                connection.tick()

    async def adopt(self, accepted: socket.socket, guest: str) -> None:
        """Serve a connection that was accepted inside the sandbox `guest`.

        One sandbox gets so many, all of them half of what there is: a function that opens
        thousands harms itself, not the server's other clients.
        """
        if (
            self._guests[guest] >= GUEST_CONNECTIONS_MAX
            or self._guests.total() >= self._limits.connections // 2
        ):
            accepted.close()
            return
        accepted.setblocking(False)
        self._guests[guest] += 1
        connection = self.protocol()
        connection.on_closed = lambda: self._leave(guest)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except OSError:
            accepted.close()
            self._leave(guest)

    def _leave(self, guest: str) -> None:
        self._guests[guest] -= 1
        if not self._guests[guest]:
            del self._guests[guest]

    def stop_listening(self) -> None:
        for server in self._servers:
            server.close()

    def drain(self) -> None:
        """Close idle connections; the others close when their answer is complete."""
        for connection in list(self._use.connections):
            connection.close_when_idle()

    def abort(self) -> None:
        for connection in list(self._use.connections):
            connection.abort()
