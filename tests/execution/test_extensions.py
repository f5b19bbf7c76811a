"""Extensions beside a runtime, on real sandboxes.

Source: Developer Guide, "Using the Lambda Extensions API to create extensions" and "Lambda
execution environment lifecycle"; facts, 'Extensions API' and 'Lifecycle'.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CREATED_TIMEOUT_S, ROLE, RUNTIME, RunningServer
from tests.execution.test_custom_runtimes import CLIENT, ECHO, create, invoke, zipped
from tests.gate import WAIT, Gate

EXTENSION = """#!/usr/bin/env -S python3 -IS
import http.client, json, os, signal, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
NAME = os.path.basename(__file__)

def call(method, path, body=None, headers={}):
    api.request(method, "/2020-01-01/extension/" + path, body, headers)
    answer = api.getresponse()
    return answer.status, dict(answer.getheaders()), json.loads(answer.read() or b"null")

def register(*events, **more):
    status, headers, body = call("POST", "register", json.dumps({"events": events}),
                                 {"Lambda-Extension-Name": NAME, **more})
    assert status == 200, body
    return headers["Lambda-Extension-Identifier"], body

def next(identifier):
    status, headers, event = call("GET", "event/next",
                                  headers={"Lambda-Extension-Identifier": identifier})
    assert status == 200, event
    return event

def say(*words):
    print(NAME, *words, flush=True)
"""

FOLLOWER = (
    EXTENSION
    + """
features = {"Lambda-Extension-Accept-Feature": "accountId"}
identifier, body = register("INVOKE", "SHUTDOWN", **features)
say("registered", json.dumps(body, sort_keys=True))
while True:
    event = next(identifier)
    say("event", json.dumps(event, sort_keys=True))
    if event["eventType"] == "SHUTDOWN":
        break
"""
)

HANDLER = """
import os, time, signal
def left(number, frame):
    print("asked to leave", flush=True)
    raise SystemExit
signal.signal(signal.SIGTERM, left)
def handler(event, context):
    if event == "hang":
        time.sleep(60)
    if event == "exit":
        os._exit(3)
    return {"event": event, "pid": os.getpid(), "parent": os.getppid()}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("extensions") / "data"
    running = RunningServer(data_dir=data).start()
    yield running
    running.stop()


def publish(server: RunningServer, name: str, **programs: str) -> str:
    """A layer with external extensions; its ARN."""
    files = {f"extensions/{file}": text for file, text in programs.items()}
    layer = server.client("lambda").publish_layer_version(
        LayerName=name, Content={"ZipFile": zipped(files)}
    )
    arn: str = layer["LayerVersionArn"]
    return arn


def create_python(server: RunningServer, name: str, code: str = HANDLER, **options: Any) -> Any:
    client = server.client("lambda")
    client.create_function(
        **{
            "FunctionName": name,
            "Runtime": RUNTIME,
            "Timeout": CREATED_TIMEOUT_S,
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"ZipFile": zipped({"app.py": code})},
            **options,
        }
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return client


def logged(server: RunningServer, name: str, wanted: Callable[[str], bool]) -> str:
    """The function's whole log, once it is as wanted; what is there after some seconds else."""
    logs = server.client("logs")
    text = ""
    for _ in range(1200):
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}").get("events", [])
        text = "".join(event["message"] for event in events)
        if wanted(text):
            break
        time.sleep(0.05)
    return text


def events_of(text: str, name: str) -> list[dict[str, Any]]:
    mark = f"{name} event "
    return [
        json.loads(line.partition(mark)[2]) for line in text.splitlines() if line.startswith(mark)
    ]


def end(server: RunningServer, client: Any, name: str) -> None:
    """Have its environments end."""
    client.update_function_configuration(FunctionName=name, Description="another")
    client.get_waiter("function_updated_v2").wait(FunctionName=name)


