"""AWS's client for Java answers a few invocations: what it does first, for others to record.

It runs against a Runtime API that hands out the same event, with a handler of our own in the folder
where Java starts. As source, which `javac --release 8 -g:none` compiles to the class below:

    public class Echo implements RequestHandler<Object, Object> {
        public Object handleRequest(Object event, Context context) {
            return event;
        }
    }
"""

from __future__ import annotations

import base64
import http.server
import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from lambent.runtime.families import java_client

TIMEOUT_S = 60.0
HANDLER = "Echo"
CLASS = base64.b64decode(
    "yv66vgAAADQAEAoAAgADBwAEDAAFAAYBABBqYXZhL2xhbmcvT2JqZWN0AQAGPGluaXQ+AQADKClWBwAIAQAERWNo"
    "bwcACgEANGNvbS9hbWF6b25hd3Mvc2VydmljZXMvbGFtYmRhL3J1bnRpbWUvUmVxdWVzdEhhbmRsZXIBAARDb2Rl"
    "AQANaGFuZGxlUmVxdWVzdAEAVShMamF2YS9sYW5nL09iamVjdDtMY29tL2FtYXpvbmF3cy9zZXJ2aWNlcy9sYW1i"
    "ZGEvcnVudGltZS9Db250ZXh0OylMamF2YS9sYW5nL09iamVjdDsBAAlTaWduYXR1cmUBAG5MamF2YS9sYW5nL09i"
    "amVjdDtMY29tL2FtYXpvbmF3cy9zZXJ2aWNlcy9sYW1iZGEvcnVudGltZS9SZXF1ZXN0SGFuZGxlcjxMamF2YS9s"
    "YW5nL09iamVjdDtMamF2YS9sYW5nL09iamVjdDs+OwAhAAcAAgABAAkAAAACAAEABQAGAAEACwAAABEAAQABAAAA"
    "BSq3AAGxAAAAAAABAAwADQABAAsAAAAOAAEAAwAAAAIrsAAAAAAAAQAOAAAAAgAP"
)
_EVENT = b'{"key": "value", "list": [1, 2.5, true, null], "nested": {"a": "b"}}'
_INVOCATIONS = 3


def train(command: Sequence[str], work: Path, runtime: str) -> str:
    """Start Java in `work`, end it after its last answer; what it complained of."""
    (work / f"{HANDLER}.class").write_bytes(CLASS)
    with _RuntimeApi() as api:
        serving = threading.Thread(target=api.serve_forever)
        serving.start()
        process = subprocess.Popen(
            [*command, HANDLER],
            cwd=work,
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
                "AWS_LAMBDA_FUNCTION_NAME": "archive",
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "_HANDLER": HANDLER,
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
            process.terminate()  # a Java that is told to end writes down what was recorded
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
        if self.path == java_client.START_PATH:
            self._answer(200, b"")
            return
        self.server.invocations += 1
        if self.server.invocations > _INVOCATIONS:
            self.server.answered.set()
            self.close_connection = True
            return
        self._answer(200, _EVENT)

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
