"""The server's side of one zygote: starts it, asks it for sandboxes, hears of their ends.

Loop-bound and without tasks: descriptors wake it. Messages are described in guest/zygote.py.
"""

from __future__ import annotations

import asyncio
import collections
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from lambent.domain.interpreter import Interpreter

_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 5.0
_STDERR_BYTES_MAX = 8192
_MESSAGE_BYTES_MAX = 65536
_DESCRIPTORS_MAX = 16
_RUN_LAUNCHER = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from guest.launcher import main; main(sys.argv[2:])"
)


class ZygoteFailed(OSError):
    """A zygote could not start, or died; the text says what it wrote to standard error."""


class Spawned(Protocol):
    """What hears of one sandbox of a zygote."""

    sandbox_id: str

    def on_warmed(self, listeners: list[int]) -> None: ...

    def on_tmp(self, descriptor: int) -> None:
        """Its /tmp, which lives as long as this, which is the listener's."""
        ...

    def on_failed(self, error: str) -> None: ...

    def on_exited(self, status: int) -> None:
        """`status` is as of waitpid(2)."""
        ...


def launcher_command(*arguments: str) -> list[str]:
    """How to run guest/launcher.py with the server's own interpreter."""
    return [sys.executable, "-I", "-S", "-c", _RUN_LAUNCHER, str(Path(__file__).parent), *arguments]


