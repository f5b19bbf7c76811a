"""`kill -9` while events are accepted and run: every event that was acknowledged runs.

Events are numbered. The function answers for each number with a role of that name, which is on disk
before the invocation ends; so what ran is known after any kill.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.conftest import RunningServer

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20261"))
ROUNDS = 30
SENDERS = 4
RUN_S_MAX = 0.4
SETTLE_S_MAX = 200.0
WITNESS = """
import os
import urllib.parse
import urllib.request
import urllib.error

def handler(event, context):
    body = urllib.parse.urlencode({
        "Action": "CreateRole",
        "Version": "2010-05-08",
        "RoleName": f"event-{event['number']}",
        "AssumeRolePolicyDocument": '{"Version": "2012-10-17", "Statement": []}',
    })
    try:
        urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/", body.encode(), timeout=20)
    except urllib.error.HTTPError as error:
        if error.code != 409:  # it was run before: at least once is what is promised
            raise
"""


@dataclass
class Sender(threading.Thread):
    """Sends numbered events until the server is gone."""

    client: Any
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
                answer = self.client.invoke(
                    FunctionName="witness",
                    InvocationType="Event",
                    Payload=json.dumps({"number": number}),
                )
            except (EndpointConnectionError, HTTPClientError):
                return
            except ClientError as error:
                self.failure = str(error)
                return
            assert answer["StatusCode"] == 202
            answer["Payload"].close()
            self.acknowledged.append(number)


def test_every_event_that_was_acknowledged_runs_across_30_kills(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    numbers = iter(range(10**9))
    acknowledged: list[int] = []
    server = RunningServer(tmp_path / "data")
    try:
        server.start()
        server.create("witness", WITNESS, Timeout=30)
        for number in range(ROUNDS):
            senders = [Sender(server.client("lambda"), numbers) for _ in range(SENDERS)]
            for sender in senders:
                sender.start()
            time.sleep(chance.uniform(0.02, RUN_S_MAX))
            server.kill()
            for sender in senders:
                sender.join(120)
                assert not sender.failure, f"round {number}, seed {SEED}: {sender.failure}"
                acknowledged.extend(sender.acknowledged)
            server.start()
        assert len(acknowledged) > ROUNDS
        missing = wait_for(server, acknowledged)
        assert not missing, f"seed {SEED}: {len(missing)} of {len(acknowledged)} never ran"
        print(f"{len(acknowledged)} events acknowledged in {ROUNDS} rounds, all ran")
    finally:
        server.kill()


def wait_for(server: RunningServer, numbers: list[int]) -> set[int]:
    """Those of `numbers` that did not run in time."""
    iam = server.client("iam")
    deadline = time.monotonic() + SETTLE_S_MAX
    while True:
        pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1000})
        ran = {
            int(role["RoleName"].removeprefix("event-")) for page in pages for role in page["Roles"]
        }
        missing = set(numbers) - ran
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(0.2)
