"""The programs that are measured: a Lambent server, the floor program, a bare interpreter."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::000000000000:role/benchmark"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
COMMAND = (sys.executable, "-m", "lambent", "start", "--port", "0", "--data-dir")
ECHO = "def handler(event, context):\n    return event\n"


def make_zip(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("app.py", source)
    return buffer.getvalue()


def make_package(files: Mapping[str, str | bytes], comment: str) -> bytes:
    """A package of its own digest: `comment` lies in it as a file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in files.items():
            package.writestr(name, content)
        package.writestr("comment.txt", comment)
    return buffer.getvalue()


@dataclass
class Lambent:
    """A running server on a temporary data folder."""

    process: subprocess.Popen[str]
    port: int
    ready_s: float

    @property
    def client(self) -> Any:
        return boto3.client(
            "lambda",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )

    def create(
        self, name: str, source: str = ECHO, *, memory_mib: int = 1769, snap_start: bool = False
    ) -> None:
        """Create a function; a comment makes each one's code, and so its digest, its own.

        With `snap_start` also its version 1.
        """
        self.client.create_function(
            FunctionName=name,
            Runtime=RUNTIME,
            Handler="app.handler",
            Role=ROLE,
            Timeout=60,
            MemorySize=memory_mib,
            Code={"ZipFile": make_zip(f"# {name}\n{source}")},
            SnapStart={"ApplyOn": "PublishedVersions" if snap_start else "None"},
            Publish=snap_start,
        )


@contextlib.contextmanager
def lambent(*arguments: str) -> Iterator[Lambent]:
    """Start a server, stop it with SIGTERM."""
    with tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*COMMAND, str(Path(folder) / "data"), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        ready_s = time.perf_counter() - started
        port = int(re.search(r":(\d+)$", process.stdout.readline().strip())[1])  # type: ignore[index]
        try:
            yield Lambent(process, port, ready_s)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@contextlib.contextmanager
def floor(processes: int) -> Iterator[int]:
    """Start the floor program; gives its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.floor", str(processes)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(30)


def bare_interpreter_ms(*, count: int = 15) -> float:
    """Median milliseconds to start a bare interpreter and end it: the floor of a cold start."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def pss_mib(pid: int) -> float:
    """Proportional memory of a process and all its descendants."""
    total = 0
    for one in _tree(pid):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1])  # type: ignore[index]
    return total / 1024


def resident_mib(pid: int) -> float:
    """Memory of one process, without its children."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


def memory_available_mib() -> float:
    text = Path("/proc/meminfo").read_text()
    return int(re.search(r"MemAvailable:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def report(name: str, value: float, unit: str, *, target: str, met: bool, **more: Any) -> None:
    """One figure, one JSON line."""
    line = {"figure": name, "value": round(value, 3), "unit": unit, "target": target, "met": met}
    line.update({key: round(one, 3) for key, one in more.items()})
    print(json.dumps(line), flush=True)
