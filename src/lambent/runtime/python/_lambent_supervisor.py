"""The first process of a sandbox that holds several: starts, watches and signals the others.

A runtime with external extensions is several processes. This one does as the server says, over the
sandbox's channel (AF_UNIX stream); each message is a u32 length, little-endian, and JSON:

    server → here   {"start": name, "commands": [[…], …], "environment": {…}, "link": …}
                    {"start": "runtime"}: what the sandbox was bound to
                    {"signal": name, "number": n}: to the process group of that name
                    {"connect": id, "port": n}: to a port of this sandbox's own loopback
    here → server   {"started": name, "pid": n}; of a runtime that speaks frames with its socket,
                    of other programs with "output" and the pipe of their standard output
                    {"failed": name, "error": {…}}: it could not be started
                    {"exited": name, "status": n}, as of waitpid(2)
                    {"connected": id} with the socket; {"refused": id, "error": text}

It ends, and with it all others, when the server closes the channel.
Standard library only; runs on Python 3.8 and newer; nothing is imported once the jail is shut.
"""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
import struct
from typing import Any, Callable, Dict, List, NoReturn, Optional, Union

# Top-level inside a sandbox.
import _lambent_exec  # type: ignore[import-not-found]

RUNTIME = "runtime"

_LENGTH = struct.Struct("<I")
_READ_BYTES = 65536
_CONNECT_TIMEOUT_S = 1.0
_ERROR_BYTES_MAX = 4096

RunRuntime = Callable[[socket.socket], NoReturn]


def supervise(
    channel: socket.socket, runtime: Dict[str, Any], run: Optional[RunRuntime] = None
) -> NoReturn:
    """Serve until the server is gone.

    `runtime`: how the runtime is started ({"commands", "environment", "link"}); with `run` it is
    that function instead, in a process of its own, given its end of the frames' socket.
    """
    try:
        Supervisor(channel, runtime, run).serve()
    finally:
        os._exit(0)


class Supervisor:
    """Orders in, children out; blocks nowhere but in `poll` and while it tells the server."""

    def __init__(
        self, channel: socket.socket, runtime: Dict[str, Any], run: Optional[RunRuntime]
    ) -> None:
        channel.setblocking(True)
        channel.set_inheritable(False)
        self._channel = channel
        self._runtime = runtime
        self._run = run
        self._pids: Dict[str, int] = {}
        self._names: Dict[int, str] = {}
        self._heard = b""
        self._woken, self._waking = socket.socketpair()
        self._woken.setblocking(False)
        self._waking.setblocking(False)
        signal.signal(signal.SIGCHLD, _ignore)
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._woken.fileno():
                    self._reap()
                elif not self._listen():
                    return

    def _listen(self) -> bool:
        """Do what came; False when the server is gone."""
        data = self._channel.recv(_READ_BYTES)
        if not data:
            return False
        self._heard += data
        while len(self._heard) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._heard)
            end = _LENGTH.size + length
            if len(self._heard) < end:
                break
            order = json.loads(self._heard[_LENGTH.size : end])
            self._heard = self._heard[end:]
            if "start" in order:
                self._start(order["start"], order)
            elif "signal" in order:
                self._signal(order["signal"], order["number"])
            else:
                self._connect(order["connect"], order["port"])
        return True

    def _start(self, name: str, order: Dict[str, Any]) -> None:
        settings = self._runtime if name == RUNTIME else order
        run = self._run if name == RUNTIME else None
        ours = theirs = None
        if settings.get("link") == "frames":
            ours, theirs = socket.socketpair()
        output = None if name == RUNTIME else os.pipe()
        told, telling = os.pipe()
        pid = os.fork()
        if pid == 0:
            if output is not None:
                os.dup2(output[1], 1)
                os.dup2(output[1], 2)
            self._become(settings, run, theirs, telling)
        self._pids[name] = pid
        self._names[pid] = name
        os.close(telling)
        error = _read_to_end(told)
        if theirs is not None:
            theirs.close()
        if error:
            self._tell({"failed": name, "error": json.loads(error)})
        elif output is not None:
            self._tell({"started": name, "pid": pid, "output": True}, output[0])
        else:
            self._tell({"started": name, "pid": pid}, ours)
        if output is not None:
            os.close(output[0])
            os.close(output[1])
        if ours is not None:
            ours.close()

    def _become(
        self,
        settings: Dict[str, Any],
        run: Optional[RunRuntime],
        frames: Optional[socket.socket],
        telling: int,
    ) -> NoReturn:
        """In the child: the program, with nothing of this process but its standard streams."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            self._woken.close()
            self._waking.close()
            self._channel.close()
            if run is not None:
                assert frames is not None
                os.close(telling)
                run(frames)
            if frames is not None:
                os.dup2(frames.fileno(), _lambent_exec.CHANNEL_FD)
            _lambent_exec.become(settings)
        except OSError as error:
            os.write(telling, json.dumps(_lambent_exec.describe(settings, error)).encode())
        finally:
            os._exit(1)

    def _signal(self, name: str, number: int) -> None:
        pid = self._pids.get(name)
        if pid is not None:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                pass  # its end is about to be told

    def _connect(self, identity: int, port: int) -> None:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(_CONNECT_TIMEOUT_S)
        try:
            connection.connect(("127.0.0.1", port))
            connection.setblocking(False)
            self._tell({"connected": identity}, connection)
        except OSError as error:
            self._tell({"refused": identity, "error": str(error)})
        finally:
            connection.close()

    def _reap(self) -> None:
        try:
            while self._woken.recv(4096):
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self._names.pop(pid, None)  # else an orphan that came to us
            if name is not None:
                del self._pids[name]
                self._tell({"exited": name, "status": status})

    def _tell(
        self, message: Dict[str, Any], carried: Union[socket.socket, int, None] = None
    ) -> None:
        encoded = json.dumps(message).encode()
        rights: List[Any] = []
        if carried is not None:
            descriptor = carried if isinstance(carried, int) else carried.fileno()
            descriptors = array.array("i", [descriptor])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
        data = _LENGTH.pack(len(encoded)) + encoded
        sent = self._channel.sendmsg([data], rights)
        if sent < len(data):
            self._channel.sendall(data[sent:])


def _read_to_end(descriptor: int) -> bytes:
    """What a child said before its exec closed the pipe."""
    data = b""
    while len(data) < _ERROR_BYTES_MAX:
        part = os.read(descriptor, _ERROR_BYTES_MAX)
        if not part:
            break
        data += part
    os.close(descriptor)
    return data


def _ignore(number: int, frame: object) -> None:
    """SIGCHLD needs a handler to reach the wakeup descriptor."""
