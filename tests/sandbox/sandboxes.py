"""A backend of one's own, and what tests ask of its sandboxes.

Tests bind sandboxes to Python source that leaves its answer in `result` (see guest_program).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from lambent.domain.interpreter import Interpreter
from lambent.sandbox.cgroups import CgroupBackend, CgroupsUnavailable, detect_cgroups
from lambent.sandbox.interface import GuestProgram, SandboxSpec
from lambent.sandbox.namespace_sandbox import NamespaceSandbox
from lambent.sandbox.namespaces import NamespaceBackend
from lambent.sandbox.network import make_network

GUEST_PROGRAM = Path(__file__).parent / "guest_program"
ANSWER_TIMEOUT_S = 60.0
PORT = 4566


def own_interpreter() -> Interpreter:
    """The one that runs the tests."""
    return Interpreter(
        runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        version="",
        executable=Path(os.path.realpath(sys.executable)),
        prefix=Path(sys.base_prefix),
    )


class Bench:
    """A started backend, one folder of code, and every listening socket that came."""

    def __init__(self, folder: Path, program_dir: Path, cgroups: bool) -> None:
        self.code_root = folder / "code"
        self.task_dir = self.code_root / "task"
        self.task_dir.mkdir(parents=True)
        folder.chmod(0o755)
        (self.task_dir / "app.py").write_text("answer = 42\n")
        self.listeners: dict[str, socket.socket] = {}
        self.interpreter = own_interpreter()
        none = CgroupsUnavailable("not wanted here", "")
        groups: CgroupBackend | CgroupsUnavailable = detect_cgroups() if cgroups else none
        self.backend = NamespaceBackend(
            code_root=self.code_root,
            programs=lambda interpreter: GuestProgram(python=interpreter, folder=program_dir),
            inside_ports=(PORT,),
            on_listener=self._keep,
            cgroups=groups,
            network=make_network("none", as_root=os.geteuid() == 0),
        )

    def _keep(self, sandbox_id: str, port: int, listener: socket.socket) -> None:
        assert port == PORT
        self.listeners[sandbox_id] = listener

    def spec(self, source: str, **changes: Any) -> SandboxSpec:
        values: dict[str, Any] = {
            "task_dir": self.task_dir,
            "opt_dir": None,
            "tmp_mib": 64,
            "memory_mib": 256,
            "vcpus": 1.0,
            "processes_max": 64,
            "hostname": "sandbox-host",
            "program": source.encode(),
        }
        return SandboxSpec(**{**values, **changes})

    async def launch(self, source: str, **changes: Any) -> NamespaceSandbox:
        sandbox = await self.backend.launch(self.interpreter)
        await sandbox.bind(self.spec(source, **changes))
        return sandbox

    async def run(self, source: str, **changes: Any) -> Any:
        """The `result` of `source`; its exception is an AssertionError here."""
        sandbox = await self.launch(source, **changes)
        try:
            return await answer(sandbox)
        finally:
            await sandbox.close()


def make_root(store: Path, name: str = "image") -> Path:
    """What composing an image makes."""
    root = store / "roots" / name
    for folder in ("dev", "etc", "mnt", "proc", "tmp", "app"):
        (root / folder).mkdir(parents=True)
    for path in ("etc/hosts", "etc/resolv.conf"):
        (root / path).touch()
    (root / "app/file").write_text(name)
    (root / "app/file").chmod(0o644)
    (root / "app/secret").write_text("root's own")
    (root / "app/secret").chmod(0o600)
    return root


async def answer(sandbox: NamespaceSandbox) -> Any:
    """What the guest program answers."""
    loop = asyncio.get_running_loop()
    data = b""
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        while not data.endswith(b"\n"):
            part = await loop.sock_recv(sandbox.channel, 65536)
            assert part, (
                f"ended early: {await sandbox.exited}, {sandbox.failure!r}, {said(sandbox)}"
            )
            data += part
    message = json.loads(data)
    assert "error" not in message, message["error"]
    return message["result"]


def said(sandbox: NamespaceSandbox) -> bytes:
    """What it wrote to its standard output and error so far."""
    try:
        return os.read(sandbox.output, 65536)
    except BlockingIOError:
        return b""


@contextlib.asynccontextmanager
async def bench(*, program_dir: Path = GUEST_PROGRAM, cgroups: bool = True) -> AsyncIterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="lambent-test-"))
    one = Bench(folder, program_dir, cgroups)
    try:
        await one.backend.start()
        yield one
    finally:
        await one.backend.stop()
        for listener in one.listeners.values():
            listener.close()
        shutil.rmtree(folder)
