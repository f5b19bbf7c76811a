"""What many tests share: a running server as a user would have it, and clients of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import settings

from lambent.control.testing import make_zip
from lambent.runtime.catalogue import RUNTIMES
from tests.javas import get_client

# A suite in the background of a script begins with Ctrl-C ignored, which children would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Nothing of whoever runs the tests: not a mask that hides files from functions, not a proxy for
# servers on this host, not an account of AWS.
os.umask(0o022)
for _name in [one for one in os.environ if one.startswith("AWS_")]:
    del os.environ[_name]
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

settings.register_profile("lambent", derandomize=True, deadline=None)
settings.load_profile("lambent")

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0
CREATED_TIMEOUT_S = 30
"""What a slow host never needs; Lambda's own default of 3 s it may."""
ROLE = "arn:aws:iam::000000000000:role/lambda"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"


def chosen_runtime(found: Mapping[str, object]) -> str:
    """The one that LAMBENT_TEST_RUNTIME names, where it is there; else the first; `` of none."""
    named = os.environ.get("LAMBENT_TEST_RUNTIME", "")
    return named if named in found else next(iter(found), "")


@dataclass
class RunningServer:
    """`lambent start` in a process of its own."""

    data_dir: Path
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = (sys.executable, "-m", "lambent")
    process: subprocess.Popen[str] | None = None
    endpoint: str = ""
    banner: str = ""

    def start(self) -> RunningServer:
        """Start and wait for the banner, which tells the port."""
        log = (self.data_dir.parent / f"{self.data_dir.name}.log").open("a")
        self.process = subprocess.Popen(
            [*self.command, "start", "--port", "0", *self._arguments()],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **self.environment},
        )
        log.close()
        self.banner = self._read_banner()
        self.endpoint = re.search(r"endpoint\s+(http://\S+)", self.banner)[1]  # type: ignore[index]
        return self

    def _arguments(self) -> list[str]:
        return ["--data-dir", str(self.data_dir), *self.arguments]

    def _read_banner(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        text = ""
        while "runtimes" not in text or not text.endswith("\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            part = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not part:
                self.kill()
                raise AssertionError(f"the server did not start: {text}\n{self.log()}")
            text += part.decode()
        return text

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def log(self) -> str:
        return (self.data_dir.parent / f"{self.data_dir.name}.log").read_text()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: what `kill -9` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()

    def client(self, service: str, **options: Any) -> Any:
        """An unmodified boto3 client of this server."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(
                retries={"max_attempts": 0},
                read_timeout=120,
                max_pool_connections=200,
                **options,
            ),
        )

    def create(self, name: str, source: str | dict[str, str | bytes], **options: Any) -> Any:
        """Create a function whose handler is `app.handler`, and its lambda client."""
        client = self.client("lambda")
        files = {"app.py": source} if isinstance(source, str) else source
        client.create_function(
            **{
                "FunctionName": name,
                "Runtime": RUNTIME,
                "Handler": "app.handler",
                "Role": ROLE,
                "Timeout": CREATED_TIMEOUT_S,
                "Code": {"ZipFile": make_zip(files)},
                **options,
            }
        )
        return client


def missing_runtime(server: RunningServer) -> str:
    """A runtime of Lambda's that this host cannot run."""
    with urllib.request.urlopen(f"{server.endpoint}/_lambent/health", timeout=60) as answer:
        found = json.load(answer)["runtimes"]
    missing = next((one for one in reversed(RUNTIMES) if one not in found), None)
    if missing is None:
        pytest.skip("this host has every runtime")
    return missing


@contextlib.contextmanager
def running(data_dir: Path, *arguments: str, **options: Any) -> Iterator[RunningServer]:
    """A server of one's own; ends with the block."""
    server = RunningServer(data_dir, arguments, **options).start()
    try:
        yield server
        assert server.stop() == 0, server.log()
    finally:
        server.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests that need nothing special; they use names of their own."""
    with running(tmp_path_factory.mktemp("server") / "data", "--allow-reset") as one:
        yield one


@pytest.fixture(scope="session")
def java_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AWS's client for Java, fetched once; for `--java-client`."""
    return get_client(tmp_path_factory.mktemp("java") / "client")
