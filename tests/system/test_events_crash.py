"""`kill -9` while events are put and schedules fire.

Every event that was acknowledged is in the queue of its rule. Every schedule that was acknowledged
fires, and none fires twice for its instant: the row's advance and the message are one transaction.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.api.events_world import PREFIX, open_queue
from tests.conftest import RunningServer

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20264"))
ROUNDS = 10
RUN_S_MAX = 0.4
SETTLE_S_MAX = 200.0
ROLE = "arn:aws:iam::000000000000:role/scheduler"
Act = Callable[[Any, int], None]


@dataclass
class Actor(threading.Thread):
    """Acts with numbers until the server is gone."""

    client: Any
    act: Act
    numbers: Any
    acknowledged: list[int] = field(default_factory=list)
    failure: str = ""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while True:
            number = next(self.numbers)
            try:
                self.act(self.client, number)
            except (EndpointConnectionError, HTTPClientError):
                return
            except ClientError as error:
                self.failure = str(error)
                return
            self.acknowledged.append(number)


def put_event(events: Any, number: int) -> None:
    entry = {"Source": "crash", "DetailType": "number", "Detail": json.dumps({"number": number})}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def make_schedule(scheduler: Any, number: int) -> None:
    """Due at once."""
    scheduler.create_schedule(
        Name=f"n{number}",
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": PREFIX + "fired", "RoleArn": ROLE, "Input": str(number)},
        ActionAfterCompletion="DELETE",
    )


def test_events_and_schedules_survive_10_kills_and_no_schedule_fires_twice(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    numbers = itertools.count()
    put: list[int] = []
    made: list[int] = []
    server = RunningServer(tmp_path / "data")
    try:
        server.start()
        sqs, events = server.client("sqs"), server.client("events")
        open_queue(sqs, "put")
        open_queue(sqs, "fired")
        events.put_rule(Name="crash", EventPattern=json.dumps({"source": ["crash"]}))
        target = {"Id": "one", "Arn": PREFIX + "put", "InputPath": "$.detail.number"}
        events.put_targets(Rule="crash", Targets=[target])
        for _ in range(ROUNDS):
            putters = [Actor(server.client("events"), put_event, numbers) for _ in range(2)]
            makers = [Actor(server.client("scheduler"), make_schedule, numbers) for _ in range(2)]
            for actor in (*putters, *makers):
                actor.start()
            time.sleep(chance.uniform(0.02, RUN_S_MAX))
            server.kill()
            for actor in (*putters, *makers):
                actor.join(120)
                assert not actor.failure, f"seed {SEED}: {actor.failure}"
            put += [number for actor in putters for number in actor.acknowledged]
            made += [number for actor in makers for number in actor.acknowledged]
            server.start()
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
