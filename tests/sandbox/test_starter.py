"""A runtime that is a program of its own: what the sandbox becomes, and what it sees of us."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lambent.domain.interpreter import Interpreter
from lambent.runtime import python
from lambent.runtime.frames import FrameDecoder, Kind
from lambent.sandbox.cgroups import CgroupsUnavailable
from lambent.sandbox.interface import GuestProgram, SandboxSpec
from lambent.sandbox.namespace_sandbox import NamespaceSandbox
from lambent.sandbox.namespaces import NamespaceBackend
from lambent.sandbox.network import make_network
from tests.sandbox.sandboxes import ANSWER_TIMEOUT_S, own_interpreter, said

SHELL = Interpreter(runtime="provided", version="", executable=Path("bootstrap"), prefix=None)


def make_backend(folder: Path) -> NamespaceBackend:
    return NamespaceBackend(
        code_root=folder / "code",
        programs=lambda _: GuestProgram(
            python=own_interpreter(), folder=Path(python.__path__[0]), module="_lambent_starter"
        ),
        inside_ports=(),
        on_listener=lambda *_: None,
        cgroups=CgroupsUnavailable("not wanted here", ""),
        network=make_network("none", as_root=os.geteuid() == 0),
    )


async def launch(
    backend: NamespaceBackend, folder: Path, script: str, *, link: str = "http", mode: int = 0o755
) -> NamespaceSandbox:
    """A sandbox that becomes the script, where that is not empty."""
    bootstrap = folder / "code" / "task" / "bootstrap"
    if script:
        bootstrap.write_text(script)
        bootstrap.chmod(mode)
    sandbox = await backend.launch(SHELL)
    program: dict[str, Any] = {
        "commands": [["/var/task/bootstrap"], ["/opt/bootstrap"]],
        "environment": {"PATH": "/usr/bin:/bin", "GREETING": "hello"},
        "link": link,
    }
    await sandbox.bind(
        SandboxSpec(
            task_dir=bootstrap.parent,
            opt_dir=None,
            tmp_mib=16,
            memory_mib=128,
            vcpus=1.0,
            processes_max=64,
            hostname="lambda",
            program=json.dumps(program).encode(),
        )
    )
    return sandbox


def run(script: str, *, link: str = "http", mode: int = 0o755) -> tuple[str, bytes, int | None]:
    """(what it printed, what came over the channel, exit code)."""

    async def scenario() -> tuple[str, bytes, int | None]:
        folder = Path(tempfile.mkdtemp(prefix="lambent-test-"))
        (folder / "code" / "task").mkdir(parents=True)
        folder.chmod(0o755)
        backend = make_backend(folder)
        try:
            await backend.start()
            sandbox = await launch(backend, folder, script, link=link, mode=mode)
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                end = await asyncio.shield(sandbox.exited)
                heard = b""
                while part := await asyncio.get_running_loop().sock_recv(sandbox.channel, 65536):
                    heard += part
            return said(sandbox).decode(), heard, end.code
        finally:
            await backend.stop()
            shutil.rmtree(folder)

    return asyncio.run(scenario())


def test_the_sandbox_becomes_the_program_and_nothing_of_the_zygote_is_left() -> None:
    script = (
        "#!/bin/sh\necho $$ $GREETING $(pwd) $(id -u)\nenv | sort | tr '\\n' ' '\necho\n"
        "ls /proc/self/fd | tr '\\n' ' '\necho\nls /var/rapid /var/rapid/* 2>&1 | tr '\\n' ' '\n"
    )
    printed, heard, code = run(script)
    first, variables, descriptors, rapid = printed.splitlines()[:4]
    assert first.split()[:3] == ["1", "hello", "/var/task"]
    assert first.split()[3] != "0"
    assert variables.split() == ["GREETING=hello", "PATH=/usr/bin:/bin", "PWD=/var/task"]
    assert descriptors.split() == ["0", "1", "2", "3"]  # 3 is the folder that ls reads
    assert "bin/python" not in rapid
    assert "_lambent_starter.py" not in rapid
    assert (heard, code) == (b"", 0)


def test_a_program_that_speaks_frames_has_the_channel_as_descriptor_3() -> None:
    _, heard, code = run("#!/bin/sh\nprintf '\\0\\0\\0\\0\\020' >&3\nexit 3\n", link="frames")
    assert (heard, code) == (struct.pack("<IB", 0, Kind.READY), 3)


@pytest.mark.parametrize(
    ("script", "mode", "text"),
    [
        ("", 0o755, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ("echo no interpreter", 0o755, "fork/exec /var/task/bootstrap: exec format error"),
        ("#!/bin/sh\n", 0o644, "fork/exec /var/task/bootstrap: permission denied"),
        ("#!/bin/sh\r\n", 0o755, "fork/exec /var/task/bootstrap: no such file or directory"),
    ],
)
def test_a_program_that_cannot_be_started_is_an_invalid_entrypoint(
    script: str, mode: int, text: str
) -> None:
    """Texts as functions got them: aws/aws-lambda-go#554, awslabs/aws-lambda-dart-runtime#20,
    aws-samples/aws-lambda-layer-kubectl#39.
    """
    _, heard, code = run(script, mode=mode)
    [(kind, payload)] = FrameDecoder().feed(heard)
    assert kind is Kind.INIT_ERROR
    assert json.loads(payload) == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": text,
    }
    assert code == 1
