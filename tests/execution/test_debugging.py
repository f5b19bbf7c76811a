"""`lambent debug`: real debuggers stop real functions, by their own protocols."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from lambent.runtime.families import nodejs
from lambent.runtime.interpreters import find_interpreters
from tests.conftest import RunningServer, make_zip, running
from tests.debuggers import JDWP_HANDSHAKE, Dap, Inspector, shake_hands
from tests.javas import NO_JAVA, compile_java, core_jar, find_jdks, make_jar
from tests.registries import run_command

NODES = nodejs.find("", {"PATH": "/usr/local/bin:/usr/bin:/bin"})
PYTHONS = tuple(find_interpreters("", os.environ))
JDKS = find_jdks()
JAVA_SOURCES = Path(__file__).parent / "java"

PYTHON = """
def handler(event, context):
    told = f"hello {event['name']}"
    return told
"""
LOOK = """
import sys
def look(event, context):
    return "debugpy" in sys.modules
"""
RETURN = 4
"""The line after which `told` is set."""

NODE = """
exports.handler = async (event) => {
  const told = `hello ${event.name}`;
  return told;
};
"""


LATER = """
import threading, time
def work():
    time.sleep(3)
    done = True
    return done
def handler(event, context):
    threading.Thread(target=work, daemon=True).start()
"""
LATER_RETURN = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With debugpy, fetched as an operator does; what is idle ends soon."""
    data: Path = tmp_path_factory.mktemp("debug") / "data"
    command = [sys.executable, "-m", "lambent", "debug", "--get", "debugpy"]
    run_command([*command, "--data-dir", str(data)], data.parent)
    with running(data, "--idle-timeout", "1s") as one:
        yield one


def ask(server: RunningServer, method: str, name: str, query: str = "") -> dict[str, Any]:
    request = Request(f"{server.endpoint}/_lambent/debug/{name}{query}", method=method)
    with urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def session(server: RunningServer, name: str) -> Iterator[int]:
    """The port of a debugging session."""
    begun = ask(server, "POST", name)
    assert begun["Ready"], begun
    try:
        yield begun["Port"]
    finally:
        ask(server, "DELETE", name)


@pytest.fixture
def caller() -> Iterator[ThreadPoolExecutor]:
    """Invokes while the test debugs."""
    with ThreadPoolExecutor() as pool:
        yield pool


def invoke(client: Any, name: str, event: Any) -> Any:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    result = json.loads(answer["Payload"].read())
    return result if "FunctionError" not in answer else {"failed": result}


def test_a_python_function_stops_at_a_breakpoint_and_no_time_out_ends_it(
    server: RunningServer, caller: ThreadPoolExecutor
) -> None:
    client = server.create("debug-python", PYTHON, Timeout=1)
    with session(server, "debug-python") as port, Dap(port) as debugger:
        debugger.attach("/var/task/app.py", RETURN)
        answer: Future[Any] = caller.submit(invoke, client, "debug-python", {"name": "Ada"})
        thread, frame = debugger.stop()
        assert debugger.evaluate(frame, "told") == "'hello Ada'"
        left = "context.get_remaining_time_in_millis()"
        debugger.evaluate(frame, f"__import__('time').sleep({left} / 1000 + 0.1)")
        assert debugger.evaluate(frame, left) == "0"
        debugger.evaluate(frame, "event.update(name='Grace')")
        debugger.proceed(thread)
        assert answer.result() == "hello Ada"


@pytest.mark.skipif(not NODES, reason="no Node.js here")
def test_a_nodejs_function_stops_at_a_breakpoint(
    server: RunningServer, caller: ThreadPoolExecutor
) -> None:
    name = "debug-node"
    client = server.create(
        name,
        {"app.js": NODE},
        Runtime=next(iter(NODES)),
        Environment={"Variables": {"NODE_OPTIONS": "--no-warnings"}},
    )
    with session(server, name) as port, Inspector(port) as debugger:
        debugger.stop_at("file:///var/task/app.js", 4)
        answer: Future[Any] = caller.submit(invoke, client, name, {"name": "Ada"})
        frame = debugger.wait_for("Debugger.paused")["callFrames"][0]["callFrameId"]
        found = debugger.ask(
            "Debugger.evaluateOnCallFrame",
            callFrameId=frame,
            expression="told + ' ' + process.env.NODE_OPTIONS",
        )
        assert found["result"]["value"].startswith("hello Ada --no-warnings --inspect=")
        debugger.ask("Debugger.resume")
        assert answer.result() == "hello Ada"


