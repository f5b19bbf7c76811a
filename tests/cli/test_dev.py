"""`lambent dev`: a folder runs while it is written."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.system.host import free_port

FIRST = "def handler(event, context):\n    print('it is logged')\n    return 'first'\n"
SECOND = "def handler(event, context):\n    return 'second'\n"
DEADLINE_S = 60


class Dev:
    """A running `lambent dev`, and what it prints."""

    def __init__(self, folder: Path, endpoint: str, **environ: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambent", "dev", str(folder), "--event", "{}"],
            env={**os.environ, **environ, "AWS_ENDPOINT_URL": endpoint, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.text = ""

    def wait_for(self, *words: str) -> None:
        assert self.process.stdout is not None
        deadline = time.monotonic() + DEADLINE_S
        while not all(word in self.text for word in words):
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            part = os.read(self.process.stdout.fileno(), 65_536) if ready else b""
            assert part, self.text
            self.text += part.decode()

    def interrupt(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        assert self.process.stdout is not None
        with self.process.stdout:
            return self.process.wait(DEADLINE_S)


def write(folder: Path, source: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(source)


def open_to_all(folder: Path) -> None:
    """Functions are users of their own, and pytest keeps its folders to itself."""
    for one in (folder, *folder.parents):
        if one == Path("/tmp"):
            return
        one.chmod(one.stat().st_mode | 0o755)


def test_dev_invokes_after_each_change_and_shows_what_is_logged(
    server: RunningServer, tmp_path: Path
) -> None:
    folder = tmp_path / "dev-there"
    write(folder, FIRST)
    open_to_all(folder)
    dev = Dev(folder, server.endpoint)
    try:
        dev.wait_for("dev-there runs", '"first"', "it is logged")
        write(folder, SECOND)
        dev.wait_for("changed app.py", '"second"')
    finally:
        code = dev.interrupt()
    assert code == 130
    configuration = server.client("lambda").get_function_configuration(FunctionName="dev-there")
    assert configuration["Handler"] == "app.handler"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dev_runs_a_server_where_none_answers_and_ends_it(tmp_path: Path, number: int) -> None:
    port = free_port()
    folder = tmp_path / "dev-alone"
    write(folder, FIRST)
    open_to_all(folder)
    data = {"LAMBENT_DATA_DIR": str(tmp_path / "data")}
    dev = Dev(folder, f"http://127.0.0.1:{port}", **data)
    try:
        dev.wait_for("dev-alone runs", '"first"')
    finally:
        code = dev.interrupt(number)
    assert code == 130
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_dev_says_that_a_folder_is_not_there(server: RunningServer, tmp_path: Path) -> None:
    dev = Dev(tmp_path / "absent", server.endpoint)
    dev.wait_for("absent is not a folder.")
    assert dev.process.stdout is not None
    with dev.process.stdout:
        assert dev.process.wait(DEADLINE_S) == 1
