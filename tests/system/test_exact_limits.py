"""Thousands of invocations at once: never one above a limit, none lost, each refusal explained.

The functions tell when they began and ended, by the host's monotonic clock, which sandboxes share.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import RunningServer, running
from tests.system.host import wait_for

ACCOUNT, RESERVED, PROVISIONED = 220, 40, 20
AT_ONCE = 2_000
ROUNDS = 2
TELLS = """
import time

def handler(event, context):
    began = time.monotonic()
    time.sleep(1.5)
    return [began, time.monotonic()]
"""
ACCOUNT_REASON = "ConcurrentInvocationLimitExceeded"
RESERVED_REASON = "ReservedFunctionConcurrentInvocationLimitExceeded"
RESERVED_RATE_REASON = "ReservedFunctionInvocationRateLimitExceeded"


@dataclass
class Told:
    """What the invocations of one function came to."""

    intervals: list[tuple[float, float]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)


async def invoke(port: int, path: str, told: Told) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"POST /2015-03-31/functions/{path} HTTP/1.1\r\nhost: x\r\n"
            "content-length: 2\r\nconnection: close\r\n\r\n{}".encode()
        )
        answer = await reader.read()
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 429 " in head.splitlines()[0]:
            told.reasons[json.loads(body)["Reason"]] += 1
            return
        assert b" 200 " in head.splitlines()[0], answer
        assert b"x-amz-function-error" not in head, answer
        began, ended = json.loads(body)
        told.intervals.append((began, ended))
    finally:
        writer.close()


async def invoke_many(port: int, paths: list[str], told: dict[str, Told]) -> None:
    calls = [
        invoke(port, path, told[path])
        for number in range(AT_ONCE)
        for path in [paths[number % len(paths)]]
    ]
    await asyncio.gather(*calls)


def peak(intervals: list[tuple[float, float]]) -> int:
    """The most that ran at one instant."""
    steps = sorted([(began, 1) for began, _ in intervals] + [(ended, -1) for _, ended in intervals])
    running_now = most = 0
    for _, step in steps:
        running_now += step
        most = max(most, running_now)
    return most


def wait_ready(server: RunningServer) -> None:
    asked = {"FunctionName": "exact-provisioned", "Qualifier": "1"}
    ask = server.client("lambda").get_provisioned_concurrency_config
    wait_for(lambda: ask(**asked)["Status"] == "READY", "its environments")


@pytest.mark.timeout(600)
def test_no_limit_is_passed_by_thousands_of_invocations_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--concurrency", str(ACCOUNT)) as server:
        client = server.create("exact-reserved", TELLS, Timeout=120)
        server.create("exact-other", TELLS, Timeout=120)
        server.create("exact-provisioned", TELLS, Timeout=120)
        client.publish_version(FunctionName="exact-provisioned")
        client.put_function_concurrency(
            FunctionName="exact-reserved", ReservedConcurrentExecutions=RESERVED
        )
        client.put_provisioned_concurrency_config(
            FunctionName="exact-provisioned",
            Qualifier="1",
            ProvisionedConcurrentExecutions=PROVISIONED,
        )
        wait_ready(server)
        paths = [
            "exact-reserved/invocations",
            "exact-other/invocations",
            "exact-provisioned/invocations?Qualifier=1",
        ]
        told = {path: Told() for path in paths}
        for _ in range(ROUNDS):
            asyncio.run(invoke_many(server.port, paths, told))
    reserved, other, provisioned = (told[path] for path in paths)
    assert sum(len(one.intervals) + one.reasons.total() for one in told.values()) == (
        ROUNDS * AT_ONCE
    )
    assert peak(reserved.intervals) == RESERVED
    assert peak(other.intervals + provisioned.intervals) <= ACCOUNT - RESERVED
    assert peak(other.intervals) <= ACCOUNT - RESERVED - PROVISIONED
    assert peak([i for one in told.values() for i in one.intervals]) <= ACCOUNT
    assert peak(provisioned.intervals) >= PROVISIONED
    # 40 units allow 400 requests a second, too: a burst may meet either limit.
    assert RESERVED_REASON in reserved.reasons
    assert set(reserved.reasons) <= {RESERVED_REASON, RESERVED_RATE_REASON}
    assert set(other.reasons) == {ACCOUNT_REASON}
    assert set(provisioned.reasons) <= {ACCOUNT_REASON}
    print(
        {path: (len(one.intervals), peak(one.intervals), one.reasons) for path, one in told.items()}
    )
