"""Our launcher of Java, which loads AWS's client and waits: real Javas as plain processes.

Against a Runtime API of the test's own; what the server makes of it is in test_java.py.
"""

from __future__ import annotations

import http.server
import json
import signal
import socket
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tools.java_launcher import compile_launcher, manifest

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families.java_client import LAUNCHER, LAUNCHER_FILE, MAIN, START_PATH, options
from tests.javas import NO_JAVA, compile_java, core_jar, find_jdks, find_jres

SOURCES = Path(__file__).parent / "ahead"
JAVAS = {name: one for name, one in find_jres().items() if not name.endswith(".al2023")}
TIMEOUT_S = 60
SERVICE = "META-INF/services/com.amazonaws.services.lambda.runtime.CustomPojoSerializer"

pytestmark = pytest.mark.skipif(not JAVAS, reason=NO_JAVA)


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Hands out one event, and keeps the answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.asked, self.begin, self.answered, self.ended = (threading.Event() for _ in range(4))
        self.answer: Any = None
        self.process: subprocess.Popen[bytes]
        self.given = False

    def told(self) -> Any:
        assert self.answered.wait(TIMEOUT_S)
        return self.answer

    def wait_until_warm(self) -> None:
        """By Java's own dumps of its threads, which SIGQUIT asks for."""
        assert self.asked.wait(TIMEOUT_S)
        assert self.process.stdout is not None
        deadline = time.monotonic() + TIMEOUT_S
        self.process.send_signal(signal.SIGQUIT)
        for line in self.process.stdout:
            if b"at lambent.Ahead.await(" in line:
                return
            if line.startswith(b"JNI global ref"):
                assert time.monotonic() < deadline
                self.process.send_signal(signal.SIGQUIT)
        raise AssertionError("it ended")

    def handle_error(self, *_: object) -> None:
        """Of a Java that is killed while it waits."""


class _Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path == START_PATH:
            self.server.asked.set()
            self.server.begin.wait(TIMEOUT_S)
            self._answer(200, b"")
        elif self.server.given:
            self.server.ended.wait(TIMEOUT_S)
            self.close_connection = True
        else:
            self.server.given = True
            self._answer(200, b'{"key": ["value"]}')

    def do_POST(self) -> None:
        self.server.answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(202, b"")
        self.server.answered.set()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", "one")
        self.send_header("Lambda-Runtime-Deadline-Ms", "4102444800000")
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:::function:one")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory, java_client: Path) -> Path:
    """A folder with the function, beside the folder of the client."""
    folder: Path = tmp_path_factory.mktemp("ahead") / "task"
    compile_java(sorted(SOURCES.glob("*.java")), folder, [core_jar(java_client)], "11")
    folder.with_name("runtime").symlink_to(java_client)
    return folder


@contextmanager
def started(one: Interpreter, task: Path, main: str) -> Iterator[RuntimeApi]:
    with RuntimeApi() as api:
        serving = threading.Thread(target=api.serve_forever)
        serving.start()
        try:
            with launched(one, task, main, api.server_port) as api.process:
                yield api
        finally:
            api.begin.set()
            api.ended.set()
            api.shutdown()
            serving.join()


@contextmanager
def launched(
    one: Interpreter, task: Path, main: str, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    jars = task.with_name("runtime") / "lib"
    told = options(jars, one.version, heap_mib=256)
    process = subprocess.Popen(
        [
            str(one.executable),
            *(part.replace("/var/runtime/lib", str(jars)) for part in told),
            *(main, "Told"),
        ],
        cwd=task,
        env={"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "MINE": "ü"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("runtime", JAVAS)
def test_a_java_started_ahead_begins_when_it_is_told_and_is_then_as_any(
    task: Path, runtime: str
) -> None:
    initialized = task / "initialized"
    with started(JAVAS[runtime], task, LAUNCHER) as api:
        api.wait_until_warm()
        assert not api.given
        assert not initialized.exists()
        api.begin.set()
        told = api.told()
        assert initialized.exists()
    with started(JAVAS[runtime], task, MAIN) as api:
        expected = api.told()
    initialized.unlink()
    assert (told.pop("called"), expected.pop("called")) == (
        LAUNCHER,
        MAIN,
    )
    ports = {one["environment"].pop("AWS_LAMBDA_RUNTIME_API") for one in (told, expected)}
    assert len(ports) == 2
    assert told["event"] == {"key": ["value"]}
    assert told["properties"]["sun.java.command"] == f"{MAIN} Told"
    assert told == expected


def test_a_serializer_of_the_functions_own_is_found_after_the_launchers_handlers(
    task: Path,
) -> None:
    service = task / SERVICE
    service.parent.mkdir(parents=True)
    service.write_text("Own\n")
    try:
        with started(next(iter(JAVAS.values())), task, LAUNCHER) as api:
            api.wait_until_warm()
            api.begin.set()
            assert api.told() == "own"
    finally:
        service.unlink()


def test_a_java_that_is_to_begin_before_it_waits_begins(task: Path) -> None:
    with started(next(iter(JAVAS.values())), task, LAUNCHER) as api:
        api.begin.set()
        assert api.told()["event"] == {"key": ["value"]}
    (task / "initialized").unlink()


def test_a_java_that_waits_ends_with_the_server(task: Path) -> None:
    one = next(iter(JAVAS.values()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        with launched(one, task, LAUNCHER, server.getsockname()[1]) as process:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1024).startswith(b"GET /lambent/start HTTP/1.1\r\n")
            assert process.communicate(timeout=TIMEOUT_S)[0] == b""
        assert process.returncode == 0


def test_the_shipped_classes_are_what_the_source_compiles_to(task: Path, tmp_path: Path) -> None:
    """By a JDK of the release that made them; others number constants otherwise."""
    with zipfile.ZipFile(LAUNCHER_FILE) as jar:
        shipped = {name: jar.read(name) for name in jar.namelist()}
    (jdk, *_) = find_jdks().values()
    made = compile_launcher(jdk, task.with_name("runtime") / "lib", tmp_path)
    written = shipped.pop("META-INF/MANIFEST.MF")
    assert sorted(made) == sorted(shipped)
    if manifest(jdk) == written:
        assert made == shipped
