"""A function that sleeps as it is told, and ways to know that it is running."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.conftest import RunningServer
from tests.gate import WAIT, Gate
from tests.system.host import get_json, wait_for

SLEEPY = f"""{WAIT}
import time
def handler(event, context):
    print("began")
    if "gate" in event:
        wait_at(event["gate"])
    time.sleep(event.get("s", 0))
    return [context.log_stream_name, event.get("s", 0)]
"""


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


@contextlib.contextmanager
def held(
    server: RunningServer, client: Any, name: str, count: int = 1
) -> Iterator[Callable[[], list[Any]]]:
    """`count` invocations that run until the block releases them, which gives their results."""
    before, gate = begun(server, name), Gate(server)
    with ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(call, client, name, {"gate": gate.url}) for _ in range(count)]

        def release() -> list[Any]:
            gate.open(count)
            return [one.result() for one in calls]

        try:
            wait_for(lambda: begun(server, name) >= before + count, f"{count} invocations to begin")
            yield release
        finally:
            gate.open(count)


def alive(server: RunningServer) -> int:
    return int(get_json(server, "/_lambent/health")["environments"]["alive"])