@pytest.mark.parametrize("kind", ["frames", "http"])
def test_an_external_extension_follows_the_whole_life_of_its_environment(
    server: RunningServer, kind: str
) -> None:
    name = f"followed-{kind}"
    layer = publish(server, name, follower=FOLLOWER)
    if kind == "frames":
        client = create_python(server, name, Layers=[layer])
    else:
        client = create(server, name, {"bootstrap": CLIENT + ECHO}, Layers=[layer])
    for number in (1, 2, 3):
        result, error, tail = invoke(client, name, number)
        assert (error, result["event"]) == ("", number)
        assert ("Init Duration" in tail) == (number == 1)
        assert tail.rstrip().splitlines()[-1].startswith("REPORT RequestId")
    end(server, client, name)
    text = logged(server, name, lambda text: '"SHUTDOWN"' in text)
    assert "EXTENSION\tName: follower\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n" in text
    account = '"accountId": "000000000000"'
    assert f"follower registered {{{account}, " in text
    assert (
        text.index("follower registered")
        < text.index("EXTENSION")
        < text.index("\nSTART RequestId")
    )
    *invokes, shutdown = events_of(text, "follower")
    assert [event["eventType"] for event in invokes] == ["INVOKE"] * 3
    assert len({event["requestId"] for event in invokes}) == 3
    for event in invokes:
        assert event["invokedFunctionArn"].endswith(f":function:{name}")
        assert event["deadlineMs"] > 1_600_000_000_000
        assert event["tracing"]["type"] == "X-Amzn-Trace-Id"
        assert event["tracing"]["value"].startswith("Root=1-")
    assert shutdown["eventType"] == "SHUTDOWN"
    assert shutdown["shutdownReason"] == "spindown"
    if kind == "frames":
        assert "asked to leave" in text


def test_an_extension_that_works_after_the_answer_holds_up_the_report_and_not_the_answer(
    server: RunningServer,
) -> None:
    """PostRuntimeExtensionsDuration: the next invocation waits for the extension as well."""
    gate = Gate(server)
    slow = (
        EXTENSION
        + WAIT
        + f"""
identifier, _ = register("INVOKE")
while True:
    next(identifier)
    wait_at({gate.url!r})
    time.sleep(0.5)
    say("flushed")
"""
    )
    client = create_python(server, "flushing", Layers=[publish(server, "flushing", slow=slow)])
    answer = client.invoke(FunctionName="flushing", Payload=b"1")
    assert json.loads(answer["Payload"].read())["event"] == 1
    assert "slow flushed" not in logged(server, "flushing", lambda text: "START Req" in text)
    gate.open(2)
    text = logged(server, "flushing", lambda text: "REPORT" in text)
    assert text.index("slow flushed") < text.index("\nEND RequestId")
    result, _, tail = invoke(client, "flushing", 2)
    assert result["event"] == 2
    assert "slow flushed" in tail
    assert float(tail.partition("\tDuration: ")[2].split()[0]) >= 500


def test_the_timeout_covers_extensions_and_they_hear_of_it(server: RunningServer) -> None:
    stuck = (
        EXTENSION
        + """
identifier, _ = register("INVOKE", "SHUTDOWN")
say("event", json.dumps(next(identifier)))
time.sleep(3.5)
say("event", json.dumps(next(identifier)))
"""
    )
    layer = publish(server, "stuck", stuck=stuck)
    client = create_python(server, "stuck", Layers=[layer], Timeout=3)
    result, error, tail = invoke(client, "stuck", 1)
    assert (error, result["event"]) == ("", 1)
    assert "Task timed out after 3.00 seconds" in tail
    assert "Status: timeout" in tail
    text = logged(server, "stuck", lambda text: '"SHUTDOWN"' in text)
    assert events_of(text, "stuck")[1]["shutdownReason"] == "timeout"
    assert invoke(client, "stuck", 2)[0]["event"] == 2


@pytest.mark.parametrize(("event", "reason"), [("hang", "timeout"), ("exit", "failure")])
def test_extensions_hear_why_the_environment_ends(
    server: RunningServer, event: str, reason: str
) -> None:
    name = f"ends-by-{event}"
    layer = publish(server, name, follower=FOLLOWER)
    seconds = {"hang": 2, "exit": 30}[event]
    client = create_python(server, name, Layers=[layer], Timeout=seconds)
    result, error, _ = invoke(client, name, event)
    expected = {"hang": "Sandbox.Timedout", "exit": "Runtime.ExitError"}[event]
    assert (error, result["errorType"]) == ("Unhandled", expected)
    text = logged(server, name, lambda text: '"SHUTDOWN"' in text)
    assert events_of(text, "follower")[-1]["shutdownReason"] == reason
    result, _, tail = invoke(client, name, 2)
    assert result["event"] == 2
    assert "follower registered" in tail, "they are started again, with the runtime"
    streams = server.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")
    assert len(streams["logStreams"]) == 1, "the environment was reset, not replaced"


