"""The server as a process: start, drain, refuse, reset, restart, and what it must withstand.

Sources: the issue of step 1, "What a user gets", "Execution", "Durable"; facts, 'Throttle Reasons'.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RUNTIME, RunningServer, make_zip, running
from tests.system.host import (
    Traces,
    connection,
    environments,
    get_json,
    start_ticks,
    wait_for,
    zygotes,
)

SLEEPY = """
import time
def handler(event, context):
    print("began")
    time.sleep(event.get("s", 0))
    return [context.log_stream_name, event.get("s", 0)]
"""
TRUST = '{"Version": "2012-10-17", "Statement": []}'


def call(client: Any, name: str, payload: Any = None) -> Any:
    """Invoke; the parsed result, which must not be an error."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload or {}))
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    return result


def begun(server: RunningServer, name: str) -> int:
    """How many invocations of a SLEEPY function have begun."""
    logs = server.client("logs")
    try:
        page = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="began")
    except logs.exceptions.ResourceNotFoundException:
        return 0
    return len(page["events"])


@contextlib.contextmanager
def begin_sleeping(
    server: RunningServer, client: Any, name: str, seconds: float, count: int = 1
) -> Iterator[list[Future[Any]]]:
    """`count` invocations that are surely running when the block begins."""
    before = begun(server, name)
    with ThreadPoolExecutor(count) as pool:
        running_calls = [pool.submit(call, client, name, {"s": seconds}) for _ in range(count)]
        wait_for(lambda: begun(server, name) >= before + count, f"{count} invocations to begin")
        yield running_calls


