"""`kill -9` while queues feed a function: every message that was acknowledged is run.

Messages are numbered. The function tells of each by a message to another queue, which is on disk
before the function returns; so what ran, and in which order, is known after any kill.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import RunningServer
from tests.system.kills import work_until_killed

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20263"))
ROUNDS = 20
SENDERS = 2
GROUPS = 3
RUN_S_MAX = 0.3
SETTLE_S_MAX = 180.0
WITNESS = """
import os
import urllib.parse
import urllib.request

def handler(event, context):
    for record in event["Records"]:
        body = urllib.parse.urlencode({
            "Action": "SendMessage",
            "Version": "2012-11-05",
            "QueueUrl": os.environ["SEEN"],
            "MessageBody": record["body"],
            "MessageGroupId": "all",
            "MessageDeduplicationId": context.aws_request_id + record["messageId"],
        })
        urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/", body.encode(), timeout=20)
"""
FIFO = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}


def send(
    client: Any, url: str, group: str, numbers: Iterator[int], acknowledged: list[str]
) -> None:
    """A message of `group` and a number."""
    options = {"MessageGroupId": group} if url.endswith(".fifo") else {}
    body = f"{group}-{next(numbers)}"
    client.send_message(QueueUrl=url, MessageBody=body, **options)
    acknowledged.append(body)


def test_every_message_of_a_mapped_queue_runs_across_20_kills_and_groups_in_order(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    server = RunningServer(tmp_path / "data", ("--parked", "1")).start()
    try:
        _create(server)
        acknowledged: list[str] = []
        numbers = {f"g{n}": itertools.count() for n in range(GROUPS)}
        numbers |= {f"s{n}": itertools.count() for n in range(SENDERS)}
        for _ in range(ROUNDS):
            sqs = server.client("sqs")
            senders = [
                partial(send, sqs, _url_of(sqs, group), group, counter, acknowledged)
                for group, counter in numbers.items()
            ]
            work_until_killed(server, senders, chance.uniform(0.05, RUN_S_MAX), SEED)
        ran = _wait_for(server, set(acknowledged))
        lost = set(acknowledged) - set(ran)
        assert not lost, f"seed {SEED}: {len(lost)} of {len(acknowledged)} never ran"
        firsts = list(dict.fromkeys(ran))
        for group in (name for name in numbers if name.startswith("g")):
            order = [int(one.partition("-")[2]) for one in firsts if one.startswith(f"{group}-")]
            assert order == sorted(order), f"seed {SEED}: {group} out of order"
        assert len(acknowledged) > ROUNDS
        print(f"{len(acknowledged)} acknowledged, {len(ran) - len(firsts)} ran twice")
    finally:
        server.kill()


def _url_of(sqs: Any, group: str) -> str:
    """Of the queue that a group's messages go to."""
    name = "source.fifo" if group.startswith("g") else "source"
    url: str = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return url


def _create(server: RunningServer) -> None:
    sqs = server.client("sqs")
    seen = sqs.create_queue(QueueName="seen.fifo", Attributes=FIFO)["QueueUrl"]
    environment = {"Variables": {"SEEN": seen}}
    client = server.create("witness", WITNESS, Timeout=2, Environment=environment)
    client.get_waiter("function_active_v2").wait(FunctionName="witness")
    for name, attributes in (("source", {}), ("source.fifo", FIFO)):
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "2", **attributes})
        client.create_event_source_mapping(
            FunctionName="witness", EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}"
        )


def _wait_for(server: RunningServer, wanted: set[str]) -> list[str]:
    """What ran, in its order, once that is all of `wanted`, or in time."""
    sqs = server.client("sqs")
    url = sqs.get_queue_url(QueueName="seen.fifo")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "300"})
    ran: list[str] = []
    deadline = time.monotonic() + SETTLE_S_MAX
    while wanted - set(ran) and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
        ran += [message["Body"] for message in messages]
        if messages:
            entries = [
                {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]}
                for n, one in enumerate(messages)
            ]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return ran
