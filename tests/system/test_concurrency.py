"""Invocations at once, environments that end, and clients and processes that die.

Sources: the issue of step 1, "Execution"; facts, 'Throttle Reasons', 'Function error payloads'.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer, running
from tests.system.host import (
    connection,
    connections_held,
    environments,
    get_json,
    start_ticks,
    wait_for,
    zygotes,
)
from tests.system.sleepy import SLEEPY, alive, begin_sleeping, begun, call


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


def test_environments_that_ended_leave_no_descriptor_and_no_network_behind(
    tmp_path: Path,
) -> None:
    """Each has a socket that listens inside its network: open, it would keep that alive."""
    with running(tmp_path / "data", "--idle-timeout", "1s", "--parked", "0") as server:
        client = server.create("many-short", SLEEPY, Timeout=30)
        call(client, "many-short")
        wait_for(lambda: alive(server) == 0, "the first environment to end")
        before = len(os.listdir(f"/proc/{server.pid}/fd"))
        interfaces = len(os.listdir("/sys/class/net"))
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda _: call(client, "many-short", {"s": 0.5}), range(12)))
        wait_for(lambda: alive(server) == 0, "the environments to end")
        client.close()
        wait_for(
            lambda: len(os.listdir(f"/proc/{server.pid}/fd")) <= before + 2,
            "their descriptors to be closed",
        )
        wait_for(lambda: len(os.listdir("/sys/class/net")) <= interfaces, "their interfaces to go")


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
        wait_for(lambda: alive(server) == 0, "the server to notice")
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
    """The server holds no descriptor of a connection whose client is gone."""
    before = connections_held(server)

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
    wait_for(lambda: connections_held(server) <= before, "the connections to be gone")
