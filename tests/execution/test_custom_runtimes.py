"""Runtimes that bring their own bootstrap and speak the Runtime API, on real sandboxes.

Source: Developer Guide, "Building a custom runtime" and "Using the Lambda runtime API".
"""

from __future__ import annotations

import base64
import io
import json
import platform
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from lambent.placement.architecture import host_architectures
from tests.conftest import CREATED_TIMEOUT_S, ROLE, RunningServer

SHELL = """#!/bin/sh
set -eu
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
  EVENT=$(curl -sSL -D /tmp/headers "$API/invocation/next")
  ID=$(grep -i Lambda-Runtime-Aws-Request-Id /tmp/headers | tr -d '[:space:]' | cut -d: -f2)
  echo "an event came"
  curl -sS "$API/invocation/$ID/response" -d "{\\"event\\": $EVENT, \\"pid\\": $$}" > /dev/null
done
"""

CLIENT = """#!/usr/bin/env -S python3 -IS
import http.client, json, os, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

def call(method, path, body=None, headers={}, chunked=False):
    api.request(method, "/2018-06-01" + path, body, headers, encode_chunked=chunked)
    answer = api.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()

def next():
    status, headers, body = call("GET", "/runtime/invocation/next")
    assert status == 200, (status, body)
    return headers["Lambda-Runtime-Aws-Request-Id"], headers, json.loads(body)

def respond(request_id, value, **more):
    return call("POST", f"/runtime/invocation/{request_id}/response", value, **more)
"""

ECHO = """
while True:
    request_id, headers, event = next()
    respond(request_id, json.dumps({"event": event, "headers": headers}))
"""


