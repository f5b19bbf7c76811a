"""The server inside sandboxes: its endpoint, on sockets that listen in their networks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.environment.runtime_apis import PORT as RUNTIME_API_PORT
from lambent.environment.runtime_apis import RuntimeApis
from lambent.tasks import Tasks

ACCEPTS_MAX = 64
"""Connections that are accepted in one turn of the loop."""


class InsideListeners:
    """What a sandbox listens on goes to the Runtime API or, as any request, to the server."""

    adopt: Callable[[socket.socket, str], Coroutine[Any, Any, None]]
    """What serves a connection of a sandbox; set before the first function runs."""

    def __init__(self, tasks: Tasks) -> None:
        self.runtime_apis = RuntimeApis(asyncio.get_running_loop())
        self._tasks = tasks
        self._listeners: dict[str, socket.socket] = {}

    def opened(self, sandbox_id: str, port: int, listener: socket.socket) -> None:
        """Serve what comes to `listener`."""
        if port == RUNTIME_API_PORT:
            self.runtime_apis.add_listener(sandbox_id, listener)
            return
        self._listeners[sandbox_id] = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, sandbox_id, listener)

    def closed(self, sandbox_id: str) -> None:
        """The sandbox has ended."""
        self.runtime_apis.close(sandbox_id)
        listener = self._listeners.pop(sandbox_id, None)
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()

    def _accept(self, sandbox_id: str, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_MAX):
            try:
                accepted, _ = listener.accept()
            except OSError:  # none waits, or it went before it was accepted
                return
            self._tasks.spawn(self.adopt(accepted, sandbox_id), name="adopt a connection")
