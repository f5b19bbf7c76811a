"""A Lambent for the time of one example: its own folder and port, gone afterwards."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

READY_TIMEOUT_S = 60
WAIT_S = 60
ROLE = "arn:aws:iam::000000000000:role/example"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Running:
    """A server that runs, and clients of it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service: str) -> Any:
        """boto3's own, whatever this shell's settings are."""
        os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
        for name in [name for name in os.environ if name.startswith("AWS_PROFILE")]:
            del os.environ[name]
        import boto3
        from botocore.config import Config

        session = boto3.Session("example", "example", region_name="us-east-1")
        config = Config(proxies={}, s3={"addressing_style": "path"})
        return session.client(service, endpoint_url=self.endpoint, config=config)

    def deploy(self, name: str, folder: Path, **options: Any) -> str:
        """A function of the files in `folder`, its handler `app.handler`; its ARN."""
        client = self.client("lambda")
        made = client.create_function(
            FunctionName=name,
            Runtime=RUNTIME,
            Role=ROLE,
            Handler="app.handler",
            Code={"ZipFile": zip_folder(folder)},
            **options,
        )
        client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )
        return str(made["FunctionArn"])


@contextlib.contextmanager
def running() -> Iterator[Running]:
    """A server until the block ends, also by Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="lambent-example-") as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = Path(folder) / "server.log"
        environ = {key: value for key, value in os.environ.items() if "LAMBENT_" not in key}
        command = [sys.executable, "-m", "lambent", "start", "--port", str(port)]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [*command, "--data-dir", str(Path(folder) / "data")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environ,
                start_new_session=True,
            )
        try:
            wait_until_ready(server, f"http://127.0.0.1:{port}", log)
            yield Running(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait()


def wait_until_ready(server: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            DIRECT.open(f"{endpoint}/_lambent/health", timeout=5).close()
            return
        time.sleep(0.02)
    raise SystemExit(f"the server did not start:\n{log.read_text(errors='replace')}")


def wait_for(what: str, probe: Any) -> Any:
    """What `probe` gives once that is something."""
    deadline = time.monotonic() + WAIT_S
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come")
        time.sleep(0.05)
    return found


def zip_folder(folder: Path) -> bytes:
    """A deployment package of the files in `folder`, without what runs the example."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*.py")):
            if path.name != "run.py":
                archive.write(path, path.relative_to(folder).as_posix())
    return buffer.getvalue()
