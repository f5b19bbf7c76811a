"""A bootstrap as a child process on a socketpair, without a sandbox."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from lambent.runtime.frames import FrameDecoder, Kind, encode_invoke

BOOTSTRAP = Path(__file__).parents[2] / "src/lambent/runtime/python"
REQUEST_ID = "8f5a3c1e-0000-4000-8000-123456789abc"
WAIT_S = 60.0
ANSWERS = (Kind.RESPONSE, Kind.ERROR, Kind.BAD_EVENT, Kind.READY, Kind.INIT_ERROR)

# What the zygote does: imports and preloads, then forks; the fork runs.
_ZYGOTE = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
sys.path += sys.argv[4:]
import bootstrap
bootstrap.preload_sdk()
child = os.fork()
if not child:
    bootstrap.run(socket.socket(fileno=int(sys.argv[2])), open(sys.argv[3], "rb").read())
status = os.waitpid(child, 0)[1]
os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
"""


def interpreters() -> list[Path]:
    """One of each version that the layout of pyenv shows, and always our own."""
    own = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    found = {sys.version_info[:2]: own}
    for folder in sorted(Path.home().glob(".pyenv/versions/3.*")):
        major, minor = (int(part) for part in folder.name.split(".")[:2])
        binary = folder / f"bin/python{major}.{minor}"
        if minor >= 8 and binary.exists():
            found.setdefault((major, minor), binary)
    return [found[version] for version in sorted(found)]


class Conversation:
    """Start with `with`; then `invoke`. Frames that come before an answer are kept by kind."""

    task: Path
    channel: socket.socket
    process: subprocess.Popen[bytes]

    def __init__(self, files: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lambent-guest-")
        self.task = Path(self._folder.name).resolve() / "task"
        for name, text in files.items():
            path = self.task / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._decoder = FrameDecoder()
        self._frames: list[tuple[Kind, bytes]] = []
        self.logs: list[str] = []
        self.output = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
        self._folder.cleanup()

    def ready(self) -> Self:
        assert self.answer() == (Kind.READY, b"")
        return self

    def answer(self) -> tuple[Kind, bytes]:
        """Read up to the next answer; logs and output before it are collected."""
        while True:
            frame = self.frame()
            if frame is None:
                raise AssertionError(f"the guest left: {self.raw()!r}")
            if frame[0] in ANSWERS:
                return frame

    def frame(self) -> tuple[Kind, bytes] | None:
        """The next frame; None at the end of the stream."""
        while not self._frames:
            readable, _, _ = select.select([self.channel], [], [], WAIT_S)
            assert readable, "the guest said nothing"
            try:
                data = self.channel.recv(262144)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._frames += self._decoder.feed(data)
        kind, body = self._frames.pop(0)
        if kind is Kind.LOG:
            self.logs.append(body.decode())
        elif kind is Kind.OUTPUT:
            self.output += body
        return kind, body

    def invoke(self, event: Any = None, **more: Any) -> tuple[Kind, Any]:
        """Send an event (bytes as they are, else as JSON); JSON answers are parsed."""
        kind, body = self.send(event, **more).answer()
        return kind, body.decode() if kind is Kind.BAD_EVENT else json.loads(body)

    def send(self, event: Any = None, *, timeout_s: float = 3.0, **more: Any) -> Self:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        frame = encode_invoke(
            deadline_epoch_s=time.time() + timeout_s,
            request_id=REQUEST_ID.encode(),
            event=payload,
            **more,
        )
        self.channel.sendall(frame)
        return self

    def exit_status(self) -> int:
        """Read all that is left, then the exit status."""
        while self.frame() is not None:
            pass
        return self.process.wait(WAIT_S)

    def raw(self) -> bytes:
        """What went to file descriptors 1 and 2; ends the guest."""
        self.channel.close()
        assert self.process.stdout
        return self.process.stdout.read()

    def raw_until(self, text: bytes) -> bytes:
        """Read file descriptors 1 and 2 until `text` has come."""
        assert self.process.stdout
        got = b""
        while text not in got:
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, got
            got += data
        return got


class Guest(Conversation):
    """Python's. `modules` are folders that the zygote has on its path besides the bootstrap's."""

    def __init__(
        self,
        python: Path,
        files: dict[str, str],
        handler: str = "app.handler",
        *,
        environment: dict[str, str] | None = None,
        log_format: str = "Text",
        modules: tuple[Path, ...] = (),
    ) -> None:
        super().__init__(files)
        program = {
            "handler": handler,
            "environment": {
                "LAMBDA_TASK_ROOT": str(self.task),
                "LAMBDA_RUNTIME_DIR": str(BOOTSTRAP),
                "TZ": ":UTC",
                **(environment or {}),
            },
            "log_format": log_format,
            "function_name": "fn",
            "function_version": "$LATEST",
            "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:fn",
            "memory_limit_in_mb": 128,
            "log_group_name": "/aws/lambda/fn",
            "log_stream_name": "2026/01/01/[$LATEST]0",
        }
        program_file = self.task.parent / "program.json"
        program_file.write_text(json.dumps(program))
        self.channel, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [
                    *(python, "-I", "-S", "-c", _ZYGOTE),
                    *(BOOTSTRAP, str(theirs.fileno()), program_file, *modules),
                ],
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
