"""What comes out of a sandbox's first process is not trusted."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Mapping

import pytest

from lambent.environment.supervisor import Supervisor
from lambent.sandbox.interface import SandboxExit


class Watcher:
    """Hears of the end alone."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def on_started(self, name: str, frames: socket.socket | None, pipe: int | None) -> None:
        raise AssertionError("nothing was started")

    def on_not_started(self, name: str, error: Mapping[str, str]) -> None:
        raise AssertionError("nothing was started")

    def on_process_exited(self, name: str, end: SandboxExit) -> None:
        raise AssertionError("nothing was started")

    def on_supervisor_lost(self) -> None:
        self.lost.set()


def test_a_descriptor_that_is_no_socket_ends_the_talk_and_stays_with_nobody() -> None:
    async def scene() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        read_end, write_end = os.pipe()
        watcher = Watcher()
        supervisor = Supervisor(ours, watcher, asyncio.get_running_loop())
        message = json.dumps({"connected": 1}).encode()
        with ours, theirs:
            connecting = asyncio.ensure_future(supervisor.connect(5678))
            await asyncio.sleep(0)
            socket.send_fds(theirs, [struct.pack("<I", len(message)) + message], [write_end])
            os.close(write_end)
            await watcher.lost.wait()
            with pytest.raises(ConnectionError):
                await connecting
            assert os.read(read_end, 1) == b""  # the other end is closed, here as well
        os.close(read_end)

    asyncio.run(scene())
