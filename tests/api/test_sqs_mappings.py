"""Functions fed by queues. What a function got it tells by what it sends to another queue."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import RunningServer
from tests.gate import WAIT, Gate

WAIT_S_MAX = 60.0
WITNESS = """
import json
import os
import boto3

sqs = boto3.client("sqs")

def handler(event, context):
    bodies = [record["body"] for record in event["Records"]]
    failed = [one["messageId"] for one in event["Records"] if one["body"].startswith("fail")]
    sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(event))
    if "raise" in bodies:
        raise ValueError("on purpose")
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
"""


class Scene:
    """A queue, a function that it feeds, and a queue of what the function saw."""

    def __init__(self, server: RunningServer, name: str, **attributes: str) -> None:
        self.sqs = server.client("sqs")
        self.client = server.client("lambda")
        self.name = name
        self._visibility = attributes.pop("VisibilityTimeout", "30")
        self._made: list[str] = []
        self.seen_url, _ = self.queue(f"{name}-seen")
        kind = ".fifo" if attributes.get("FifoQueue") else ""
        self.url, self.arn = self.queue(f"{name}{kind}", **attributes)
        variables = {"SEEN": self.seen_url}
        server.create(
            name, WITNESS, Timeout=10, MemorySize=256, Environment={"Variables": variables}
        )
        self.client.get_waiter("function_active_v2").wait(FunctionName=name)
        self.client.invoke(FunctionName=name, Payload=b'{"Records": []}')  # it is warm
        self.next_event()
        self.key = ""

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self._made.append(url)
        shown = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, shown["Attributes"]["QueueArn"]

    def map(self, **options: Any) -> None:
        made = self.client.create_event_source_mapping(
            FunctionName=self.name, EventSourceArn=self.arn, **options
        )
        self.key = made["UUID"]
        attributes = {"VisibilityTimeout": self._visibility}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def send(self, *bodies: str, **options: Any) -> None:
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(number), "MessageBody": body, **options}
                for number, body in enumerate(bodies[start : start + 10])
            ]
            answer = self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
            assert not answer.get("Failed")

    def next_event(self) -> dict[str, Any]:
        """The next event that the function got."""
        deadline = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < deadline:
            answer = self.sqs.receive_message(
                QueueUrl=self.seen_url, MaxNumberOfMessages=1, WaitTimeSeconds=20
            )
            for message in answer.get("Messages", []):
                self.sqs.delete_message(
                    QueueUrl=self.seen_url, ReceiptHandle=message["ReceiptHandle"]
                )
                event: dict[str, Any] = json.loads(message["Body"])
                return event
        raise AssertionError("the function got nothing")

    def next_bodies(self, count: int) -> list[str]:
        bodies: list[str] = []
        while len(bodies) < count:
            bodies += [record["body"] for record in self.next_event()["Records"]]
        return bodies

    def depth(self, url: str) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        names = ("", "NotVisible", "Delayed")
        return sum(int(answer[f"ApproximateNumberOfMessages{name}"]) for name in names)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S_MAX
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def mapping(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get_event_source_mapping(UUID=self.key)
        return found

    def close(self) -> None:
        if self.key:
            self.client.delete_event_source_mapping(UUID=self.key)
        self.client.delete_function(FunctionName=self.name)
        for url in self._made:
            self.sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def scene(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Callable[..., Scene]]:
    made: list[Scene] = []

    def make(name: str, **attributes: str) -> Scene:
        one = Scene(server, name, **attributes)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def test_a_function_gets_the_messages_of_its_queue_as_on_aws(scene: Callable[..., Scene]) -> None:
    """Record: facts/events.md, "SQS"; attributes: [DG] "Example Amazon SQS message event"."""
    one = scene("mapped-plain")
    one.map()
    attribute = {
        "kind": {"DataType": "String", "StringValue": "a"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    sent = one.sqs.send_message(
        QueueUrl=one.url, MessageBody="hello ☃", MessageAttributes=attribute
    )
    [record] = one.next_event()["Records"]
    attributes = record.pop("attributes")
    assert set(attributes) == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert attributes["ApproximateReceiveCount"] == "1"
    assert record.pop("receiptHandle")
    assert record == {
        "messageId": sent["MessageId"],
        "body": "hello ☃",
        "messageAttributes": {
            "kind": {
                "stringValue": "a",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            },
            "blob": {
                "binaryValue": "AAE=",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": one.arn,
        "awsRegion": "us-east-1",
    }
    one.wait_until(lambda: one.depth(one.url) == 0)
    one.wait_until(lambda: one.mapping().get("LastProcessingResult") == "OK")
    assert one.mapping()["State"] == "Enabled"


def test_messages_that_were_there_come_in_batches_and_a_window_gathers_them(
    scene: Callable[..., Scene],
) -> None:
    one = scene("mapped-batches")
    one.map(BatchSize=40, MaximumBatchingWindowInSeconds=2, Enabled=False)
    assert one.mapping()["State"] == "Disabled"
    one.send(*(str(number) for number in range(50)))
    one.client.update_event_source_mapping(UUID=one.key, Enabled=True)
    first, second = one.next_event(), one.next_event()
    assert sorted((len(first["Records"]), len(second["Records"]))) == [10, 40]


def test_what_a_filter_does_not_want_is_deleted(scene: Callable[..., Scene]) -> None:
    """[DG] "Properly filtering Amazon SQS messages": by fields of a body that is JSON."""
    one = scene("mapped-filtered")
    pattern = {"body": {"kind": [{"prefix": "good"}]}}
    one.map(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    one.send('{"kind": "bad"}', "good", '{"kind": "goods"}')
    assert one.next_bodies(1) == ['{"kind": "goods"}']
    one.wait_until(lambda: one.depth(one.url) == 0)


def test_only_what_failed_of_a_batch_comes_again_and_then_goes_to_the_dead_letters(
    scene: Callable[..., Scene],
) -> None:
    """[DG] "Implementing partial batch responses"; the redrive policy is the queue's."""
    one = scene("mapped-partial", VisibilityTimeout="1")
    dead_url, dead_arn = one.queue("mapped-partial-dead")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    one.sqs.set_queue_attributes(QueueUrl=one.url, Attributes={"RedrivePolicy": policy})
    one.map(FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=False)
    one.send("a", "fail b", "c")
    one.client.update_event_source_mapping(UUID=one.key, Enabled=True)
    assert one.next_bodies(3) == ["a", "fail b", "c"]
    event = one.next_event()
    assert [record["body"] for record in event["Records"]] == ["fail b"]
    assert event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"
    one.wait_until(lambda: one.depth(dead_url) == 1)
    assert one.depth(one.url) == 0