def zipped(files: dict[str, str]) -> bytes:
    """A package whose files are executable."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            package.writestr(entry, text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("custom") / "data"
    running = RunningServer(data_dir=data).start()
    yield running
    running.stop()


def create(server: RunningServer, name: str, files: dict[str, str], **options: Any) -> Any:
    client = server.client("lambda")
    client.create_function(
        **{
            "FunctionName": name,
            "Runtime": "provided.al2023",
            "Handler": "unused",
            "Role": ROLE,
            "Timeout": CREATED_TIMEOUT_S,
            "Code": {"ZipFile": zipped(files)},
            **options,
        }
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return client


def invoke(client: Any, name: str, event: Any = None, **options: Any) -> tuple[Any, str, str]:
    """(result, FunctionError or "", the log's tail)."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail", **options)
    tail = base64.b64decode(answer["LogResult"]).decode()
    return json.loads(answer["Payload"].read()), answer.get("FunctionError", ""), tail


def test_a_shell_script_with_curl_is_a_runtime_and_stays_warm(server: RunningServer) -> None:
    client = create(server, "shell", {"bootstrap": SHELL})
    first, _, tail = invoke(client, "shell", {"n": 1})
    assert first == {"event": {"n": 1}, "pid": 1}
    assert "an event came" in tail
    assert "Init Duration" in tail
    tails = []
    for number in range(10):  # the script may still be ending its curl: then another one begins
        again, _, tail = invoke(client, "shell", {"n": number})
        assert again["event"] == {"n": number}
        tails.append(tail)
    assert not all("Init Duration" in tail for tail in tails)


def test_an_invocation_carries_every_header_of_the_runtime_api(server: RunningServer) -> None:
    client = create(server, "headers", {"bootstrap": CLIENT + ECHO})
    context = base64.b64encode(json.dumps({"custom": {"a": "ü"}}).encode()).decode()
    result, _, _ = invoke(client, "headers", {"x": "✓"}, ClientContext=context)
    headers = result["headers"]
    assert result["event"] == {"x": "✓"}
    assert headers["Content-Type"] == "application/json"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"].endswith(":function:headers")
    assert int(headers["Lambda-Runtime-Deadline-Ms"]) > 1_600_000_000_000
    assert "custom" in headers["Lambda-Runtime-Client-Context"]


def test_a_bootstrap_may_come_from_a_layer(server: RunningServer) -> None:
    client = server.client("lambda")
    layer = client.publish_layer_version(
        LayerName="runtime", Content={"ZipFile": zipped({"bootstrap": CLIENT + ECHO})}
    )
    create(server, "layered", {"other": ""}, Layers=[layer["LayerVersionArn"]])
    assert invoke(client, "layered", 7)[0]["event"] == 7


def test_no_bootstrap_is_an_invalid_entrypoint(server: RunningServer) -> None:
    client = create(server, "none", {"other": ""})
    result, error, tail = invoke(client, "none")
    assert error == "Unhandled"
    assert result["errorType"] == "Runtime.InvalidEntrypoint"
    assert result["errorMessage"].endswith(
        "Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    )
    assert "Phase: invoke\tStatus: error\tError Type: Runtime.InvalidEntrypoint" in tail


MACHINES = {"x86_64": 62, "arm64": 183}
HOST = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
OTHER = next(name for name in MACHINES if name != HOST)

needs_no_emulator = pytest.mark.skipif(
    OTHER in host_architectures(), reason=f"an emulator of {OTHER} is registered on this host"
)


def machine_code(architecture: str) -> str:
    """What begins like a program for `architecture`."""
    return f"\x7fELF\2\1\1{chr(0) * 9}\2\0{chr(MACHINES[architecture])}\0{chr(0) * 44}"


@needs_no_emulator
def test_a_bootstrap_for_another_architecture_is_an_exec_format_error(
    server: RunningServer,
) -> None:
    """Source: awsdocs/aws-lambda-developer-guide#460, aws/aws-sam-cli#3338."""
    files = {"bootstrap": machine_code(OTHER)}
    client = create(server, "foreign", files, Architectures=[HOST])
    result, error, _ = invoke(client, "foreign")
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")
    assert result["errorMessage"].endswith(
        "Error: fork/exec /var/task/bootstrap: exec format error"
    )


@needs_no_emulator
def test_machine_code_that_the_host_cannot_run_is_a_failed_function(server: RunningServer) -> None:
    files = {"bootstrap": machine_code(OTHER)}
    with pytest.raises(WaiterError):
        create(server, "unrunnable", files, Architectures=[OTHER])
    client = server.client("lambda")
    shown = client.get_function_configuration(FunctionName="unrunnable")
    assert (shown["State"], shown["StateReasonCode"]) == (
        "Failed",
        "FunctionError.InvalidEntryPoint",
    )
    assert shown["StateReason"].startswith(f"This host runs code for {HOST}, not for {OTHER}")
    with pytest.raises(ClientError, match="currently in the following state: Failed"):
        client.invoke(FunctionName="unrunnable")


def test_a_script_runs_whatever_architecture_its_function_has(server: RunningServer) -> None:
    client = create(server, "portable", {"bootstrap": CLIENT + ECHO}, Architectures=[OTHER])
    assert invoke(client, "portable", 7)[0]["event"] == 7


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"other": ""}, "fork/exec /var/task/main: no such file or directory"),
        (
            {"main": "#!/no/such/interpreter\n"},
            "fork/exec /var/task/main: no such file or directory",
        ),
        ({"main": "no program"}, "fork/exec /var/task/main: exec format error"),
        ({"main": machine_code("arm64")}, "fork/exec /var/task/main: exec format error"),
    ],
)
def test_a_go_program_that_cannot_be_started_is_a_path_error(
    server: RunningServer, files: dict[str, str], text: str
) -> None:
    """Source: aws/aws-lambda-go#333, aws/aws-sam-cli#274."""
    name = f"go-{zlib.crc32(repr(files).encode())}"
    client = create(server, name, files, Runtime="go1.x", Handler="main", Architectures=["x86_64"])
    result, error, _ = invoke(client, name)
    assert error == "Unhandled"
    assert result == {"errorType": "PathError", "errorMessage": text}


def test_errors_are_as_the_runtime_words_them_and_it_stays_warm(server: RunningServer) -> None:
    script = """
count = 0
while True:
    request_id, headers, event = next()
    count += 1
    error = json.dumps({"errorType": "Mine", "errorMessage": str(count), "stackTrace": []})
    call("POST", f"/runtime/invocation/{request_id}/error", error,
         {"Lambda-Runtime-Function-Error-Type": "Mine"})
"""
    client = create(server, "errors", {"bootstrap": CLIENT + script})
    for number in (1, 2):
        result, error, _ = invoke(client, "errors")
        assert error == "Unhandled"
        assert result == {"errorType": "Mine", "errorMessage": str(number), "stackTrace": []}


def test_an_init_error_is_told_with_its_type(server: RunningServer) -> None:
    script = """
error = json.dumps({"errorType": "Runtime.NoSuchHandler", "errorMessage": "missing"})
call("POST", "/runtime/init/error", error)
sys.exit(1)
"""
    client = create(server, "init-error", {"bootstrap": CLIENT + script})
    result, error, tail = invoke(client, "init-error")
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.NoSuchHandler")
    assert "Error Type: Runtime.NoSuchHandler" in tail


