"""Network without root: one slirp4netns for each sandbox, which configures the interface itself.

It translates between the namespace and ordinary sockets of ours (2.5 ms, 0.4 MB each). It ends by
itself when our end of its exit pipe closes, so a server that was killed leaves none behind.
"""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, Process

from .interface import IsolationItem
from .network import GuestInterface

_READY_TIMEOUT_S = 5.0
_STOP_TIMEOUT_S = 2.0
_STARTING_MAX = 16
"""How many may be on their way up at once."""


class SlirpNetwork:
    """Outbound network by slirp4netns."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._running: dict[str, tuple[Process, int]] = {}
        self._starting = asyncio.Semaphore(_STARTING_MAX)

    async def start(self) -> None:
        return

    async def attach(self, sandbox_id: str, pid: int) -> GuestInterface | None:
        """Gives None, as the program configures `tap0`. Raises OSError, TimeoutError."""
        async with self._starting:
            ready_read, ready_write = os.pipe()
            exit_read, exit_write = os.pipe()
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command(pid, ready_write, exit_read),
                    stdin=DEVNULL,
                    stdout=DEVNULL,
                    stderr=DEVNULL,
                    pass_fds=(ready_write, exit_read),
                )
            except OSError:
                os.close(ready_read)
                os.close(exit_write)
                raise
            finally:
                os.close(ready_write)
                os.close(exit_read)
            self._running[sandbox_id] = (process, exit_write)
            try:
                await _wait_ready(ready_read)
            except BaseException:
                await self.detach(sandbox_id)
                raise
        return None

    async def detach(self, sandbox_id: str) -> None:
        process, exit_write = self._running.pop(sandbox_id, (None, -1))
        if process is None:
            return
        os.close(exit_write)
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def stop(self) -> None:
        async with asyncio.TaskGroup() as group:
            for sandbox_id in tuple(self._running):
                group.create_task(self.detach(sandbox_id))

    def report_items(self) -> tuple[IsolationItem, ...]:
        return (
            IsolationItem(
                name="network",
                enforced=True,
                how=f"{self._program}: IPv4 outbound, no way to other sandboxes or to 127.0.0.1",
            ),
            IsolationItem(
                name="host addresses",
                enforced=False,
                how="functions reach what this host serves on its outer addresses, and instance "
                "metadata (169.254.169.254), as any program of this user does",
                hint="run as root",
            ),
        )

    def resolv_conf(self) -> str:
        return "nameserver 10.0.2.3\n"  # slirp's own, which asks as the host does

    def _command(self, pid: int, ready_fd: int, exit_fd: int) -> list[str]:
        return [
            self._program,
            "--configure",
            "--mtu=65520",
            "--disable-host-loopback",
            f"--userns-path=/proc/{pid}/ns/user",
            "--netns-type=pid",
            f"--ready-fd={ready_fd}",
            f"--exit-fd={exit_fd}",
            str(pid),
            "tap0",
        ]


async def _wait_ready(fd: int) -> None:
    """Until slirp4netns writes its byte; raises OSError when it ended instead. Closes `fd`."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            await readable.wait()
        if not os.read(fd, 1):
            raise OSError("slirp4netns ended before the network was up")
    finally:
        loop.remove_reader(fd)
        os.close(fd)