def alive(server: RunningServer) -> int:
    return int(get_json(server, "/_lambent/health")["environments"]["alive"])


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
        with begin_sleeping(server, client, "drained", 2.0, count=2) as calls:
            traces.watch(server)
            server.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
            wait_for(lambda: refuses(server), "an end of listening", timeout_s=2)
            assert not any(one.done() for one in calls)
            assert [one.result()[1] for one in calls] == [2.0, 2.0]
        assert server.process.wait(10) == 0  # type: ignore[union-attr]
    finally:
        server.kill()
    traces.assert_none()
    assert sorted(path.name for path in server.data_dir.iterdir()) == [
        "code",
        "lambent.db",
        "lambent.db.lock",
        "logs.db",
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
        client = server.create("long", SLEEPY, Timeout=60)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(client.invoke, FunctionName="long", Payload=b'{"s": 50}')
            wait_for(lambda: begun(server, "long"), "the invocation to begin")
            traces.watch(server)
            for _ in range(2):
                server.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
                wait_for(lambda: refuses(server), "an end of listening", timeout_s=2)
            assert server.process.wait(10) == 0  # type: ignore[union-attr]
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
            assert time.monotonic() - began < 5
    finally:
        server.kill()


# The start


def start_again(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambent", "start", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
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
        client = server.create("interrupted", SLEEPY, Timeout=60)
        with ThreadPoolExecutor(1) as pool:
            interrupted = pool.submit(
                client.invoke, FunctionName="interrupted", Payload=b'{"s": 50}'
            )
            wait_for(lambda: begun(server, "interrupted"), "the invocation to begin")
            get_json(server, "/_lambent/reset", method="POST")
            wait_for(interrupted.done, "an answer", timeout_s=5)
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
        source = "import shared\ndef handler(event, context):\n    print('a line')\n    return shared.V\n"
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


# Concurrency


def test_more_than_the_accounts_concurrency_is_throttled_exactly(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--concurrency", "2") as server:
        client = server.create("two", SLEEPY, Timeout=30)
        server.create("other", SLEEPY)
        with begin_sleeping(server, client, "two", 2.0, count=2) as calls:
            for name in ("two", "other", "two"):
                with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
                    client.invoke(FunctionName=name)
                answer = caught.value.response
                assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
                assert answer["Reason"] == "ConcurrentInvocationLimitExceeded"
                assert answer["Error"]["Message"] == "Rate Exceeded."
            assert not any(one.done() for one in calls)
            assert [one.result()[1] for one in calls] == [2.0, 2.0]
        assert call(client, "other")[1] == 0
        bill = get_json(server, "/_lambent/bill")["functions"]
        assert (bill["two"]["Invocations"], bill["two"]["Throttles"]) == (2, 2)
        assert (bill["other"]["Invocations"], bill["other"]["Throttles"]) == (1, 1)

        def burst(_: int) -> str:
            try:
                call(client, "two", {"s": 0.5})
            except client.exceptions.TooManyRequestsException:
                return "throttled"
            return "ran"

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(burst, range(8)))
        assert 2 <= results.count("ran") <= 4, results
        assert alive(server) <= 3


def test_an_environment_that_is_idle_for_the_idle_time_out_ends(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--idle-timeout", "1s", "--parked", "0") as server:
        client = server.create("short-lived", SLEEPY)
        first = call(client, "short-lived")[0]
        assert alive(server) == 1
        wait_for(lambda: alive(server) == 0, "the environment to end", timeout_s=5)
        wait_for(lambda: not environments(server.pid), "its process to end")
        assert call(client, "short-lived")[0] != first


def test_no_more_environments_than_the_ceiling_and_idle_ones_make_room(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--environments-max", "2") as server:
        for name in ("a", "b", "c"):
            client = server.create(name, SLEEPY, Timeout=20)
        for name in ("a", "b", "c", "a", "b", "c"):
            call(client, name)
            assert alive(server) <= 2
        with begin_sleeping(server, client, "a", 1.5, count=2) as calls:
            with pytest.raises(client.exceptions.TooManyRequestsException):
                call(client, "b")
            assert alive(server) == 2
            assert [one.result()[1] for one in calls] == [1.5, 1.5]
        assert call(client, "b")[1] == 0


def test_a_functions_pool_is_never_larger_than_what_ran_at_once(server: RunningServer) -> None:
    client = server.create("pooled", SLEEPY)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: call(client, "pooled")[0], range(60)))
    assert len(set(results)) <= 3


# What happens to clients and environments


def test_a_client_that_hangs_up_leaves_the_environment_usable(server: RunningServer) -> None:
    client = server.create("hung-up", SLEEPY, Timeout=20)
    stream = call(client, "hung-up")[0]
    before = begun(server, "hung-up")
    path = "/2015-03-31/functions/hung-up/invocations"
    with connection(server) as raw:
        body = b'{"s": 1}'
        raw.sendall(
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        wait_for(lambda: begun(server, "hung-up") > before, "the invocation to begin")
    bill = lambda: get_json(server, "/_lambent/bill")["functions"]["hung-up"]  # noqa: E731
    wait_for(lambda: bill()["Invocations"] == 2, "the invocation to end and be counted")
    assert call(client, "hung-up")[0] == stream, "the same environment serves the next"


def test_a_flood_of_output_does_not_stop_other_functions(server: RunningServer) -> None:
    flood = """
import os, time
def handler(event, context):
    line = b"x" * 1000 + b"\\n"
    until = time.monotonic() + event["s"]
    while time.monotonic() < until:
        os.write(1, line * 50)
        print("y" * 1000)
"""
    client = server.create("flood", flood, Timeout=20)
    server.create("beside", SLEEPY)
    call(client, "beside")
    with ThreadPoolExecutor(1) as pool:
        flooding = pool.submit(call, client, "flood", {"s": 2})
        slowest = 0.0
        while not flooding.done():
            began = time.monotonic()
            call(client, "beside")
            slowest = max(slowest, time.monotonic() - began)
        flooding.result()
    print(f"slowest beside the flood: {slowest * 1000:.0f} ms")
    assert slowest < 2, "an invocation beside the flood waited for it"


def kill_and_wait(pids: list[int]) -> None:
    ticks = {pid: start_ticks(pid) for pid in pids}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: all(start_ticks(pid) != one for pid, one in ticks.items()),
        "killed processes to end",
    )


def test_an_environment_killed_from_outside_answers_and_the_next_works(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--parked", "0") as server:
        client = server.create("victim", SLEEPY, Timeout=30)
        call(client, "victim")
        kill_and_wait(environments(server.pid))
        assert call(client, "victim")[1] == 0, "an idle one that died is not used"
        with ThreadPoolExecutor(1) as pool:
            before = begun(server, "victim")
            killed = pool.submit(client.invoke, FunctionName="victim", Payload=b'{"s": 25}')
            wait_for(lambda: begun(server, "victim") > before, "the invocation to begin")
            kill_and_wait(environments(server.pid))
            answer = killed.result(timeout=5)
        assert answer["FunctionError"] == "Unhandled"
        result = json.loads(answer["Payload"].read())
        request_id = answer["ResponseMetadata"]["RequestId"]
        assert result == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: "
            "signal: killed",
        }
        assert call(client, "victim")[1] == 0
        assert alive(server) == 1


def test_a_zygote_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        client = server.create("orphan", SLEEPY, Timeout=30)
        call(client, "orphan")
        with ThreadPoolExecutor(1) as pool:
            before = begun(server, "orphan")
            running_call = pool.submit(client.invoke, FunctionName="orphan", Payload=b'{"s": 20}')
            wait_for(lambda: begun(server, "orphan") > before, "the invocation to begin")
            kill_and_wait(zygotes(server.pid))
            answer = running_call.result(timeout=5)
        assert answer["FunctionError"] == "Unhandled"
        wait_for(lambda: works(client, "orphan"), "the function to run again", timeout_s=10)
        server.create("after-zygote", SLEEPY)
        assert call(client, "after-zygote")[1] == 0


def works(client: Any, name: str) -> bool:
    try:
        answer = client.invoke(FunctionName=name)
    except ClientError:
        return False
    return "FunctionError" not in answer


def test_many_clients_that_come_and_go_leave_nothing_open(server: RunningServer) -> None:
    """Descriptors of the server are as many as before."""
    server.create("steady", SLEEPY)
    call(server.client("lambda"), "steady")
    folder = Path(f"/proc/{server.pid}/fd")
    before = len(list(folder.iterdir()))

    def visit(number: int) -> None:
        for _ in range(10):
            with connection(server) as raw:
                raw.sendall(
                    (b"GET /_lambent/health HTTP/1.1\r\nhost: x\r\n\r\n", b"GET")[number % 2]
                )
                if number % 2 == 0:
                    raw.recv(10)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: len(list(folder.iterdir())) <= before + 2, "the connections to be gone")