def test_an_exit_is_told_with_its_status_and_the_next_invocation_is_cold(
    server: RunningServer,
) -> None:
    script = """
request_id, headers, event = next()
if event == "exit":
    sys.exit(9)
respond(request_id, json.dumps("alive"))
next()
"""
    client = create(server, "exits", {"bootstrap": CLIENT + script})
    result, error, _ = invoke(client, "exits", "exit")
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert result["errorMessage"].endswith("Runtime exited with error: exit status 9")
    assert invoke(client, "exits", "go")[0] == "alive"


def test_a_runtime_that_never_answers_times_out(server: RunningServer) -> None:
    client = create(server, "slow", {"bootstrap": CLIENT + "next(); time.sleep(60)"}, Timeout=1)
    result, error, tail = invoke(client, "slow")
    assert (error, result["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "Task timed out after 1.00 seconds" in tail


def test_calls_in_the_wrong_order_and_unknown_ones_are_refused(server: RunningServer) -> None:
    script = """
early = respond("nobody", "{}")[0]
request_id, headers, event = next()
got = {
    "early": early,
    "other": respond("another-request", "{}")[0],
    "again": call("GET", "/runtime/invocation/next")[0],
    "init": call("POST", "/runtime/init/error", "{}")[0],
    "unknown": call("GET", "/runtime/nothing")[0],
    "method": call("DELETE", "/runtime/invocation/next")[0],
    "ping": call("GET", "/ping")[0],
}
accepted = respond(request_id, json.dumps(got))[0]
assert accepted == 202
assert respond(request_id, "{}")[0] == 403
next()
"""
    client = create(server, "orders", {"bootstrap": CLIENT + script})
    result, _, _ = invoke(client, "orders")
    assert result == {
        "early": 403,
        "other": 400,
        "again": 403,
        "init": 403,
        "unknown": 404,
        "method": 405,
        "ping": 200,
    }


def test_a_response_of_6_mb_passes_and_a_larger_one_is_refused_with_413(
    server: RunningServer,
) -> None:
    script = """
while True:
    request_id, headers, size = next()
    status = respond(request_id, json.dumps("x" * size))[0]
    print("status", status, flush=True)
"""
    client = create(server, "large", {"bootstrap": CLIENT + script})
    largest = 6_291_556 - 2
    assert len(invoke(client, "large", largest)[0]) == largest
    result, error, _ = invoke(client, "large", largest + 1)
    assert (error, result["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert invoke(client, "large", 3)[0] == "xxx"


STREAM = """
def parts(event):
    for number in range(event["parts"]):
        yield ("part %d " % number).encode()
    if event.get("fail"):
        raise SystemExit(3)

MODE = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Content-Type": "text/plain",
        "Transfer-Encoding": "chunked"}
while True:
    request_id, headers, event = next()
    if event.get("trailer"):
        import base64, socket
        error = base64.b64encode(json.dumps({"errorType": "Late", "errorMessage": "m"}).encode())
        api.close()
        raw = socket.create_connection(("127.0.0.1", 9001))
        raw.sendall(b"POST /2018-06-01/runtime/invocation/" + request_id.encode()
            + b"/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: text/plain\\r\\n"
            + b"Lambda-Runtime-Function-Response-Mode: streaming\\r\\n"
            + b"Trailer: Lambda-Runtime-Function-Error-Type\\r\\n"
            + b"Transfer-Encoding: chunked\\r\\n\\r\\n5\\r\\nfirst\\r\\n0\\r\\n"
            + b"Lambda-Runtime-Function-Error-Type: Late\\r\\n"
            + b"Lambda-Runtime-Function-Error-Body: " + error + b"\\r\\n\\r\\n")
        raw.recv(1000)
        raw.close()
    else:
        respond(request_id, parts(event), headers=MODE, chunked=True)
"""


def stream(client: Any, name: str, event: Any) -> tuple[bytes, dict[str, Any]]:
    answer = client.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event))
    body, complete = b"", {}
    for one in answer["EventStream"]:
        body += one.get("PayloadChunk", {}).get("Payload", b"")
        complete = one.get("InvokeComplete", complete)
    return body, complete


def test_a_streamed_response_arrives_in_parts_and_its_errors_too(server: RunningServer) -> None:
    client = create(server, "streams", {"bootstrap": CLIENT + STREAM})
    body, complete = stream(client, "streams", {"parts": 3})
    assert body == b"part 0 part 1 part 2 "
    assert "ErrorCode" not in complete
    body, complete = stream(client, "streams", {"trailer": True})
    assert body == b"first"
    assert complete["ErrorCode"] == "Late"
    body, complete = stream(client, "streams", {"parts": 1, "fail": True})
    assert body == b"part 0 "
    assert complete["ErrorCode"] in ("Runtime.TruncatedResponse", "Runtime.ExitError")
    assert stream(client, "streams", {"parts": 1})[0] == b"part 0 "
