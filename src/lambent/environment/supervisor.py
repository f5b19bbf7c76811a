"""Our end of the first process of a sandbox that holds several: orders out, news in.

Inside is runtime/python/_lambent_supervisor.py, whose documentation has the messages. What comes
from there is not trusted: a function may have got at that process.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import stat
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lambent.sandbox.interface import SandboxExit

RUNTIME = "runtime"

_LENGTH = struct.Struct("<I")
_READ_BYTES = 65536
_DESCRIPTORS_MAX = 16
_MESSAGE_BYTES_MAX = 64 * 1024


class Watcher(Protocol):
    """What hears of the processes in one sandbox."""

    def on_started(self, name: str, frames: socket.socket | None, pipe: int | None) -> None:
        """`frames`: of a runtime that speaks them, its socket; `pipe`: of any other program, its
        standard output and error. Both are non-blocking and the watcher's.
        """
        ...

    def on_not_started(self, name: str, error: Mapping[str, str]) -> None:
        """`error`: {"errorType", "errorMessage"}."""
        ...

    def on_process_exited(self, name: str, end: SandboxExit) -> None: ...

    def on_supervisor_lost(self) -> None:
        """It closed its channel, or broke the protocol; nothing more will come."""
        ...


class Supervisor:
    """One sandbox's, from its bind to `close`; the socket stays the sandbox's."""

    def __init__(
        self, channel: socket.socket, watcher: Watcher, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._channel = channel
        self._watcher = watcher
        self._loop = loop
        self._heard = b""
        self._unsent = b""
        self._carried: list[int] = []
        self._connecting: dict[int, asyncio.Future[socket.socket]] = {}
        self._identities = itertools.count(1)
        self._open = True
        loop.add_reader(channel.fileno(), self._on_readable)

    def start_runtime(self) -> None:
        """Start what the sandbox was bound to."""
        self._order({"start": RUNTIME})

    def start(self, name: str, commands: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one program beside the runtime; `name` is unique among the living."""
        self._order({"start": name, "commands": [commands], "environment": dict(environment)})

    def signal(self, name: str, number: int) -> None:
        """To the process of that name and all of its group; nothing where it ended."""
        self._order({"signal": name, "number": number})

    async def connect(self, port: int) -> socket.socket:
        """A connection to a port of the sandbox's own loopback. Raises ConnectionError."""
        identity = next(self._identities)
        answer: asyncio.Future[socket.socket] = self._loop.create_future()
        self._connecting[identity] = answer
        self._order({"connect": identity, "port": port})
        if not self._open:
            raise ConnectionResetError("the sandbox is gone")
        return await answer

    def close(self) -> None:
        """Hear nothing more; idempotent."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._channel.fileno())
        self._loop.remove_writer(self._channel.fileno())
        for descriptor in self._carried:
            os.close(descriptor)
        self._carried.clear()
        waiting, self._connecting = self._connecting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the sandbox is gone"))
                answer.exception()  # heard, even where nobody waits any more

    def _order(self, message: Mapping[str, Any]) -> None:
        if not self._open:
            return
        encoded = json.dumps(message).encode()
        self._unsent += _LENGTH.pack(len(encoded)) + encoded
        self._flush()

    def _flush(self) -> None:
        try:
            sent = self._channel.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose()
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._channel.fileno(), self._flush)
        else:
            self._loop.remove_writer(self._channel.fileno())

    def _on_readable(self) -> None:
        try:
            data, carried, _, _ = socket.recv_fds(self._channel, _READ_BYTES, _DESCRIPTORS_MAX)
        except BlockingIOError:
            return
        except OSError:
            data, carried = b"", []
        self._carried += carried
        self._heard += data
        if not data or len(self._carried) > _DESCRIPTORS_MAX:
            self._lose()
            return
        while self._open and len(self._heard) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._heard)
            if length > _MESSAGE_BYTES_MAX:
                self._lose()
                return
            end = _LENGTH.size + length
            if len(self._heard) < end:
                return
            body, self._heard = self._heard[_LENGTH.size : end], self._heard[end:]
            try:
                self._hear(json.loads(body))
            except (ValueError, KeyError, TypeError, AttributeError):
                self._lose()

    def _hear(self, message: Mapping[str, Any]) -> None:
        if "started" in message:
            pipe = self._take_pipe() if "output" in message else None
            frames = self._take_socket() if self._carried and pipe is None else None
            self._watcher.on_started(str(message["started"]), frames, pipe)
        elif "failed" in message:
            error = message["error"]
            told = {name: str(error[name]) for name in ("errorType", "errorMessage")}
            self._watcher.on_not_started(str(message["failed"]), told)
        elif "exited" in message:
            self._watcher.on_process_exited(str(message["exited"]), _end(int(message["status"])))
        elif "connected" in message:
            connection = self._take_socket()
            answer = self._connecting.pop(message["connected"], None)
            if answer is None or answer.done():
                connection.close()
            else:
                answer.set_result(connection)
        else:
            answer = self._connecting.pop(message["refused"], None)
            if answer is not None and not answer.done():
                answer.set_exception(ConnectionRefusedError(str(message["error"])))

    def _take_socket(self) -> socket.socket:
        """Raises ValueError where none came along."""
        if not self._carried:
            raise ValueError("a message without its descriptor")
        descriptor = self._carried.pop(0)
        try:
            taken = socket.socket(fileno=descriptor)
        except OSError as error:
            os.close(descriptor)
            raise ValueError("a message with another descriptor than a socket's") from error
        taken.setblocking(False)
        return taken

    def _take_pipe(self) -> int:
        """Raises ValueError where none came along."""
        if not self._carried or not stat.S_ISFIFO(os.fstat(self._carried[0]).st_mode):
            raise ValueError("a message without its pipe")
        pipe = self._carried.pop(0)
        os.set_blocking(pipe, False)
        return pipe

    def _lose(self) -> None:
        self.close()
        self._watcher.on_supervisor_lost()


def _end(status: int) -> SandboxExit:
    """From a status of waitpid(2)."""
    if os.WIFSIGNALED(status):
        return SandboxExit(code=None, signal=os.WTERMSIG(status))
    return SandboxExit(code=os.WEXITSTATUS(status), signal=None)
