"""Ports beside the server's own: AWS's emulator's form (9000, 8080) and SAM's (3001).

Source of the emulator's paths, statuses and texts: cmd/aws-lambda-rie/http.go and handlers.go of
aws/aws-lambda-runtime-interface-emulator.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.conftest import RunningServer, running
from tests.system.host import free_port

START = (sys.executable, "-m", "lambent", "start", "--port", "0")
SOURCE = """
import os, time
def handler(event, context):
    if event.get("raise"):
        raise ValueError("no")
    if event.get("exit"):
        os._exit(1)
    time.sleep(event.get("s", 0))
    client = context.client_context
    return {"event": event, "client": client and client.custom}
"""


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("sides")
    options = ("--sam-port", str(free_port()), "--rie", "sided=0", "--rie", "late=0")
    options += ("--rie", "absent=0")
    with running(folder / "data", *options) as server:
        server.create("sided", SOURCE)
        server.create("late", SOURCE, Timeout=1)
        yield server


def emulator(server: RunningServer, name: str) -> str:
    found = re.search(rf"rie\s+(http://127\.0\.0\.1:\d+) runs {name}", server.banner)
    assert found is not None, server.banner
    return found[1]


def post(
    url: str, body: bytes, path: str = "/2015-03-31/functions/function/invocations", **headers: str
) -> tuple[int, bytes]:
    request = urllib.request.Request(url + path, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_function_answers_on_the_emulators_port_as_under_the_emulator(
    sides: RunningServer,
) -> None:
    url = emulator(sides, "sided")
    assert post(url, b'{"a": 1}') == (200, b'{"event": {"a": 1}, "client": null}')
    assert json.loads(post(url, b"{}", "/2015-03-31/functions/sided/invocations")[1]) == {
        "event": {},
        "client": None,
    }
    context = {"X-Amz-Client-Context": "eyJjdXN0b20iOiB7ImsiOiAidiJ9fQ=="}  # {"custom": {"k": "v"}}
    assert json.loads(post(url, b"{}", **context)[1])["client"] == {"k": "v"}


def test_errors_on_the_emulators_port_have_the_emulators_form(sides: RunningServer) -> None:
    url = emulator(sides, "sided")
    status, body = post(url, b'{"raise": true}')
    assert (status, json.loads(body)["errorType"]) == (200, "ValueError")
    assert post(emulator(sides, "late"), b'{"s": 60}') == (
        200,
        b"Task timed out after 1.00 seconds",
    )
    status, body = post(url, b'{"exit": true}')
    assert (status, json.loads(body)["errorType"]) == (502, "Runtime.ExitError")
    assert post(url, b"{}", "/2015-03-31/functions/other/invocations")[0] == 404
    assert post(url, b"{}", "/2015-03-31/functions")[0] == 404
    assert post(url, b"{}", **{"X-Amz-Client-Context": "?"})[0] == 400
    assert post(url, b"[" * 7_000_000)[0] == 413
    status, body = post(emulator(sides, "absent"), b"{}")
    assert (status, json.loads(body)["Type"]) == (404, "User")


def test_clients_of_sams_local_lambda_find_the_same_functions(sides: RunningServer) -> None:
    found = re.search(r"sam\s+(http://127\.0\.0\.1:\d+)", sides.banner)
    assert found is not None
    client = boto3.client(
        "lambda",
        endpoint_url=found[1],
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}),
    )
    answer = client.invoke(FunctionName="sided", Payload=b'{"b": 2}')
    assert json.load(answer["Payload"])["event"] == {"b": 2}
    listed = [one["FunctionName"] for one in client.list_functions()["Functions"]]
    assert listed == ["late", "sided"]


def refused(tmp_path: Path, *options: str) -> str:
    done = subprocess.run(
        [*START, "--data-dir", str(tmp_path / "data"), *options],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (1, 2)
    assert "ready" not in done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(("option", "form"), [("--sam-port", "{}"), ("--rie", "hello={}")])
def test_a_side_port_that_is_taken_is_said_with_its_option(
    option: str, form: str, server: RunningServer, tmp_path: Path
) -> None:
    error = refused(tmp_path, option, form.format(server.port))
    assert f"port {server.port} on 127.0.0.1 is in use" in error
    assert error.rstrip().endswith(option)


def test_ports_without_signatures_do_not_go_with_iam(tmp_path: Path) -> None:
    assert "LAMBENT_RIE" in refused(tmp_path, "--auth", "iam", "--rie", "hello=9000")
    assert "FUNCTION=PORT" in refused(tmp_path, "--rie", "hello=port")
