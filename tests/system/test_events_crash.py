"""`kill -9` while events are put and schedules fire.

Every event that was acknowledged is in the queue of its rule. Every schedule that was acknowledged
fires, and none fires twice for its instant: the row's advance and the message are one transaction.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.api.events_world import PREFIX, open_queue
from tests.conftest import RunningServer
from tests.system.kills import work_until_killed

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20264"))
ROUNDS = 10
RUN_S_MAX = 0.4
SETTLE_S_MAX = 200.0
ROLE = "arn:aws:iam::000000000000:role/scheduler"


def put_event(events: Any, numbers: Iterator[int], acknowledged: list[int]) -> None:
    number = next(numbers)
    entry = {"Source": "crash", "DetailType": "number", "Detail": json.dumps({"number": number})}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    acknowledged.append(number)


def make_schedule(scheduler: Any, numbers: Iterator[int], acknowledged: list[int]) -> None:
    """Due at once."""
    number = next(numbers)
    scheduler.create_schedule(
        Name=f"n{number}",
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": PREFIX + "fired", "RoleArn": ROLE, "Input": str(number)},
        ActionAfterCompletion="DELETE",
    )
    acknowledged.append(number)


def test_events_and_schedules_survive_10_kills_and_no_schedule_fires_twice(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    numbers = itertools.count()
    put: list[int] = []
    made: list[int] = []
    server = RunningServer(tmp_path / "data", ("--parked", "0"))
    try:
        server.start()
        sqs, events = server.client("sqs"), server.client("events")
        open_queue(sqs, "put")
        open_queue(sqs, "fired")
        events.put_rule(Name="crash", EventPattern=json.dumps({"source": ["crash"]}))
        target = {"Id": "one", "Arn": PREFIX + "put", "InputPath": "$.detail.number"}
        events.put_targets(Rule="crash", Targets=[target])
        for _ in range(ROUNDS):
            steps = [
                *(partial(put_event, server.client("events"), numbers, put) for _ in range(2)),
                *(
                    partial(make_schedule, server.client("scheduler"), numbers, made)
                    for _ in range(2)
                ),
            ]
            work_until_killed(server, steps, chance.uniform(0.02, RUN_S_MAX), SEED)
        assert len(put) > ROUNDS
        assert len(made) > ROUNDS
        arrived, fired = receive_all(server, "put", put), receive_all(server, "fired", made)
        assert not set(put) - set(arrived), f"seed {SEED}: events were lost"
        assert not set(made) - set(fired), f"seed {SEED}: schedules were lost"
        assert set(fired.values()) == {1}, f"seed {SEED}: a schedule fired twice"
        assert server.client("scheduler").list_schedules()["Schedules"] == []
        doubled = sum(count - 1 for count in arrived.values())
        print(f"{len(put)} events ({doubled} doubled), {len(made)} schedules, {ROUNDS} kills")
    finally:
        server.kill()


def receive_all(server: RunningServer, name: str, wanted: list[int]) -> Counter[int]:
    """How often each number is in a queue, once all that is wanted is there and it is empty."""
    sqs = server.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found: Counter[int] = Counter()
    deadline = time.monotonic() + SETTLE_S_MAX
    while True:
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600, WaitTimeSeconds=1
        ).get("Messages", [])
        found.update(int(message["Body"]) for message in messages)
        if not messages and (not set(wanted) - set(found) or time.monotonic() > deadline):
            return found