@pytest.mark.skipif(not JDKS, reason=NO_JAVA)
def test_a_java_function_answers_a_debuggers_greeting(
    tmp_path_factory: pytest.TempPathFactory, java_client: Path
) -> None:
    folder = tmp_path_factory.mktemp("debug-java")
    sources = sorted(JAVA_SOURCES.rglob("*.java"))
    (folder / "classes").mkdir()
    classes = compile_java(sources, folder / "classes", [core_jar(java_client)])
    with running(folder / "data", "--java-client", str(java_client)) as server:
        client = server.create(
            "debug-java",
            {"lib/function.jar": make_jar(classes)},
            Runtime=next(iter(JDKS)),
            Handler="example.Handlers::twice",
            Environment={"Variables": {"JAVA_TOOL_OPTIONS": "-Dgiven=yes"}},
            MemorySize=512,
            Timeout=30,
        )
        with session(server, "debug-java") as port:
            assert shake_hands(port) == JDWP_HANDSHAKE
            order = {"item": "tea", "pieces": 21, "notes": ["hot"]}
            assert invoke(client, "debug-java", order) == {**order, "pieces": 42}


def test_what_is_debugged_is_not_frozen_and_does_not_end_for_being_idle(
    server: RunningServer,
) -> None:
    """Where it were, its thread would never come to the breakpoint."""
    client = server.create("debug-idle", LATER)
    with session(server, "debug-idle") as port, Dap(port) as debugger:
        debugger.attach("/var/task/app.py", LATER_RETURN)
        assert invoke(client, "debug-idle", {}) is None
        thread, frame = debugger.stop()
        assert debugger.evaluate(frame, "done") == "True"
        debugger.proceed(thread)


def test_ending_the_session_lets_the_function_run_on_and_closes_the_port(
    server: RunningServer, caller: ThreadPoolExecutor
) -> None:
    name = "debug-end"
    client = server.create(name, PYTHON + LOOK, Timeout=30)
    port = ask(server, "POST", name)["Port"]
    with Dap(port) as debugger:
        debugger.attach("/var/task/app.py", RETURN)
        answer: Future[Any] = caller.submit(invoke, client, name, {"name": "Ada"})
        debugger.stop()
        with pytest.raises(ClientError) as refused:
            client.invoke(FunctionName=name, Payload=b'{"name": "Grace"}')
        assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
        ask(server, "DELETE", name)
        assert answer.result() == "hello Ada"
    with pytest.raises(ConnectionRefusedError):
        Dap(port)
    client.update_function_configuration(FunctionName=name, Handler="app.look")
    assert invoke(client, name, {}) is False
    with session(server, name):
        assert invoke(client, name, {}) is True


def test_after_a_change_of_code_a_debugger_reaches_the_new_one(server: RunningServer) -> None:
    name = "debug-change"
    client = server.create(name, PYTHON)
    with session(server, name) as port:
        assert ask(server, "POST", name)["Port"] == port  # one for each function
        with Dap(port) as debugger:
            debugger.attach("/var/task/app.py", RETURN)
            assert invoke_beside(client, name, debugger) == "hello Ada"
        changed = PYTHON.replace("hello", "good morning")
        client.update_function_code(FunctionName=name, ZipFile=make_zip({"app.py": changed}))
        with Dap(port) as debugger:
            debugger.attach("/var/task/app.py", RETURN)
            assert invoke_beside(client, name, debugger) == "good morning Ada"


def test_a_function_that_does_not_initialise_can_be_mended_while_it_is_debugged(
    server: RunningServer,
) -> None:
    name = "debug-broken"
    client = server.create(name, "raise ValueError('broken')")
    begun = ask(server, "POST", name)
    assert begun["Ready"] is False
    assert invoke(client, name, {})["failed"]["errorType"] == "ValueError"
    client.update_function_code(FunctionName=name, ZipFile=make_zip({"app.py": PYTHON}))
    with Dap(begun["Port"]) as debugger:
        debugger.attach("/var/task/app.py", RETURN)
        assert invoke_beside(client, name, debugger) == "hello Ada"
    ask(server, "DELETE", name)


def invoke_beside(client: Any, name: str, debugger: Dap) -> Any:
    """Invoke, and go on from the one breakpoint."""
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(invoke, client, name, {"name": "Ada"})
        debugger.proceed(debugger.stop()[0])
        return answer.result()


