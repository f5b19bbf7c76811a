"""The server as a process: start, drain, refuse, reset, restart, and what it must withstand.

Sources: the issue of step 1, "What a user gets", "Execution", "Durable"; facts, 'Throttle Reasons'.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lambent.domain.limits import HEADER_TIMEOUT_S
from tests.conftest import RUNTIME, RunningServer, make_zip, running
from tests.system.host import (
    Traces,
    connection,
    get_json,
    wait_for,
)
from tests.system.sleepy import SLEEPY, alive, begin_sleeping, begun, call

TRUST = '{"Version": "2012-10-17", "Statement": []}'


# The end


def test_sigterm_lets_what_runs_finish_takes_nothing_new_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    traces = Traces(tmp_path)
    server = RunningServer(tmp_path / "data").start()
    try:
        client = server.create("drained", SLEEPY, Timeout=20)
        server.create("idle", SLEEPY)
        call(client, "idle")
        with begin_sleeping(server, client, "drained", 4.0, count=2) as calls:
            traces.watch(server)
            server.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
            wait_for(lambda: refuses(server), "an end of listening")
            assert not any(one.done() for one in calls)
            assert [one.result()[1] for one in calls] == [4.0, 4.0]
        assert server.process.wait(60) == 0  # type: ignore[union-attr]
    finally:
        server.kill()
    traces.assert_none()
    assert sorted(path.name for path in server.data_dir.iterdir()) == [
        "code",
        "environment.key",
        "lambent.db",
        "lambent.db.lock",
        "logs.db",
        "s3",
    ], "what SQLite keeps beside an open file is gone"
    for folder in ("tmp", "trash", "opt"):
        assert not list((server.data_dir / "code" / folder).iterdir())
    assert "fault" not in server.log()


def refuses(server: RunningServer) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_second_sigterm_does_not_wait_for_what_runs(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    traces = Traces(tmp_path)
    try:
        client = server.create("long", SLEEPY, Timeout=600)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(client.invoke, FunctionName="long", Payload=b'{"s": 500}')
            wait_for(lambda: begun(server, "long"), "the invocation to begin")
            traces.watch(server)
            for _ in range(2):
                server.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
                wait_for(lambda: refuses(server), "an end of listening")
            assert server.process.wait(60) == 0  # type: ignore[union-attr]
    finally:
        server.kill()
    traces.assert_none()


def test_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        with connection(server) as idle, connection(server) as half:
            idle.sendall(b"GET /_lambent/health HTTP/1.1\r\nhost: x\r\n\r\n")
            assert idle.recv(65536).startswith(b"HTTP/1.1 200 ")
            half.sendall(b"POST /2015-03-31/functions HTTP/1.1\r\nhost: x\r\ncontent-le")
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < HEADER_TIMEOUT_S - 1, "either was waited for"
    finally:
        server.kill()


# The start


def start_again(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambent", "start", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_port_that_is_taken_is_said_and_ends_the_start(
    server: RunningServer, tmp_path: Path
) -> None:
    done = start_again("--port", str(server.port), "--data-dir", str(tmp_path / "other"))
    assert done.returncode == 1
    assert f"port {server.port} on 127.0.0.1 is in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ready" not in done.stdout


def test_an_interpreter_that_is_not_there_is_said_and_ends_the_start(tmp_path: Path) -> None:
    python = "python3.12=/nowhere"
    done = start_again("--port", "0", "--data-dir", str(tmp_path), "--python", python)
    assert done.returncode == 1
    assert done.stderr == f"lambent: LAMBENT_PYTHONS: {python}: No such file or directory\n"


def test_a_data_folder_that_is_in_use_is_said_and_ends_the_start(server: RunningServer) -> None:
    done = start_again("--port", "0", "--data-dir", str(server.data_dir))
    assert done.returncode == 1
    assert str(server.data_dir) in done.stderr
    assert "another" in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert get_json(server, "/_lambent/health")["status"] == "ready"


def test_health_tells_tools_that_the_server_is_ready(server: RunningServer) -> None:
    health = get_json(server, "/_lambent/health")
    assert health["status"] == "ready"
    assert {"lambda", "iam", "logs", "sts"} <= set(health["services"])
    assert RUNTIME in health["runtimes"]
    assert health["isolation"]["items"]
    assert health["environments"]["max"] > 0
    assert get_json(server, "/_localstack/health")["services"]["lambda"] == "running"


# Reset


def test_reset_is_refused_unless_it_was_allowed(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        server.create("stays", SLEEPY)
        for path in ("/_lambent/reset", "/_localstack/state/reset"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                get_json(server, path, method="POST")
            assert caught.value.code == 403
            assert "--allow-reset" in caught.value.read().decode()
            caught.value.close()
        assert server.client("lambda").get_function(FunctionName="stays")


def test_reset_empties_everything_and_the_server_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--allow-reset") as server:
        client, iam, logs = (server.client(name) for name in ("lambda", "iam", "logs"))
        for path in ("/_lambent/reset", "/_localstack/state/reset"):
            layer = client.publish_layer_version(
                LayerName="layer", Content={"ZipFile": make_zip({"data": "1"})}
            )
            assert layer["Version"] == 1, "layers are numbered from the beginning again"
            for number in range(20):
                server.create(f"f{number}", SLEEPY, Layers=[layer["LayerVersionArn"]])
            for number in range(10):
                call(client, f"f{number}")
            iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
            assert alive(server) == 10
            began = time.monotonic()
            assert get_json(server, path, method="POST") == {"status": "empty"}
            print(f"reset took {(time.monotonic() - began) * 1000:.1f} ms as the client sees it")
            assert client.list_functions()["Functions"] == []
            assert client.list_layers()["Layers"] == []
            assert iam.list_roles()["Roles"] == []
            assert logs.describe_log_groups()["logGroups"] == []
            assert get_json(server, "/_lambent/bill")["functions"] == {}
            assert client.get_account_settings()["AccountUsage"] == {
                "TotalCodeSize": 0,
                "FunctionCount": 0,
            }
            wait_for(lambda: alive(server) == 0, "the environments to end")
            wait_for(lambda: not stored(server), "the code to be removed")
        server.create("after", SLEEPY)
        assert call(client, "after")[1] == 0
    assert "fault" not in server.log()


def stored(server: RunningServer) -> list[Path]:
    code = server.data_dir / "code"
    return [path for kind in ("code", "zips", "opt") for path in (code / kind).iterdir()]


def test_a_reset_ends_what_runs_with_an_answer(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--allow-reset") as server:
        client = server.create("interrupted", SLEEPY, Timeout=600)
        with ThreadPoolExecutor(1) as pool:
            interrupted = pool.submit(
                client.invoke, FunctionName="interrupted", Payload=b'{"s": 500}'
            )
            wait_for(lambda: begun(server, "interrupted"), "the invocation to begin")
            get_json(server, "/_lambent/reset", method="POST")
            wait_for(interrupted.done, "an answer")
        server.create("interrupted", SLEEPY)
        assert call(client, "interrupted")[1] == 0


# Restart


def test_everything_survives_a_graceful_restart(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        client, iam, logs = (server.client(name) for name in ("lambda", "iam", "logs"))
        layer = client.publish_layer_version(
            LayerName="kept", Content={"ZipFile": make_zip({"python/shared.py": "V = 7\n"})}
        )
        source = """
