"""Invocations at once, environments that end, and clients and processes that die.

Sources: the issue of step 1, "Execution"; facts, 'Throttle Reasons', 'Function error payloads'.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer, running
from tests.gate import Gate
from tests.system.host import (
    connection,
    connections_held,
    environments,
    get_json,
    own_interfaces,
    start_ticks,
    wait_for,
    zygotes,
)
from tests.system.sleepy import SLEEPY, alive, begun, call, held


def test_more_than_the_accounts_concurrency_is_throttled_exactly(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--concurrency", "2") as server:
        client = server.create("two", SLEEPY, Timeout=30)
        server.create("other", SLEEPY)
        with held(server, client, "two", count=2) as release:
            for name in ("two", "other", "two"):
                with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
                    client.invoke(FunctionName=name)
                answer = caught.value.response
                assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
                assert answer["Reason"] == "ConcurrentInvocationLimitExceeded"
                assert answer["Error"]["Message"] == "Rate Exceeded."
            assert len(release()) == 2
        assert call(client, "other")[1] == 0
        bill = get_json(server, "/_lambent/bill")["functions"]
        assert (bill["two"]["Invocations"], bill["two"]["Throttles"]) == (2, 2)
        assert (bill["other"]["Invocations"], bill["other"]["Throttles"]) == (1, 1)

        gate = Gate(server)

        def burst(_: int) -> str:
            try:
                call(client, "two", {"gate": gate.url})
            except client.exceptions.TooManyRequestsException:
                return "throttled"
            return "ran"

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(burst, number) for number in range(8)]
            try:
                wait_for(lambda: sum(one.done() for one in calls) == 6, "six to be throttled")
            finally:
                gate.open(8)
            results = [one.result() for one in calls]
        assert (results.count("ran"), results.count("throttled")) == (2, 6)
        assert alive(server) <= 3


def test_an_environment_that_is_idle_for_the_idle_time_out_ends(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--idle-timeout", "1s", "--parked", "0") as server:
        client = server.create("short-lived", SLEEPY)
        first = call(client, "short-lived")[0]
        wait_for(lambda: alive(server) == 0, "the environment to end")
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
        before = descriptors(server)
        with held(server, client, "many-short", count=12) as release:
            release()
        wait_for(lambda: alive(server) == 0, "the environments to end")
        wait_for(
            lambda: descriptors(server) <= before + 2,
            "their descriptors to be closed",
        )
        wait_for(lambda: not own_interfaces(server), "their interfaces to go", timeout_s=150)


def descriptors(server: RunningServer) -> int:
    """Open ones of the server, without connections of clients, which end when those like."""
    return len(os.listdir(f"/proc/{server.pid}/fd")) - len(connections_held(server))


def test_no_more_environments_than_the_ceiling_and_idle_ones_make_room(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--environments-max", "2") as server:
        for name in ("a", "b", "c"):
            client = server.create(name, SLEEPY, Timeout=20)
        for name in ("a", "b", "c", "a", "b", "c"):
            call(client, name)
            assert alive(server) <= 2
        with held(server, client, "a", count=2) as release:
            with pytest.raises(client.exceptions.TooManyRequestsException):
                call(client, "b")
            assert alive(server) == 2
            assert len(release()) == 2
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
        served = 0
        while not flooding.done():
            call(client, "beside")
            served += not flooding.done()
        flooding.result()
    print(f"{served} served beside the flood")
    assert served > 0, "an invocation beside the flood waited for it"


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
        client = server.create("victim", SLEEPY, Timeout=300)
        call(client, "victim")
        kill_and_wait(environments(server.pid))
        wait_for(lambda: alive(server) == 0, "the server to notice")
        assert call(client, "victim")[1] == 0, "an idle one that died is not used"
        with ThreadPoolExecutor(1) as pool:
            before = begun(server, "victim")
            killed = pool.submit(client.invoke, FunctionName="victim", Payload=b'{"s": 250}')
            wait_for(lambda: begun(server, "victim") > before, "the invocation to begin")
            kill_and_wait(environments(server.pid))
            answer = killed.result(timeout=60)
        assert answer["FunctionError"] == "Unhandled"
        result = json.loads(answer["Payload"].read())
        request_id = answer["ResponseMetadata"]["RequestId"]
        assert result == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: "
            "signal: killed",
        }
        assert call(client, "victim")[1] == 0
        wait_for(lambda: alive(server) == 1, "one environment alone to be counted")


def test_a_zygote_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        client = server.create("orphan", SLEEPY, Timeout=300)
        call(client, "orphan")
        with ThreadPoolExecutor(1) as pool:
            before = begun(server, "orphan")
            running_call = pool.submit(client.invoke, FunctionName="orphan", Payload=b'{"s": 250}')
            wait_for(lambda: begun(server, "orphan") > before, "the invocation to begin")
            kill_and_wait(zygotes(server.pid))
            answer = running_call.result(timeout=60)
        assert answer["FunctionError"] == "Unhandled"
        wait_for(lambda: works(client, "orphan"), "the function to run again")
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
