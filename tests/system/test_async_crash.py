"""`kill -9` while events are accepted and run: every event that was acknowledged runs.

Events are numbered. The function answers for each number with a role of that name, which is on disk
before the invocation ends; so what ran is known after any kill.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import RunningServer
from tests.system.kills import work_until_killed

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


def send(client: Any, numbers: Iterator[int], acknowledged: list[int]) -> None:
    number = next(numbers)
    payload = json.dumps({"number": number})
    answer = client.invoke(FunctionName="witness", InvocationType="Event", Payload=payload)
    assert answer["StatusCode"] == 202
    answer["Payload"].close()
    acknowledged.append(number)


def test_every_event_that_was_acknowledged_runs_across_30_kills(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    numbers = iter(range(10**9))
    acknowledged: list[int] = []
    server = RunningServer(tmp_path / "data", ("--parked", "1"))
    try:
        server.start()
        server.create("witness", WITNESS, Timeout=30)
        for _ in range(ROUNDS):
            senders = [
                partial(send, server.client("lambda"), numbers, acknowledged)
                for _ in range(SENDERS)
            ]
            work_until_killed(server, senders, chance.uniform(0.02, RUN_S_MAX), SEED)
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
