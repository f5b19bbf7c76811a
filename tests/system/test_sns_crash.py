"""`kill -9` while messages are published to topics with all kinds of subscribers.

Each acknowledged message reaches the queue, the function (and from there its destination) and the
HTTP endpoint at least once; the FIFO topic's reach the FIFO queue once each, a group in its order.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.api.sns_world import ACCOUNT, Endpoint, Inbox, fetch, listening
from tests.conftest import RunningServer
from tests.system.kills import work_until_killed

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20264"))
ROUNDS = 10
PUBLISHERS = 3
RUN_S_MAX = 0.4
PATIENCE_S = 60.0
BATCH = 3
SOURCE = "def handler(event, context): return None"


@dataclass
class Publisher:
    """Publishes batches of numbers, in turn to both topics."""

    client: Any
    group: str
    topics: tuple[str, str]
    numbers: Iterator[int]
    done: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    """What was acknowledged by each topic."""

    def publish(self) -> None:
        for topic, more, done in zip(
            self.topics, ({}, {"MessageGroupId": self.group}), self.done, strict=True
        ):
            batch = [next(self.numbers) for _ in range(BATCH)]
            entries = [{"Id": str(one), "Message": str(one), **more} for one in batch]
            self.client.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
            done.extend(batch)


@dataclass
class Crowd:
    """Topics and those who are subscribed to them."""

    topics: tuple[str, str]
    inboxes: dict[str, Inbox]


def prepare(server: RunningServer, endpoint: Endpoint) -> Crowd:
    sns, sqs = server.client("sns"), server.client("sqs")
    kind = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    topic = sns.create_topic(Name="crash")["TopicArn"]
    fifo = sns.create_topic(Name="crash.fifo", Attributes=kind)["TopicArn"]
    inboxes = {
        "queue": Inbox(sqs, topic),
        "function": Inbox(sqs, topic),
        "fifo": Inbox(sqs, fifo, FifoQueue="true"),
    }
    raw = {"RawMessageDelivery": "true"}
    for name, arn in (("queue", topic), ("fifo", fifo)):
        target = inboxes[name].arn
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=target, Attributes=raw)
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:crash-sns"
    client = server.create("crash-sns", SOURCE)
    client.put_function_event_invoke_config(
        FunctionName="crash-sns",
        DestinationConfig={"OnSuccess": {"Destination": inboxes["function"].arn}},
    )
    client.add_permission(
        FunctionName="crash-sns",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
    )
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes=raw)
    fetch(endpoint.take()[1]["SubscribeURL"])
    return Crowd((topic, fifo), inboxes)


def number_of(body: str) -> int:
    """Of a message itself, or of the record of the function that had it."""
    found = json.loads(body)
    if isinstance(found, int):
        return found
    [record] = found["requestPayload"]["Records"]
    return int(record["Sns"]["Message"])


def drain(sqs: Any, inbox: Inbox, wanted: set[int]) -> list[int]:
    """The numbers that came, in order, until all that are wanted did or nothing comes any more."""
    found: list[int] = []
    quiet_since = time.monotonic()
    while not wanted <= set(found) and time.monotonic() - quiet_since < PATIENCE_S:
        answer = sqs.receive_message(QueueUrl=inbox.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
        if not messages:
            continue
        quiet_since = time.monotonic()
        found += [number_of(one["Body"]) for one in messages]
        entries = [
            {"Id": str(place), "ReceiptHandle": one["ReceiptHandle"]}
            for place, one in enumerate(messages)
        ]
        sqs.delete_message_batch(QueueUrl=inbox.url, Entries=entries)
    return found


def drain_posts(endpoint: Endpoint, wanted: set[int]) -> list[int]:
    found: list[int] = []
    while not wanted <= set(found):
        try:
            found.append(int(endpoint.posts.get(timeout=PATIENCE_S)[1]))
        except queue.Empty:
            break
    return found


def test_sns_loses_nothing_that_was_published_across_10_kills(tmp_path: Path) -> None:
    chance, numbers = random.Random(SEED), itertools.count(1)
    published: tuple[list[int], list[int]] = ([], [])
    groups: dict[str, list[int]] = {}
    server = RunningServer(tmp_path / "data", ("--parked", "1"))
    with listening() as endpoint:
        try:
            server.start()
            crowd = prepare(server, endpoint)
            for number in range(ROUNDS):
                client = server.client("sns")
                publishers = [
                    Publisher(client, f"{number}-{place}", crowd.topics, numbers)
                    for place in range(PUBLISHERS)
                ]
                steps = [one.publish for one in publishers]
                work_until_killed(server, steps, chance.uniform(0.05, RUN_S_MAX), SEED)
                for one in publishers:
                    published[0].extend(one.done[0])
                    published[1].extend(one.done[1])
                    groups[one.group] = one.done[1]
            assert all(published), SEED
            sqs, wanted = server.client("sqs"), set(published[0])
            came = {
                "queue": drain(sqs, crowd.inboxes["queue"], wanted),
                "function": drain(sqs, crowd.inboxes["function"], wanted),
                "endpoint": drain_posts(endpoint, wanted),
            }
            for name, found in came.items():
                lost = wanted - set(found)
                assert not lost, f"seed {SEED}: {len(lost)} of {len(wanted)} never reached {name}"
            ordered = drain(sqs, crowd.inboxes["fifo"], set(published[1]))
            for name, group in groups.items():
                kept = [one for one in ordered if one in set(group)]
                assert kept == group, f"seed {SEED}: group {name} is not in order"
            assert max(Counter(ordered).values()) == 1
            again = {name: len(found) - len(set(found)) for name, found in came.items()}
            print(f"{len(wanted)} + {len(published[1])} messages, again: {again}")
        finally:
            server.kill()
