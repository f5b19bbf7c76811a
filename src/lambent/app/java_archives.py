"""Archives of class data: what a Java has loaded once AWS's client has answered an invocation.

A Java started with one needs less than half of the time to its first invocation (measured on
2026-11-21, Java 17: 160 ms and not 380). It is made by running the client, which is code of AWS's
with a known digest and nothing of any function's, against a Runtime API that hands out one event.
"""

from __future__ import annotations

import http.server
import os
import subprocess
import tempfile
import threading
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import java_client

TIMEOUT_S = 60.0
_HANDLER = "java.util.Map::copyOf"
"""Of Java's own: takes JSON apart and puts it together, as most handlers need it."""
_INVOCATIONS = 3


def make_archive(interpreter: Interpreter, client: Path) -> str:
    """Make the archive of one Java, anew where there is one; what became of it, for a person."""
    if java_client.major(interpreter.version) < java_client.ARCHIVES_FROM:
        return "starts without an archive of class data, which this release cannot make"
    archives = client / "lib" / java_client.ARCHIVES
    archive = archives / java_client.archive_name(interpreter.version)
    archives.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lambent-java-") as folder:
        # As in a sandbox, the client is at ../runtime of the folder where Java starts.
        work = Path(folder) / "task"
        work.mkdir()
        (Path(folder) / "runtime").symlink_to(client)
        made = Path(folder) / "archive.jsa"
        problem = _run_once(interpreter, client / "lib", work, made)
        if not made.exists():
            return f"no archive of class data could be made ({problem}); it starts more slowly"
        partial = archive.with_suffix(".partial")
        partial.write_bytes(made.read_bytes())
        partial.chmod(0o644)
        partial.rename(archive)
    return f"{archive} made"


def _run_once(interpreter: Interpreter, jars: Path, work: Path, archive: Path) -> str:
    """Let the client answer a few invocations, then end it; what it complained of."""
    command = (
        *(str(interpreter.executable), *java_client.common_options(interpreter.version)),
        *("-Xshare:auto", f"-XX:ArchiveClassesAtExit={archive}"),
        *("-cp", java_client.class_path(jars), java_client.MAIN, _HANDLER),
    )
    with _RuntimeApi() as api:
        serving = threading.Thread(target=api.serve_forever)
        serving.start()
        process = subprocess.Popen(
            command,
            cwd=work,
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{interpreter.runtime}",
                "AWS_LAMBDA_FUNCTION_NAME": "archive",
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "_HANDLER": _HANDLER,
                "LAMBDA_TASK_ROOT": str(work),
                "PATH": os.defpath,
                "LANG": "en_US.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            api.answered.wait(TIMEOUT_S)
            process.terminate()  # a Java that is told to end writes the archive
            said = process.communicate(timeout=TIMEOUT_S)[0]
        except subprocess.TimeoutExpired:
            return "it did not end"
        finally:
            process.kill()
            process.wait()
            api.shutdown()
            serving.join()
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with {process.returncode}"


class _RuntimeApi(http.server.ThreadingHTTPServer):
    """As little of the Runtime API as the client needs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.invocations = 0
        self.answered = threading.Event()


class _Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _RuntimeApi

    def do_GET(self) -> None:
        self.server.invocations += 1
        if self.server.invocations > _INVOCATIONS:
            self.server.answered.set()
            self.close_connection = True
            return
        self._answer(200, b'{"key": "value", "list": [1, 2.5, true, null], "nested": {"a": "b"}}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/response" not in self.path:
            self.server.answered.set()
        self._answer(202, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"archive-{self.server.invocations}")
        self.send_header("Lambda-Runtime-Deadline-Ms", "4102444800000")
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:000000000000:function:archive",
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Of this nobody needs to know."""