def test_a_batch_whose_function_fails_comes_again_as_a_whole(scene: Callable[..., Scene]) -> None:
    one = scene("mapped-failing", VisibilityTimeout="1")
    one.map(Enabled=False)
    one.send("a", "raise")
    one.client.update_event_source_mapping(UUID=one.key, Enabled=True)
    assert one.next_bodies(2) == ["a", "raise"]
    one.wait_until(
        lambda: one.mapping().get("LastProcessingResult") == "PROBLEM: Function call failed"
    )
    assert one.next_bodies(2) == ["a", "raise"]
    assert one.depth(one.url) == 2


def test_a_group_of_a_fifo_queue_comes_in_order(scene: Callable[..., Scene]) -> None:
    one = scene("mapped-fifo", FifoQueue="true", ContentBasedDeduplication="true")
    one.map(BatchSize=3)
    for number in range(20):
        one.send(f"a{number}", MessageGroupId="a")
        one.send(f"b{number}", MessageGroupId="b")
    seen = one.next_bodies(40)
    for group in "ab":
        assert [body for body in seen if body[0] == group] == [f"{group}{n}" for n in range(20)]


def test_a_throttled_batch_waits_and_is_received_once(scene: Callable[..., Scene]) -> None:
    """Its receives would count towards the dead-letter queue."""
    one = scene("mapped-throttled", VisibilityTimeout="60")
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=0)
    one.map()
    one.send("a")
    one.wait_until(lambda: "Rate" in one.mapping().get("LastProcessingResult", ""))
    one.client.delete_function_concurrency(FunctionName=one.name)
    [record] = one.next_event()["Records"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_a_queue_whose_visibility_ends_before_the_function_is_refused(
    scene: Callable[..., Scene],
) -> None:
    one = scene("mapped-visibility")
    attributes = {"VisibilityTimeout": "9"}
    one.sqs.set_queue_attributes(QueueUrl=one.url, Attributes=attributes)
    with pytest.raises(one.client.exceptions.InvalidParameterValueException) as caught:
        one.map()
    assert caught.value.response["Error"]["Message"] == (
        "Queue visibility timeout: 9 seconds is less than Function timeout: 10 seconds"
    )


def test_a_queue_that_is_gone_is_told_of_and_used_again_when_it_is_back(
    scene: Callable[..., Scene],
) -> None:
    one = scene("mapped-gone")
    one.map()
    one.sqs.delete_queue(QueueUrl=one.url)
    one.wait_until(lambda: one.mapping().get("LastProcessingResult", "").startswith("PROBLEM"))
    one.sqs.create_queue(QueueName="mapped-gone")
    one.send("a")
    assert one.next_bodies(1) == ["a"]


def test_a_mapping_that_is_deleted_while_a_batch_runs_is_shown_until_it_has_ended(
    server: RunningServer, api: Any
) -> None:
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="mapped-slow")["QueueUrl"]
    gate = Gate(server)
    client = server.create("mapped-slow", f"{WAIT}\ndef handler(e, c): wait_at({gate.url!r})\n")
    made = client.create_event_source_mapping(
        FunctionName="mapped-slow", EventSourceArn="arn:aws:sqs:us-east-1:000000000000:mapped-slow"
    )
    sqs.send_message(QueueUrl=url, MessageBody="a")
    names = ["ApproximateNumberOfMessagesNotVisible"]
    while (
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]] < "1"
    ):
        time.sleep(0.01)
    assert client.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
    assert client.get_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
    with pytest.raises(api.exceptions.ResourceInUseException):
        api.update_event_source_mapping(UUID=made["UUID"], BatchSize=1)
    with pytest.raises(api.exceptions.ResourceInUseException):
        api.delete_event_source_mapping(UUID=made["UUID"])
    gate.open(1)
    deadline = time.monotonic() + WAIT_S_MAX
    while client.list_event_source_mappings(FunctionName="mapped-slow")["EventSourceMappings"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_event_source_mapping(UUID=made["UUID"])
    client.delete_function(FunctionName="mapped-slow")
    sqs.delete_queue(QueueUrl=url)
