"""`kill -9` while messages are sent, received and deleted.

Every send that was acknowledged is found again, every message whose deletion was acknowledged stays
away, and a group of a FIFO queue is found in its order.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import RunningServer
from tests.system.kills import work_until_killed

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20262"))
ROUNDS = 10
SENDERS = 3
RUN_S_MAX = 0.4


@dataclass
class Worker:
    """Sends or receives."""

    client: Any
    url: str
    numbers: Iterator[int] | None = None
    """None: it receives and deletes."""
    done: list[int] = field(default_factory=list)
    """Numbers whose send, or deletion, was acknowledged."""
    asked: set[int] = field(default_factory=set)
    """Numbers of which that was asked."""

    def step(self) -> None:
        if self.numbers is None:
            self.receive()
        else:
            self.send()

    def send(self) -> None:
        assert self.numbers is not None
        number = next(self.numbers)
        self.asked.add(number)
        options = {}
        if self.url.endswith(".fifo"):
            options = {"MessageGroupId": "g", "MessageDeduplicationId": str(number)}
        self.client.send_message(QueueUrl=self.url, MessageBody=str(number), **options)
        self.done.append(number)

    def receive(self) -> None:
        answer = self.client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        for message in answer.get("Messages", []):
            number = int(message["Body"])
            self.asked.add(number)
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            self.done.append(number)


def drain(client: Any, url: str) -> list[int]:
    """Every message that is left, in the order of receipt; those in flight once they are due."""
    found = []
    while messages := client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600, WaitTimeSeconds=2
    ).get("Messages", []):
        for message in messages:
            found.append(int(message["Body"]))
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_sqs_keeps_every_acknowledged_send_and_deletion_across_10_kills(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    numbers, ordered = itertools.count(), itertools.count()
    sent: set[int] = set()
    deleted: set[int] = set()
    perhaps: set[int] = set()
    in_order: list[int] = []
    server = RunningServer(tmp_path / "data", ("--parked", "0"))
    try:
        server.start()
        client = server.client("sqs")
        # In flight for a moment only: what a killed receiver had comes back.
        client.create_queue(QueueName="crash", Attributes={"VisibilityTimeout": "1"})
        client.create_queue(QueueName="crash.fifo", Attributes={"FifoQueue": "true"})
        for _ in range(ROUNDS):
            client = server.client("sqs")
            url, fifo = (
                client.get_queue_url(QueueName=name)["QueueUrl"] for name in ("crash", "crash.fifo")
            )
            senders = [Worker(client, url, numbers) for _ in range(SENDERS)]
            receiver, fifo_sender = Worker(client, url), Worker(client, fifo, ordered)
            workers = [*senders, receiver, fifo_sender]
            steps = [worker.step for worker in workers]
            work_until_killed(server, steps, chance.uniform(0.05, RUN_S_MAX), SEED)
            for sender in senders:
                sent.update(sender.done)
            deleted.update(receiver.done)
            perhaps |= receiver.asked - set(receiver.done)
            in_order += fifo_sender.done
        client = server.client("sqs")
        url, fifo = (
            client.get_queue_url(QueueName=name)["QueueUrl"] for name in ("crash", "crash.fifo")
        )
        shown = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        left = drain(client, url)
        counted = sum(
            int(shown[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible")
        )
        assert counted == len(left)
        assert len(left) == len(set(left))
        assert not deleted & set(left), f"seed {SEED}: deleted messages came back"
        lost = sent - deleted - perhaps - set(left)
        assert not lost, f"seed {SEED}: {len(lost)} of {len(sent)} are lost"
        again = drain(client, fifo)
        assert again == sorted(again)
        assert set(in_order) <= set(again)
        print(f"{len(sent)} sent, {len(deleted)} deleted, {len(again)} in order")
    finally:
        server.kill()
