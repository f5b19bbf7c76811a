"""The server's side of one template: asks it for forks, hears of their births and ends.

What speaks here is the function's own process, after its code has run. So nothing it says is
believed but what the kernel says of the sender; what no template of ours would say ends it, and
with it all its forks. Messages are described in guest/template.py.
"""

from __future__ import annotations

import array
import asyncio
import json
import os
import select
import signal
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

from .namespace_sandbox import NamespaceSandbox
from .zygote_process import Spawned, ZygoteFailed

_MESSAGE_BYTES_MAX = 4096
_DESCRIPTORS_MAX = 16
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_SPACE = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(4 * _DESCRIPTORS_MAX)
_ASKED_MAX = 8
"""Forks under way at once: it makes one after the other, and its socket holds so many requests."""
_STATUS_WAIT_S = 1.0
"""How long after the end of a fork its template may take to say how it ended."""


class _Fork:
    """One fork that was asked for."""

    def __init__(self, sandbox: Spawned, born: asyncio.Future[int]) -> None:
        self.sandbox = sandbox
        self.born = born
        self.asked = False
        self.pidfd = -1
        self.killed = False
        self.ended = False
        self.failure = ""


class TemplateLink:
    """From the moment its init is done to its end."""

    def __init__(self, template: NamespaceSandbox) -> None:
        self.sandbox = template
        self._loop = asyncio.get_running_loop()
        self._forks: dict[str, _Fork] = {}
        self._turns = asyncio.Semaphore(_ASKED_MAX)
        self.on_empty: Callable[[], None] = lambda: None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            ours.setblocking(False)
            self._control: socket.socket | None = ours
            socket.send_fds(template.channel, [b"\0"], [theirs.fileno()])
        self._loop.add_reader(ours.fileno(), self._on_message)

    @property
    def alive(self) -> bool:
        return self._control is not None

    @property
    def forks(self) -> int:
        return sum(not fork.ended for fork in self._forks.values())

    async def spawn(
        self,
        sandbox: Spawned,
        descriptors: list[int],
        *,
        cgroup: str,
        network: bool,
        park: bool,
    ) -> int:
        """The pid of a new fork, as the host sees it; takes over the `descriptors`.

        As of ZygoteProcess; `park` has no meaning here. Raises ZygoteFailed.
        """
        fork = self._forks[sandbox.sandbox_id] = _Fork(sandbox, self._loop.create_future())
        try:
            async with self._turns:
                self._ask(fork, descriptors, cgroup, network)
                return await fork.born
        except asyncio.CancelledError:
            if fork.asked:
                self.kill(sandbox.sandbox_id)
            else:
                self._forks.pop(sandbox.sandbox_id, None)
            raise
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _ask(self, fork: _Fork, descriptors: list[int], cgroup: str, network: bool) -> None:
        sandbox_id = fork.sandbox.sandbox_id
        if cgroup == "clone_into":  # only the privileged may be born there: it moves by itself
            group = descriptors.pop()
            descriptors.append(os.open("cgroup.procs", os.O_WRONLY, dir_fd=group))
            os.close(group)
        request = json.dumps({"launch": sandbox_id, "network": network}).encode()
        try:
            if self._control is None or fork.killed or fork.born.done():
                raise OSError("it has ended")
            socket.send_fds(self._control, [request], descriptors)
            fork.asked = True
        except OSError as error:
            self._forks.pop(sandbox_id, None)
            raise ZygoteFailed(f"the snapshot's process cannot be asked: {error}") from None
        while descriptors:
            os.close(descriptors.pop())

    def knows(self, sandbox_id: str) -> bool:
        """Whether `on_exited` of this sandbox is still to come."""
        fork = self._forks.get(sandbox_id)
        return fork is not None and not fork.ended

    def kill(self, sandbox_id: str) -> None:
        """SIGKILL to its first process, which ends them all; nothing when it ended already."""
        fork = self._forks.get(sandbox_id)
        if fork is not None:
            fork.killed = True
            _signal(fork, signal.SIGKILL)

    def terminate(self, sandbox_id: str) -> None:
        """SIGTERM to its first process; nothing when it ended already."""
        fork = self._forks.get(sandbox_id)
        if fork is not None:
            _signal(fork, signal.SIGTERM)

    def close(self) -> None:
        """Hear nothing more; the forks end with the template."""
        control, self._control = self._control, None
        if control is None:
            return
        self._loop.remove_reader(control.fileno())
        control.close()
        forks, self._forks = self._forks, {}
        for fork in forks.values():
            if fork.ended:
                continue
            self._forget(fork)
            if not fork.born.done():
                fork.born.set_exception(ZygoteFailed("the snapshot's process ended"))
                fork.born.exception()  # heard, even where nobody waits any more
            fork.sandbox.on_exited(signal.SIGKILL)

    def _on_message(self) -> None:
        while self._control is not None:
            try:
                data, ancillary, _, _ = self._control.recvmsg(
                    _MESSAGE_BYTES_MAX, _SPACE, socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except OSError:
                data, ancillary = b"", []
            if not data:
                self._end()
                return
            pid, descriptors = _split(ancillary)
            try:
                self._handle(json.loads(data), pid, descriptors)
            except (ValueError, KeyError, TypeError, AttributeError, OSError):
                self._distrust()
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def _handle(self, message: Mapping[str, Any], pid: int, descriptors: list[int]) -> None:
        """Takes what it uses out of `descriptors`. Whatever it raises ends the template."""
        match message:
            case {"warmed": str(sandbox_id)}:
                fork = self._forks[sandbox_id]
                if fork.born.done() or pid == self.sandbox.pid:
                    raise ValueError("it was born already")
                self._born(fork, pid)
                given, descriptors[:] = descriptors[:], []
                fork.sandbox.on_warmed(given)
            case {"exited": str(sandbox_id), "status": int(status)}:
                fork = self._forks[sandbox_id]
                if fork.pidfd >= 0 and not _has_ended(fork.pidfd):
                    raise ValueError("it lives")
                self._exited(sandbox_id, status)
            case {"failed": str(sandbox_id), "error": str(error)}:
                fork = self._forks[sandbox_id]
                fork.failure = error
                fork.sandbox.on_failed(fork.failure)
            case {"refused": str(sandbox_id), "error": str(error)}:
                fork = self._forks[sandbox_id]
                if fork.pidfd >= 0:
                    raise ValueError("it lives")
                fork.failure = error
                self._exited(sandbox_id, signal.SIGKILL)
            case _:
                raise ValueError("no message of a template")

    def _born(self, fork: _Fork, pid: int) -> None:
        fork.pidfd = os.pidfd_open(pid)
        # Between the message and now the pid may have passed to another process, if to few.
        if os.geteuid() == 0 and os.stat(f"/proc/{pid}").st_uid != self.sandbox.uid:
            raise ValueError("no process of the template's")
        self._loop.add_reader(fork.pidfd, self._on_end, fork)
        if not fork.born.done():
            fork.born.set_result(pid)
        if fork.killed:
            self.kill(fork.sandbox.sandbox_id)

    def _on_end(self, fork: _Fork) -> None:
        """The process is gone; how, its template is about to say."""
        self._loop.remove_reader(fork.pidfd)
        sandbox_id = fork.sandbox.sandbox_id
        if fork.killed:
            self._loop.call_soon(self._presume, fork, sandbox_id)
        else:
            self._loop.call_later(_STATUS_WAIT_S, self._presume, fork, sandbox_id)

    def _presume(self, fork: _Fork, sandbox_id: str) -> None:
        if self._forks.get(sandbox_id) is fork and fork.pidfd >= 0:
            self._forget(fork)
            fork.sandbox.on_exited(signal.SIGKILL)
            if not self.forks:
                self.on_empty()

    def _exited(self, sandbox_id: str, status: int) -> None:
        fork = self._forks.pop(sandbox_id)
        if fork.ended:
            return  # it was presumed already
        self._forget(fork)
        if not fork.born.done():
            fork.born.set_exception(ZygoteFailed(f"no fork of the snapshot: {fork.failure}"))
            fork.born.exception()
        fork.sandbox.on_exited(status)
        if not self.forks:
            self.on_empty()

    def _forget(self, fork: _Fork) -> None:
        fork.ended = True
        if fork.pidfd >= 0:
            self._loop.remove_reader(fork.pidfd)
            os.close(fork.pidfd)
            fork.pidfd = -1

    def _distrust(self) -> None:
        self.sandbox.kill()
        self.close()

    def _end(self) -> None:
        self._distrust()


def _split(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, list[int]]:
    """Pid of the sender and the descriptors that came along."""
    pid, descriptors = 0, array.array("i")
    for level, kind, payload in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) // 4 * 4])
        elif kind == socket.SCM_CREDENTIALS:
            pid = _CREDENTIALS.unpack(payload[: _CREDENTIALS.size])[0]
    return pid, list(descriptors)


def _has_ended(pidfd: int) -> bool:
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    return bool(waiting.poll(0))


def _signal(fork: _Fork, number: int) -> None:
    if fork.pidfd >= 0:
        try:
            signal.pidfd_send_signal(fork.pidfd, number)
        except ProcessLookupError:
            pass
