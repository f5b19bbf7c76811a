"""Wrapper scripts that start something else than the runtime, which speaks the Runtime API then.

So works AWS Lambda Web Adapter, which is run as it is by `make web-adapter`; here is a small one of
our own, in place of the runtime or as an external extension beside a web server.
Source: AWS Lambda Web Adapter's documentation, "Lambda functions packaged as Zip package for AWS
managed runtimes"; Developer Guide, "Using the Lambda runtime API".
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from lambent.runtime.catalogue import find_runtimes
from tests.conftest import ROLE, RUNTIME, RunningServer, running
from tests.execution.test_custom_runtimes import CLIENT, zipped
from tests.execution.test_extensions import EXTENSION, publish
from tests.execution.test_telemetry import follower, told

# As the layer of the web adapter has it.
REPLACE = """#!/bin/sh
exec "${LAMBDA_TASK_ROOT}/${_HANDLER}"
"""
# Its child holds all that it inherited for as long as the sandbox is there.
PROGRAM = (
    CLIENT
    + """
import subprocess
beside = subprocess.Popen(["sleep", "1000"], close_fds=False)
print("replaced", flush=True)
while True:
    request_id, headers, event = next()
    if event == "exit":
        os._exit(7)
    if event == "hang":
        time.sleep(1000)
    respond(request_id, json.dumps([event, os.getpid(), os.environ["AWS_EXECUTION_ENV"]]))
"""
)
WEB = """#!/usr/bin/python3 -IS
import http.server, os

class Web(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b'"exit"':
            os._exit(9)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

http.server.HTTPServer(("127.0.0.1", 8080), Web).serve_forever()
"""
ADAPTER = (
    EXTENSION
    + """
import socket, threading
assert not [name for name in os.environ if "LAMBENT" in name]
identifier, _ = register()
threading.Thread(target=next, args=(identifier,), daemon=True).start()
while True:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8080)) == 0:
            break
    time.sleep(0.01)
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    runtime.request("GET", "/2018-06-01/runtime/invocation/next")
    invocation = runtime.getresponse()
    event = invocation.read()
    web = http.client.HTTPConnection("127.0.0.1:8080")
    try:
        web.request("POST", "/", event)
        body = web.getresponse().read()
    except OSError:
        time.sleep(1000)  # the web server crashed: the end of its process answers
    path = invocation.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
    runtime.request("POST", "/2018-06-01/runtime/invocation/" + path, body)
    runtime.getresponse().read()