def test_what_cannot_be_debugged_says_why(server: RunningServer, tmp_path: Path) -> None:
    server.create("debug-provided", {"bootstrap": "#!/bin/sh"}, Runtime="provided.al2023")
    isolated = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}
    server.create("debug-tenants", PYTHON, **isolated)
    assert "provided.al2023, which cannot be debugged" in refusal(server, "debug-provided", 400)
    assert "TenancyConfig" in refusal(server, "debug-tenants", 400)
    assert "Function not found" in refusal(server, "debug-nothing", 404)
    assert "its name alone, not debug-nothing:1" in refusal(server, "debug-nothing:1", 400)
    server.create("debug-port", PYTHON)
    assert "A port is a number" in refusal(server, "debug-port", 400, "?port=x")
    taken = refusal(server, "debug-port", 409, f"?port={server.port}")
    assert f"Port {server.port}" in taken
    assert "not being debugged" in refusal(server, "debug-port", 404, method="DELETE")
    with running(tmp_path / "data") as other:
        other.create("debug-without", PYTHON)
        assert "lambent debug --get debugpy" in refusal(other, "debug-without", 400)


def refusal(
    server: RunningServer, name: str, status: int, query: str = "", method: str = "POST"
) -> str:
    with pytest.raises(HTTPError) as refused:
        ask(server, method, name, query)
    with refused.value as answer:
        assert answer.code == status
        return str(json.load(answer)["message"])


@pytest.mark.parametrize("runtime", dict.fromkeys((PYTHONS[0], PYTHONS[-1])))
def test_the_oldest_and_the_newest_python_here_have_the_same_debugger(
    server: RunningServer, runtime: str
) -> None:
    name = f"debug-{runtime.replace('.', '-')}"
    client = server.create(name, PYTHON, Runtime=runtime)
    with session(server, name) as port, Dap(port) as debugger:
        debugger.attach("/var/task/app.py", RETURN)
        assert invoke_beside(client, name, debugger) == "hello Ada"


@pytest.mark.skipif(not NODES, reason="no Node.js here")
def test_a_server_that_stops_lets_what_stands_at_a_breakpoint_run_on(
    tmp_path: Path, caller: ThreadPoolExecutor
) -> None:
    with running(tmp_path / "data") as server:
        runtime = next(iter(NODES))
        client = server.create("debug-stop", {"app.js": NODE}, Runtime=runtime, Timeout=60)
        with Inspector(ask(server, "POST", "debug-stop")["Port"]) as debugger:
            debugger.stop_at("file:///var/task/app.js", 4)
            answer: Future[Any] = caller.submit(invoke, client, "debug-stop", {"name": "Ada"})
            debugger.wait_for("Debugger.paused")
            assert server.stop() == 0
        assert answer.result() == "hello Ada"


def test_the_command_says_how_vs_code_attaches_and_ends_the_session(server: RunningServer) -> None:
    name = "debug-command"
    server.create(name, PYTHON)
    command = [sys.executable, "-m", "lambent", "--json", "debug", name]
    environ = {**os.environ, "AWS_ENDPOINT_URL": server.endpoint}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as told:
        text = ""
        while not text.endswith("\n}\n"):
            line = told.readline()
            assert line, text
            text += line
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    (configuration,) = json.loads(text)["Launch"]["configurations"]
    assert configuration == {
        "name": f"Lambent: {name}",
        "request": "attach",
        "type": "debugpy",
        "connect": {"host": "127.0.0.1", "port": json.loads(text)["Port"]},
        "pathMappings": [{"localRoot": "${workspaceFolder}", "remoteRoot": "/var/task"}],
    }
    refusal(server, name, 404, method="DELETE")


def test_a_session_whose_command_was_killed_can_be_ended(server: RunningServer) -> None:
    name = "debug-killed"
    server.create(name, PYTHON)
    command = [sys.executable, "-m", "lambent", "debug", name]
    environ = {**os.environ, "AWS_ENDPOINT_URL": server.endpoint}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as told:
        assert told.readline().startswith(f"{name} waits for a debugger (debugpy) at 127.0.0.1:")
        process.kill()
        process.wait()
    stopped = subprocess.run([*command, "--stop"], env=environ, capture_output=True, check=True)
    assert stopped.stdout == f"{name} is not debugged any more.\n".encode()
    refusal(server, name, 404, method="DELETE")