class ZygoteProcess:
    """One zygote, from start to end; not started again."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.facts: Mapping[str, Any] = {}
        """What the zygote said of itself when it was ready."""
        self.pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._pidfd = -1
        self._stderr_fd = -1
        self._stderr = b""
        self._loop: asyncio.AbstractEventLoop
        self._ready: asyncio.Future[None]
        self._ended: asyncio.Future[None]
        self._spawning: dict[str, asyncio.Future[int]] = {}
        self._spawned: dict[str, Spawned] = {}
        self._unsent: collections.deque[tuple[bytes, list[int]]] = collections.deque()

    @property
    def alive(self) -> bool:
        return self._control is not None

    async def start(self, plan: Mapping[str, object], config: Mapping[str, object]) -> None:
        """Until it can fork. Raises ZygoteFailed with what it wrote to standard error."""
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._ended = self._loop.create_future()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stderr_fd, stderr = os.pipe()
        os.set_blocking(self._stderr_fd, False)
        try:
            # Blocks until the exec, 1–2 ms (asyncio's own does too, and reaps in a race with our
            # pidfd); a session of its own keeps the terminal's Ctrl-C from it.
            self._process = subprocess.Popen(  # noqa: ASYNC220
                launcher_command(str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                pass_fds=[theirs.fileno()],
                env={},
                cwd="/",
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(stderr)
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        ours.setblocking(False)
        self._control = ours
        self._loop.add_reader(self._pidfd, self._on_end)
        self._loop.add_reader(self._stderr_fd, self._on_stderr)
        self._loop.add_reader(ours.fileno(), self._on_message)
        self._send(plan)
        self._send(config)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await asyncio.shield(self._ready)
        except TimeoutError:
            await self.stop()
            raise ZygoteFailed(self._describe("did not become ready")) from None
        except BaseException:
            await self.stop()
            raise

    async def spawn(
        self,
        sandbox: Spawned,
        descriptors: list[int],
        *,
        cgroup: str,
        network: bool,
        park: bool,
    ) -> int:
        """The pid of a new sandbox, as the host sees it; takes over the `descriptors`.

        Raises ZygoteFailed.
        """
        if self._control is None:
            for descriptor in descriptors:
                os.close(descriptor)
            raise ZygoteFailed(self._describe("is gone"))
        answer: asyncio.Future[int] = self._loop.create_future()
        self._spawning[sandbox.sandbox_id] = answer
        self._spawned[sandbox.sandbox_id] = sandbox
        request = {
            "launch": sandbox.sandbox_id,
            "cgroup": cgroup,
            "network": network,
            "park": park,
        }
        self._send(request, descriptors)
        try:
            return await answer
        except asyncio.CancelledError:
            self.kill(sandbox.sandbox_id)
            raise

    def knows(self, sandbox_id: str) -> bool:
        """Whether `on_exited` of this sandbox is still to come."""
        return sandbox_id in self._spawned

    def kill(self, sandbox_id: str) -> None:
        """SIGKILL to its first process, which ends them all; nothing when it ended already."""
        if self._control is not None and sandbox_id in self._spawned:
            self._send({"kill": sandbox_id})

    def terminate(self, sandbox_id: str) -> None:
        """SIGTERM to its first process; nothing when it ended already."""
        if self._control is not None and sandbox_id in self._spawned:
            self._send({"terminate": sandbox_id})

    async def stop(self) -> None:
        """End it and, by their parent-death signal, all its sandboxes."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await asyncio.shield(self._ended)

    def _send(self, message: Mapping[str, object], descriptors: list[int] | None = None) -> None:
        """In order; while the zygote is slow, messages wait here (bounded by its sandboxes)."""
        self._unsent.append((json.dumps(message).encode(), descriptors or []))
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        control = self._control
        if control is None:
            return
        while self._unsent:
            data, descriptors = self._unsent[0]
            try:
                socket.send_fds(control, [data], descriptors)
            except BlockingIOError:
                self._loop.add_writer(control.fileno(), self._flush)
                return
            except OSError:  # it died: _on_end says so
                return
            for descriptor in descriptors:
                os.close(descriptor)
            self._unsent.popleft()
        self._loop.remove_writer(control.fileno())

    def _on_message(self) -> None:
        while self._control is not None:
            try:
                data, descriptors, _, _ = socket.recv_fds(
                    self._control, _MESSAGE_BYTES_MAX, _DESCRIPTORS_MAX
                )
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:  # its end of life comes by the pidfd
                self._loop.remove_reader(self._control.fileno())
                return
            self._handle(json.loads(data), descriptors)

    def _handle(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        match message:
            case {"warmed": sandbox_id}:
                if (sandbox := self._spawned.get(sandbox_id)) is not None:
                    sandbox.on_warmed(descriptors)
                else:
                    for descriptor in descriptors:
                        os.close(descriptor)
            case {"tmp": sandbox_id}:
                if (sandbox := self._spawned.get(sandbox_id)) is not None:
                    sandbox.on_tmp(*descriptors)
                else:
                    for descriptor in descriptors:
                        os.close(descriptor)
            case {"spawned": sandbox_id, "pid": pid}:
                answer = self._spawning.pop(sandbox_id)
                if not answer.done():
                    answer.set_result(pid)
            case {"exited": sandbox_id, "status": status}:
                self._spawned.pop(sandbox_id).on_exited(status)
            case {"failed": sandbox_id, "error": error}:
                if (sandbox := self._spawned.get(sandbox_id)) is not None:
                    sandbox.on_failed(error)
            case {"refused": sandbox_id, "error": error}:
                del self._spawned[sandbox_id]
                answer = self._spawning.pop(sandbox_id)
                if not answer.done():
                    answer.set_exception(ZygoteFailed(self._describe(f"cannot fork: {error}")))
            case {"ready": facts}:
                self.facts = facts
                if not self._ready.done():
                    self._ready.set_result(None)

    def _on_stderr(self) -> None:
        try:
            data = os.read(self._stderr_fd, _STDERR_BYTES_MAX)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._stderr_fd)
        self._stderr = (self._stderr + data)[-_STDERR_BYTES_MAX:]

    def _on_end(self) -> None:
        """The process is gone: with it all its sandboxes."""
        assert self._process is not None
        assert self._control is not None
        code = self._process.wait()
        self._on_message()  # what it still said
        self._on_stderr()
        for descriptor in (self._pidfd, self._stderr_fd, self._control.fileno()):
            self._loop.remove_reader(descriptor)
        self._loop.remove_writer(self._control.fileno())
        os.close(self._pidfd)
        os.close(self._stderr_fd)
        self._control.close()
        self._control = None
        for _, descriptors in self._unsent:
            for descriptor in descriptors:
                os.close(descriptor)
        self._unsent.clear()
        failure = ZygoteFailed(self._describe(f"ended with {code}"))
        answers: list[asyncio.Future[Any]] = [self._ready, *self._spawning.values()]
        for answer in answers:
            if not answer.done():
                answer.set_exception(failure)
                answer.exception()  # heard, even where nobody waits any more
        self._spawning.clear()
        orphans, self._spawned = self._spawned, {}
        for sandbox in orphans.values():
            sandbox.on_exited(9)
        self._ended.set_result(None)

    def _describe(self, what: str) -> str:
        text = self._stderr.decode(errors="replace").strip()
        name = f"zygote of {self.interpreter.runtime} ({self.interpreter.executable}) {what}"
        return f"{name}: {text}" if text else name