"""
)


def runtimes() -> list[str]:
    """A Python, and the first Node.js and Ruby of this host: those that speak frames."""
    found = list(find_runtimes({}, os.environ))
    firsts = [[one for one in found if one.startswith(name)][:1] for name in ("nodejs", "ruby")]
    return [RUNTIME, *(one for first in firsts for one in first)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("replaced") / "data") as one:
        yield one


@pytest.fixture(scope="module")
def layers(server: RunningServer) -> dict[str, str]:
    """ARNs: of one with the script, and of one with an adapter beside it."""
    client = server.client("lambda")
    contents = {
        "script": {"bootstrap": REPLACE},
        "adapter": {"bootstrap": REPLACE, "extensions/adapter": ADAPTER},
    }
    return {
        name: client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped(files)})[
            "LayerVersionArn"
        ]
        for name, files in contents.items()
    }


class Function:
    """One with a program in the place of its runtime."""

    def __init__(self, server: RunningServer, name: str, layer: str, **options: Any) -> None:
        self.name = name
        self.client = server.client("lambda")
        self.client.create_function(
            **{
                "FunctionName": name,
                "Role": ROLE,
                "Handler": "run",
                "Layers": [layer],
                "Timeout": 20,
                "Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap"}},
                **options,
            }
        )
        self.client.get_waiter("function_active_v2").wait(FunctionName=name)

    def __call__(self, event: object) -> tuple[Any, str]:
        """(the result or the error, the log's tail)."""
        answer = self.client.invoke(
            FunctionName=self.name, Payload=json.dumps(event), LogType="Tail"
        )
        tail = base64.b64decode(answer["LogResult"]).decode()
        return json.loads(answer["Payload"].read()), tail


@pytest.mark.parametrize("runtime", runtimes())
def test_a_script_may_replace_the_runtime_by_a_program_that_speaks_the_runtime_api(
    server: RunningServer, layers: dict[str, str], runtime: str
) -> None:
    """It is warm, and ends, as any custom runtime; what it leaves behind ends as well."""
    code = {"ZipFile": zipped({"run": PROGRAM})}
    name = f"replaced-{runtime.replace('.', '-')}"
    ask = Function(server, name, layers["script"], Runtime=runtime, Code=code)
    (event, pid, language), tail = ask("a")
    assert (event, language) == ("a", f"AWS_Lambda_{runtime}")
    assert "Init Duration" in tail
    (event, same, _), tail = ask("b")
    assert (event, same) == ("b", pid)
    assert "Init Duration" not in tail
    assert "REPORT RequestId" in tail
    error, tail = ask("exit")
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("exit status 7")
    assert ask("c")[0][0] == "c"


@pytest.mark.parametrize("runtime", [*runtimes(), "provided.al2023"])
def test_an_external_extension_may_be_the_runtime_of_a_web_server(
    server: RunningServer, layers: dict[str, str], runtime: str
) -> None:
    """provided.al2023 has the layer's script as its bootstrap."""
    code = {"ZipFile": zipped({"run": WEB})}
    name = f"web-{runtime.replace('.', '-')}"
    ask = Function(server, name, layers["adapter"], Runtime=runtime, Code=code)
    for number in range(2):
        answer, tail = ask(number)
        assert answer == number
        assert ("Init Duration" in tail) == (number == 0)
    error, _ = ask("exit")
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("exit status 9")
    answer, tail = ask("again")
    assert answer == "again"
    assert "REPORT RequestId" in tail


def test_a_replaced_runtime_that_hangs_times_out_and_the_next_invocation_is_served(
    server: RunningServer, layers: dict[str, str]
) -> None:
    code = {"ZipFile": zipped({"run": PROGRAM})}
    ask = Function(
        server, "replaced-hangs", layers["script"], Runtime=RUNTIME, Code=code, Timeout=2
    )
    error, tail = ask("hang")
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Status: timeout" in tail
    (event, _, _), tail = ask("a")
    assert event == "a"


def test_telemetry_tells_of_a_replaced_runtime_as_of_any(
    server: RunningServer, layers: dict[str, str]
) -> None:
    program = PROGRAM.replace('os.environ["AWS_EXECUTION_ENV"]', 'open("/tmp/told").read()')
    ask = Function(
        server,
        "replaced-told",
        layers["script"],
        Layers=[layers["script"], publish(server, "teller", teller=follower("tcp"))],
        Runtime=RUNTIME,
        Code={"ZipFile": zipped({"run": program})},
    )
    ask("a")
    ask("b")
    (_, _, text), _ = ask("c")  # when that began, the report of the first had been told
    events = told(text)
    records = {event["type"]: event["record"] for event in reversed(events)}
    assert records["platform.initRuntimeDone"]["status"] == "success"
    assert records["platform.runtimeDone"]["status"] == "success"
    assert records["platform.report"]["metrics"]["initDurationMs"] > 0
    lines = [event["record"] for event in events if event["type"] == "function"]
    assert lines == ["replaced\n"]


def test_a_script_without_an_interpreter_is_the_shells(server: RunningServer) -> None:
    """AWS's bootstrap is a script of bash, whose `exec` executes such a file itself."""
    script = {"bootstrap": REPLACE.partition("\n")[2]}
    arn = server.client("lambda").publish_layer_version(
        LayerName="bare", Content={"ZipFile": zipped(script)}
    )["LayerVersionArn"]
    code = {"ZipFile": zipped({"run": PROGRAM})}
    ask = Function(server, "bare", arn, Runtime=RUNTIME, Code=code)
    assert ask("a")[0][0] == "a"