FAILURES = {
    "crash-in-init": ("sys.exit(7)", "Extension.Crash", "exit status 7"),
    "crash-in-invoke": (
        'identifier, _ = register("INVOKE")\nnext(identifier)\nsys.exit(0)',
        "Extension.Crash",
        "exit code 0",
    ),
    "init-error": (
        "identifier, _ = register()\n"
        'call("POST", "init/error", "{}", {"Lambda-Extension-Identifier": identifier,'
        ' "Lambda-Extension-Function-Error-Type": "Mine.NoConfig"})\ntime.sleep(60)',
        "Extension.InitError",
        "Mine.NoConfig",
    ),
    "exit-error": (
        'identifier, _ = register("INVOKE")\nnext(identifier)\n'
        'call("POST", "exit/error", "{}", {"Lambda-Extension-Identifier": identifier,'
        ' "Lambda-Extension-Function-Error-Type": "Mine.Broken"})\ntime.sleep(60)',
        "Extension.ExitError",
        "Mine.Broken",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_an_extension_that_fails_fails_the_invocation_by_its_name(
    server: RunningServer, case: str
) -> None:
    code, error_type, text = FAILURES[case]
    layer = publish(server, f"failing-{case}", failing=EXTENSION + code)
    client = create_python(
        server, f"failing-{case}", "import time\ndef handler(e, c): time.sleep(20)", Layers=[layer]
    )
    result, error, tail = invoke(client, f"failing-{case}")
    assert (error, result["errorType"]) == ("Unhandled", error_type)
    assert result["errorMessage"].endswith(f" Error: {text}")
    assert f"Error: {text}\n{error_type}" in tail


def test_an_extension_that_cannot_be_started_is_a_launch_error(server: RunningServer) -> None:
    layer = publish(server, "unlaunched", bad="no program at all\n\0")
    client = create_python(server, "unlaunched", Layers=[layer])
    result, error, _ = invoke(client, "unlaunched")
    assert (error, result["errorType"]) == ("Unhandled", "Extension.LaunchError")
    assert "fork/exec /opt/extensions/bad: exec format error" in result["errorMessage"]


INTERNAL = """
import http.client, json, os, threading
def call(method, path, body=None, headers={}):
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request(method, "/2020-01-01/extension/" + path, body, headers)
    answer = api.getresponse()
    return answer.status, dict(answer.getheaders()), json.loads(answer.read() or b"null")

def register(name, *events):
    return call("POST", "register", json.dumps({"events": events}), {"Lambda-Extension-Name": name})

def follow(identifier):
    while True:
        _, _, event = call("GET", "event/next", headers={"Lambda-Extension-Identifier": identifier})
        print("inside event", json.dumps(event), flush=True)

got = {"shutdown": register("inside", "SHUTDOWN")[2]["errorType"]}
for number in range(10):
    status, headers, body = register(f"inside-{number}", "INVOKE")
    assert status == 200, body
    identifier = headers["Lambda-Extension-Identifier"]
    threading.Thread(target=follow, args=(identifier,), daemon=True).start()
got["eleventh"] = register("inside-10")[2]["errorType"]
got["twice"] = register("inside-0")[2]["errorType"]

def handler(event, context):
    late = register("late")[2]["errorType"]
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    runtime.request("GET", "/2018-06-01/runtime/invocation/next")
    return {**got, "late": late, "runtime": runtime.getresponse().status}
"""


def test_internal_extensions_register_while_the_runtime_initialises(server: RunningServer) -> None:
    client = create_python(server, "internal", INTERNAL)
    for _ in range(2):
        result, error, _ = invoke(client, "internal")
        assert error == ""
        assert result == {
            "shutdown": "Extension.InvalidEventType",
            "eleventh": "Extension.TooManyExtensions",
            "twice": "Extension.InvalidExtensionState",
            "late": "Extension.RegistrationClosed",
            "runtime": 403,
        }
    text = logged(server, "internal", lambda text: text.count("inside event") == 20)
    assert text.count("EXTENSION\tName: inside-") == 10
    assert text.count("inside event") == 20


def test_nobody_registers_once_the_init_is_over_where_no_extension_is(
    server: RunningServer,
) -> None:
    late = (
        EXTENSION
        + """
def handler(event, context):
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("POST", "/2020-01-01/extension/register", '{"events": ["INVOKE"]}',
                {"Lambda-Extension-Name": "late"})
    return json.loads(api.getresponse().read())
"""
    )
    client = create_python(server, "late", late)
    for _ in range(2):
        result, error, _ = invoke(client, "late")
        assert (error, result["errorType"]) == ("", "Extension.RegistrationClosed")
