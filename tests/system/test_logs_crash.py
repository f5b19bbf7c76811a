"""`kill -9` while log events are put: each that was acknowledged reaches its subscriber.

The subscriber is a function whose results go to a queue, so that what it was given is known after
any kill.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.api.test_log_subscriptions import watch
from tests.api.test_sqs_messages import receive
from tests.conftest import RunningServer
from tests.system.kills import work_until_killed

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20261"))
ROUNDS = 10
PUTTERS = 2
RUN_S_MAX = 0.4
SETTLE_S_MAX = 200.0
GROUP = "numbered"


def put_event(
    logs: Any, stream: str, stamp: int, numbers: Iterator[int], acknowledged: list[int]
) -> None:
    number = next(numbers)
    event = {"timestamp": stamp, "message": str(number)}
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=[event])
    acknowledged.append(number)


def test_log_events_that_were_acknowledged_reach_their_subscriber_across_10_kills(
    tmp_path: Path,
) -> None:
    chance, numbers = random.Random(SEED), itertools.count()
    put: dict[str, list[int]] = {f"stream-{index}": [] for index in range(PUTTERS)}
    server = RunningServer(tmp_path / "data", ("--parked", "1"))
    try:
        server.start()
        url, stamp = _prepare(server, list(put))
        for _ in range(ROUNDS):
            logs = server.client("logs")
            putters = [
                partial(put_event, logs, stream, stamp, numbers, acknowledged)
                for stream, acknowledged in put.items()
            ]
            work_until_killed(server, putters, chance.uniform(0.02, RUN_S_MAX), SEED)
        given = _take(server, url, {number for stream in put.values() for number in stream})
    finally:
        server.kill()
    for stream, acknowledged in put.items():
        missing = set(acknowledged) - set(given[stream])
        assert not missing, f"seed {SEED}: {sorted(missing)} of {stream} never came"
    count = sum(map(len, put.values()))
    twice = sum(each - 1 for stream in given.values() for each in Counter(stream).values())
    print(f"{count} log events acknowledged in {ROUNDS} rounds, all came, {twice} twice")


def _prepare(server: RunningServer, streams: list[str]) -> tuple[str, int]:
    """The queue that tells what the subscriber was given, and a time for events."""
    logs = server.client("logs")
    arn, url = watch(server, "logs-survivor")
    client = server.client("lambda")
    client.add_permission(
        FunctionName="logs-survivor",
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
    )
    logs.create_log_group(logGroupName=GROUP)
    for stream in streams:
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    logs.put_subscription_filter(
        logGroupName=GROUP, filterName="all", filterPattern="", destinationArn=arn
    )
    found = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    return url, found[0]["creationTime"]


def _take(server: RunningServer, url: str, wanted: set[int]) -> dict[str, list[int]]:
    """Stream → the numbers that came."""
    sqs = server.client("sqs")
    given: dict[str, list[int]] = {}
    missing, deadline = set(wanted), time.monotonic() + SETTLE_S_MAX
    while missing and time.monotonic() < deadline:
        for message in receive(sqs, url, WaitTimeSeconds=1, MaxNumberOfMessages=10):
            payload = json.loads(message["Body"])["responsePayload"]
            numbers = [int(event["message"]) for event in payload["logEvents"]]
            given.setdefault(payload["logStream"], []).extend(numbers)
            missing -= set(numbers)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return given