import shared
def handler(event, context):
    print("a line")
    return shared.V
"""
        server.create(
            "kept", source, Layers=[layer["LayerVersionArn"]], Tags={"a": "b"}, MemorySize=256
        )
        assert call(client, "kept") == 7
        iam.create_role(RoleName="kept", AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName="kept", PolicyName="p", PolicyDocument=TRUST)
        logs.create_log_group(logGroupName="mine")
        before = everything(server)
        assert before["bill"]["functions"]["kept"]["Invocations"] == 1
        assert any("a line" in message for message in before["messages"])
        assert server.stop() == 0
        server.start()
        assert everything(server) == before
        client = server.client("lambda")
        assert call(client, "kept") == 7
        assert len(everything(server)["messages"]) > len(before["messages"])
        published = client.publish_layer_version(
            LayerName="kept", Content={"ZipFile": make_zip({"x": "y"})}
        )
        assert published["Version"] == 2
        assert server.stop() == 0
    finally:
        server.kill()


def everything(server: RunningServer) -> dict[str, Any]:
    """What a client can read of the server's state."""
    client, iam, logs = (server.client(name) for name in ("lambda", "iam", "logs"))
    function = client.get_function(FunctionName="kept")
    groups = logs.describe_log_groups()["logGroups"]
    events = logs.filter_log_events(logGroupName="/aws/lambda/kept")["events"]
    return {
        "configuration": function["Configuration"],
        "tags": function["Tags"],
        "layers": [one["LatestMatchingVersion"] for one in client.list_layers()["Layers"]],
        "role": iam.get_role(RoleName="kept")["Role"],
        "policy": iam.get_role_policy(RoleName="kept", PolicyName="p")["PolicyDocument"],
        "groups": [(group["logGroupName"], group["creationTime"]) for group in groups],
        "messages": [event["message"] for event in events],
        "bill": get_json(server, "/_lambent/bill"),
    }
