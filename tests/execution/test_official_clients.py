"""AWS's own runtime clients, unmodified, on Lambent's Runtime API.

What a language needs to be built is found on the host; a test of which something is missing is
skipped and says what.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROLE, RunningServer
from tests.execution.conftest import rust_home
from tests.javas import compile_java, find_jdks
from tests.registries import run_command

CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("clients") / "data"
    running = RunningServer(data_dir=data).start()
    yield running
    running.stop()


def build(command: list[str], folder: Path, **environment: str) -> None:
    """Run one build step; skips where the tool or the registry is not there."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    run_command(command, folder, **environment)


def copied(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(CLIENTS / name, tmp_path / name))


def zip_files(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            package.writestr(entry, content)
    return buffer.getvalue()


def deploy(server: RunningServer, name: str, files: dict[str, bytes], **options: Any) -> Any:
    client = server.client("lambda")
    client.create_function(
        **{
            "FunctionName": name,
            "Runtime": "provided.al2023",
            "Handler": "app.handler",
            "Role": ROLE,
            "Timeout": 20,
            "MemorySize": 256,
            "Code": {"ZipFile": zip_files(files)},
            **options,
        }
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return client


def check(client: Any, name: str) -> None:
    """The same of every client: a result with its context, an error, and still warm after it."""
    first = client.invoke(FunctionName=name, Payload=b'{"name": "\xc3\xbc"}', LogType="Tail")
    assert json.loads(first["Payload"].read()) == {
        "hello": "ü",
        "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
    }
    assert b"Init Duration" in base64.b64decode(first["LogResult"])
    failed = client.invoke(FunctionName=name, Payload=b'{"name": "x", "fail": true}')
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorMessage"] == "it failed"
    again = client.invoke(FunctionName=name, Payload=b'{"name": "y"}', LogType="Tail")
    assert json.loads(again["Payload"].read())["hello"] == "y"
    assert b"Init Duration" not in base64.b64decode(again["LogResult"])


def test_aws_lambda_go(server: RunningServer, tmp_path: Path) -> None:
    folder = copied("go", tmp_path)
    build(["go", "build", "-o", "bootstrap", "."], folder, CGO_ENABLED="0")
    code = (folder / "bootstrap").read_bytes()
    check(deploy(server, "client-go", {"bootstrap": code}), "client-go")
    as_go1 = deploy(server, "client-go1", {"app": code}, Runtime="go1.x", Handler="app")
    check(as_go1, "client-go1")


@pytest.mark.timeout(900)  # the build, on one processor, after everything else
def test_the_rust_lambda_runtime(
    server: RunningServer, rust_build: tuple[Path, subprocess.Popen[bytes]] | None
) -> None:
    """The build has begun long before; what it could not fetch then is tried again here."""
    if rust_build is None:
        pytest.skip("cargo is not installed")
    folder, begun = rust_build
    begun.wait()
    build(["cargo", "build", "--locked"], folder, CARGO_PROFILE_DEV_DEBUG="0", **rust_home())
    code = (folder / "target" / "debug" / "bootstrap").read_bytes()
    check(deploy(server, "client-rust", {"bootstrap": code}), "client-rust")


PYTHON = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("it failed")
    return {"hello": event["name"], "arn": context.invoked_function_arn}
"""


def test_awslambdaric(server: RunningServer, tmp_path: Path) -> None:
    """The Python client as a custom runtime, with its own native part."""
    python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not os.path.exists(python):
        pytest.skip(f"{python}, which functions see too, is not installed")
    packages = tmp_path / "packages"
    install = [sys.executable, "-m", "pip", "install", "-q", "--target", str(packages)]
    build([*install, "awslambdaric==4.2.2"], tmp_path)
    files = {
        str(path.relative_to(packages)): path.read_bytes()
        for path in packages.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    files["app.py"] = PYTHON.encode()
    files["bootstrap"] = f"#!/bin/sh\nexec {python} -m awslambdaric app.handler\n".encode()
    check(deploy(server, "client-python", files), "client-python")


def test_the_java_client_as_a_custom_runtime(
    server: RunningServer, tmp_path: Path, java_client: Path
) -> None:
    """On the Java that functions see too, as a program of the function's own."""
    javas = [str(one.executable) for one in find_jdks().values()]
    seen = next((path for path in javas if path.startswith("/usr/")), None)
    if seen is None:
        pytest.skip(f"no JDK in /usr ({javas})")
    jars = sorted((java_client / "lib").glob("*.jar"))
    files = dict(compile_java([CLIENTS / "java" / "Hello.java"], tmp_path, jars))
    files |= {f"lib/{jar.name}": jar.read_bytes() for jar in jars}
    main = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
    files["bootstrap"] = f"#!/bin/sh\nexec {seen} -cp '/var/task/lib/*' {main} Hello\n".encode()
    check(deploy(server, "client-java", files, MemorySize=512), "client-java")
