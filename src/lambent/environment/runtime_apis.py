"""The port inside every sandbox where its Runtime API answers: who accepts there, and for whom."""

from __future__ import annotations

import asyncio
import socket

from lambent.domain import limits
from lambent.http.exchange import Application
from lambent.http.protocol import HttpConnection, HttpLimits, HttpUse

PORT = 9001
CONNECTIONS_MAX = 256
"""[own] Of one environment."""
ACCEPTS_MAX = 64

_LIMITS = HttpLimits(
    connections=CONNECTIONS_MAX,
    bodies_bytes=4 * limits.RESPONSE_BYTES_MAX,
    header_bytes=limits.HEADER_BYTES_MAX,
    # Nobody looks at these times: what is connected here lives no longer than its environment.
    header_timeout_s=limits.HEADER_TIMEOUT_S,
    body_timeout_s=limits.BODY_TIMEOUT_S,
    idle_s=limits.KEEP_ALIVE_TIMEOUT_S,
)


class RuntimeApis:
    """Every sandbox's listening socket, and the environment that answers there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._listeners: dict[str, socket.socket] = {}
        self._applications: dict[str, Application] = {}
        self._uses: dict[str, HttpUse] = {}

    def add_listener(self, sandbox_id: str, listener: socket.socket) -> None:
        """Take over a socket that listens inside; nothing is accepted before `serve`."""
        self._listeners[sandbox_id] = listener
        if sandbox_id in self._applications:
            self._open(sandbox_id)

    def serve(self, sandbox_id: str, application: Application) -> None:
        """Have `application` answer in that sandbox; its socket may still be on its way."""
        self._applications[sandbox_id] = application
        if sandbox_id in self._listeners:
            self._open(sandbox_id)

    def _open(self, sandbox_id: str) -> None:
        self._uses[sandbox_id] = HttpUse()
        self._loop.add_reader(self._listeners[sandbox_id].fileno(), self._accept, sandbox_id)

    def close(self, sandbox_id: str) -> None:
        """That sandbox is gone."""
        listener = self._listeners.pop(sandbox_id, None)
        if listener is not None:
            self._loop.remove_reader(listener.fileno())
            listener.close()
        self._applications.pop(sandbox_id, None)
        use = self._uses.pop(sandbox_id, None)
        if use is not None:
            for connection in list(use.connections):
                connection.abort()

    def _accept(self, sandbox_id: str) -> None:
        listener, use = self._listeners[sandbox_id], self._uses[sandbox_id]
        application = self._applications[sandbox_id]
        for _ in range(ACCEPTS_MAX):
            try:
                accepted, _ = listener.accept()
            except OSError:  # none waits, or it went before it was accepted
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = HttpConnection(application, _LIMITS, use, self._loop)
            self._loop.create_task(self._adopt(accepted, connection))

    async def _adopt(self, accepted: socket.socket, connection: HttpConnection) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except OSError:
            accepted.close()
