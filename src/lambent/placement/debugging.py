"""Functions that are being debugged: a port of this host's loopback for each, forwarded into the
network of its environment. The driver of `debug_session`.

There is one environment of such a function at most. The port is open to whoever is on this host;
what comes by it runs with the function's rights, in its sandbox.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from dataclasses import replace

from lambent.domain import limits
from lambent.domain.arns import LATEST
from lambent.domain.errors import LambdaError
from lambent.domain.function import FunctionVersion
from lambent.environment.debugged import DebuggedEnvironment
from lambent.environment.environment import Environment
from lambent.environment.owner import Owner
from lambent.environment.platform import Lease, Platform
from lambent.placement.debug_session import DebugSession, Step
from lambent.placement.placement import Placement
from lambent.runtime.debuggers import Debugger

log = logging.getLogger("lambent")

LOOPBACK = "127.0.0.1"
CONNECTIONS_MAX = 32
"""[own] Of one function at once: a debugger has one or two."""
READ_BYTES = 64 * 1024


class Debugged:
    """One function while it is debugged: opens its environments, serves its port."""

    def __init__(
        self,
        debugger: Debugger,
        placement: Placement,
        platform: Platform,
        current: Callable[[], FunctionVersion],
    ) -> None:
        """`current`: its $LATEST now; raises LambdaError where the function is gone."""
        self.debugger = debugger
        self.port = 0
        self._placement = placement
        self._current = current
        self._platform = replace(platform, debugger=debugger, freezes=False)
        self._session: DebugSession[DebuggedEnvironment] = DebugSession()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether its environment is initialised."""
        return self._session.settled

    async def listen(self, port: int) -> None:
        """On that port, or where it is 0 on the debugger's own if that is free. Raises OSError."""
        try:
            self._server = await self._bind(port or self.debugger.port)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                raise
            self._server = await self._bind(0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _bind(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._on_connection, LOOPBACK, port, reuse_port=False)

    def warm(self) -> None:
        """Have an environment start, so that there is something to attach to."""
        self._placement.pool(self._current()).warm()

    async def first(self) -> None:
        """Wait until one is initialised, or has ended."""
        while not self.ready and self._session.target() is not Step.START:
            await self._next_change()

    def end(self) -> None:
        """Close the port and every connection; what runs has a time-out again."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        for environment in self._session.end():
            environment.start_clock()
        self._change()

    # placement.DebuggedFunction

    def open_environment(self, version: FunctionVersion, owner: Owner) -> Environment:
        environment = DebuggedEnvironment(
            version, _Told(owner, self), self._platform, held=self._is_held
        )
        self._session.opened(environment)
        return environment

    def _is_held(self) -> bool:
        return self._session.active

    # What its environments tell

    def on_initialised(self, environment: Environment) -> None:
        assert isinstance(environment, DebuggedEnvironment)
        self._session.initialised(environment)
        self._change()

    def on_gone(self, environment: Environment) -> None:
        assert isinstance(environment, DebuggedEnvironment)
        self._session.gone(environment)
        self._change()

    def _change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _next_change(self) -> None:
        await self._changed.wait()

    # Connections

    def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        serving = self._serve(reader, writer)
        connection = self._platform.tasks.spawn(serving, name="a debugger's connection")
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inside = await self._reach()
            if inside is not None:
                await _relay(reader, writer, inside)
        finally:
            writer.transport.abort()

    async def _reach(self) -> socket.socket | None:
        """A connection to the debugger inside; None where there is none."""
        target = self._session.target()
        while target is not Step.REFUSE:
            changed = self._changed
            if target is Step.START:
                try:
                    self.warm()
                except LambdaError:  # the function is gone
                    return None
                started = self._session.target()
                if started is Step.START:  # refused: this host is full
                    return None
                target = started
            elif isinstance(target, DebuggedEnvironment):
                after_init = self._session.is_initialised(target)
                try:
                    return await target.connect(self.debugger.port)
                except ConnectionError:
                    target = self._session.refused_by(target, after_init=after_init)
            else:
                await changed.wait()
                target = self._session.target()
        return None


class _Told:
    """An environment's owner, of whose news the session hears first."""

    def __init__(self, owner: Owner, debugged: Debugged) -> None:
        self._owner = owner
        self._debugged = debugged

    def on_free(self, environment: Environment) -> None:
        self._debugged.on_initialised(environment)
        self._owner.on_free(environment)

    def on_answered(self, environment: Environment) -> None:
        self._owner.on_answered(environment)

    def on_init_failed(self, environment: Environment) -> Lease | None:
        return self._owner.on_init_failed(environment)

    def on_gone(self, environment: Environment) -> None:
        self._debugged.on_gone(environment)
        self._owner.on_gone(environment)


class Debugging:
    """All functions of this server that are debugged."""

    def __init__(self, placement: Placement, platform: Platform) -> None:
        self._placement = placement
        self._platform = platform
        self._sessions: dict[str, Debugged] = {}

    def find(self, name: str) -> Debugged | None:
        return self._sessions.get(name)

    async def begin(
        self, name: str, debugger: Debugger, port: int, current: Callable[[], FunctionVersion]
    ) -> Debugged:
        """From now on its new environments have the debugger; the others are retired.

        `port` 0: any. Waits for the first environment as long as an init may take. Raises OSError
        where the port is taken.
        """
        debugged = Debugged(debugger, self._placement, self._platform, current)
        await debugged.listen(port)
        if name in self._sessions:
            debugged.end()
            return self._sessions[name]
        self._sessions[name] = self._placement.debugged[name] = debugged
        self._placement.retire(name, LATEST)
        debugged.warm()
        try:
            await asyncio.wait_for(debugged.first(), limits.INIT_TIMEOUT_S)
        except TimeoutError:
            log.info("%s still initialises, which nothing limits while it is debugged", name)
        return debugged

    def end(self, name: str) -> bool:
        """Whether there was a session; its environments serve no more."""
        debugged = self._sessions.pop(name, None)
        if debugged is None:
            return False
        del self._placement.debugged[name]
        debugged.end()
        self._placement.retire(name, LATEST)
        return True

    def end_all(self) -> None:
        for name in list(self._sessions):
            self.end(name)


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inside: socket.socket
) -> None:
    """Carry bytes both ways until both sides have ended, or one broke."""
    try:
        inner_reader, inner_writer = await asyncio.open_connection(sock=inside)
    except (OSError, ValueError):  # whatever came out of the sandbox, it is no connection
        inside.close()
        return
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, inner_writer))
            group.create_task(_pump(inner_reader, writer))
    finally:
        inner_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()
