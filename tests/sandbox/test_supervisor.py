"""Several processes in one sandbox: started, watched, signalled and reached by the server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from lambent.environment.supervisor import Supervisor
from lambent.sandbox.interface import SandboxExit, SandboxSpec
from tests.sandbox.sandboxes import ANSWER_TIMEOUT_S
from tests.sandbox.test_starter import SHELL, make_backend

RUNTIME = "#!/bin/sh\nprintf ready >&3\nread line <&3\nexit 7\n"
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class News:
    """A watcher that keeps what it hears, in order."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, str, Any]] = asyncio.Queue()
        self.pipes: list[int] = []

    def on_started(self, name: str, frames: socket.socket | None, pipe: int | None) -> None:
        if pipe is not None:
            self.pipes.append(pipe)
        self.heard.put_nowait(("started", name, frames))

    def on_not_started(self, name: str, error: Mapping[str, str]) -> None:
        self.heard.put_nowait(("failed", name, error))

    def on_process_exited(self, name: str, end: SandboxExit) -> None:
        self.heard.put_nowait(("exited", name, end))

    def on_supervisor_lost(self) -> None:
        self.heard.put_nowait(("lost", "", None))

    async def next(self) -> tuple[str, str, Any]:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await self.heard.get()


def supervised(scenario: Callable[[Supervisor, News], Awaitable[None]], **files: str) -> None:
    """Run `scenario` with the supervisor of a sandbox whose /var/task holds `files`."""

    async def play() -> None:
        folder = Path(tempfile.mkdtemp(prefix="lambent-test-"))
        task = folder / "code" / "task"
        task.mkdir(parents=True)
        folder.chmod(0o755)
        for name, text in {"bootstrap": RUNTIME, **files}.items():
            (task / name).write_text(text)
            (task / name).chmod(0o755)
        backend = make_backend(folder)
        try:
            await backend.start()
            sandbox = await backend.launch(SHELL)
            program = {
                "commands": [["/var/task/bootstrap"]],
                "environment": ENVIRONMENT,
                "link": "frames",
                "supervised": True,
            }
            await sandbox.bind(
                SandboxSpec(
                    task_dir=task,
                    opt_dir=None,
                    tmp_mib=16,
                    memory_mib=128,
                    vcpus=1.0,
                    processes_max=64,
                    hostname="lambda",
                    program=json.dumps(program).encode(),
                )
            )
            news = News()
            supervisor = Supervisor(sandbox.channel, news, asyncio.get_running_loop())
            await scenario(supervisor, news)
            supervisor.close()
            for pipe in news.pipes:
                os.close(pipe)
        finally:
            await backend.stop()
            shutil.rmtree(folder)

    asyncio.run(play())


def test_the_runtime_has_its_frames_and_its_end_is_told() -> None:
    async def scenario(supervisor: Supervisor, news: News) -> None:
        supervisor.start_runtime()
        what, name, frames = await news.next()
        assert (what, name) == ("started", "runtime")
        loop = asyncio.get_running_loop()
        assert await loop.sock_recv(frames, 100) == b"ready"
        await loop.sock_sendall(frames, b"go\n")
        frames.close()
        assert await news.next() == ("exited", "runtime", SandboxExit(code=7, signal=None))

    supervised(scenario)


def test_an_extension_that_cannot_be_started_is_told_with_its_reason() -> None:
    async def scenario(supervisor: Supervisor, news: News) -> None:
        supervisor.start("lost", ["/opt/extensions/lost"], ENVIRONMENT)
        what, name, error = await news.next()
        assert (what, name) == ("failed", "lost")
        assert "/opt/extensions/lost" in error["errorMessage"]
        assert await news.next() == ("exited", "lost", SandboxExit(code=1, signal=None))

    supervised(scenario)


def test_a_signal_reaches_a_process_with_all_its_children() -> None:
    async def scenario(supervisor: Supervisor, news: News) -> None:
        supervisor.start("agent", ["/var/task/agent"], ENVIRONMENT)
        assert (await news.next())[:2] == ("started", "agent")
        supervisor.signal("agent", signal.SIGKILL)
        killed = SandboxExit(code=None, signal=signal.SIGKILL)
        assert await news.next() == ("exited", "agent", killed)

    supervised(scenario, agent="#!/bin/sh\nsleep 1000 &\nwait\n")


def test_a_port_inside_is_reached_from_outside_and_a_closed_one_is_refused() -> None:
    serve = (
        "#!/usr/bin/perl\nuse IO::Socket::INET;\n"
        "my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 8080, Listen => 1);\n"
        "mkdir '/tmp/ready';\nmy $c = $s->accept; print $c 'from inside'; close $c; sleep 100;\n"
    )

    async def scenario(supervisor: Supervisor, news: News) -> None:
        try:
            await supervisor.connect(9)
            raise AssertionError("port 9 answered")
        except ConnectionRefusedError:
            pass
        supervisor.start("server", ["/var/task/server"], ENVIRONMENT)
        assert (await news.next())[:2] == ("started", "server")
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while True:
                try:
                    connection = await supervisor.connect(8080)
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0)  # it is not listening yet
        assert await asyncio.get_running_loop().sock_recv(connection, 100) == b"from inside"
        connection.close()

    supervised(scenario, server=serve)
