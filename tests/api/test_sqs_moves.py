"""Message move tasks, and permissions of a queue.

Texts: [LS] test_sqs_move_task.snapshot.json, test_sqs_permission_lifecycle.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.api.test_sqs_messages import counts, receive, refusal
from tests.conftest import RunningServer

WAIT_S_MAX = 60.0
LETTERS = "abcdefghij"
"""More than are moved at one a second while a test looks at the task."""


@dataclass
class Queues:
    """A queue with a dead-letter queue, and letters in it."""

    sqs: Any
    name: str
    urls: dict[str, str] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)

    def make(self, kind: str, **attributes: str) -> None:
        name = f"{self.name}-{kind}"
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        shown = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        self.urls[kind], self.arns[kind] = url, shown["Attributes"]["QueueArn"]

    def make_dead(self, *bodies: str) -> None:
        """Letters that the source queue gave up."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.urls["source"], MessageBody=body)
        for _ in range(2):
            receive(self.sqs, self.urls["source"], MaxNumberOfMessages=10, VisibilityTimeout=0)
        deadline = time.monotonic() + WAIT_S_MAX
        while counts(self.sqs, self.urls["dead"])[0] < len(bodies):
            assert time.monotonic() < deadline

    def start(self, source: str = "dead", **params: Any) -> str:
        answer = self.sqs.start_message_move_task(SourceArn=self.arns[source], **params)
        return str(answer["TaskHandle"])

    def ended(self) -> dict[str, Any]:
        """The newest task of the dead-letter queue, once it has ended."""
        deadline = time.monotonic() + WAIT_S_MAX
        while True:
            [task] = self.sqs.list_message_move_tasks(SourceArn=self.arns["dead"])["Results"]
            if task["Status"] != "RUNNING":
                return dict(task)
            assert time.monotonic() < deadline, task


@pytest.fixture
def queues(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Queues]:
    sqs = server.client("sqs", parameter_validation=False)
    one = Queues(sqs, f"move-{abs(hash(request.node.name)) % 10**8}")
    one.make("dead")
    policy = {"deadLetterTargetArn": one.arns["dead"], "maxReceiveCount": 1}
    one.make("source", RedrivePolicy=json.dumps(policy))
    yield one
    for url in one.urls.values():
        sqs.delete_queue(QueueUrl=url)


def test_sqs_moves_lead_letters_back_to_where_they_came_from(queues: Queues) -> None:
    queues.make_dead("a", "b")
    queues.start()
    task = queues.ended()
    assert task.pop("StartedTimestamp") > 1_700_000_000_000
    assert task == {
        "ApproximateNumberOfMessagesMoved": 2,
        "ApproximateNumberOfMessagesToMove": 2,
        "SourceArn": queues.arns["dead"],
        "Status": "COMPLETED",
    }
    found = receive(
        queues.sqs, queues.urls["source"], MaxNumberOfMessages=10, AttributeNames=["All"]
    )
    assert sorted(one["Body"] for one in found) == ["a", "b"]
    for one in found:
        assert one["Attributes"]["ApproximateReceiveCount"] == "1"
        assert "DeadLetterQueueSourceArn" not in one["Attributes"]


def test_sqs_moves_lead_to_another_queue_and_keep_to_their_pace(queues: Queues) -> None:
    queues.make("other")
    queues.make_dead(*LETTERS)
    began = time.monotonic()
    handle = queues.start(DestinationArn=queues.arns["other"], MaxNumberOfMessagesPerSecond=1)
    [task] = queues.sqs.list_message_move_tasks(SourceArn=queues.arns["dead"])["Results"]
    assert task["TaskHandle"] == handle
    assert (task["Status"], task["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", 1)
    again = {"SourceArn": queues.arns["dead"]}
    assert refusal(queues.sqs.start_message_move_task, **again) == (
        "InvalidParameterValue",
        "There is already a task running. Only one active task is allowed for a source queue arn"
        " at a given time.",
    )
    answer = queues.sqs.cancel_message_move_task(TaskHandle=handle)
    assert answer["ApproximateNumberOfMessagesMoved"] <= 1 + time.monotonic() - began
    task = queues.ended()
    assert task["Status"] == "CANCELLED"
    assert "TaskHandle" not in task
    moved = task["ApproximateNumberOfMessagesMoved"]
    assert counts(queues.sqs, queues.urls["other"])[0] == moved
    assert counts(queues.sqs, queues.urls["dead"])[0] == len(LETTERS) - moved
    gone = ("ResourceNotFoundException", "Task does not exist.")
    assert refusal(queues.sqs.cancel_message_move_task, TaskHandle=handle) == gone


def test_sqs_moves_fail_where_their_destination_goes(queues: Queues) -> None:
    queues.make("other")
    queues.make_dead(*LETTERS)
    queues.start(DestinationArn=queues.arns["other"], MaxNumberOfMessagesPerSecond=1)
    queues.sqs.delete_queue(QueueUrl=queues.urls.pop("other"))
    task = queues.ended()
    assert task["Status"] == "FAILED"
    assert task["FailureReason"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert task["ApproximateNumberOfMessagesMoved"] < len(LETTERS)
    assert counts(queues.sqs, queues.urls["dead"])[0] >= 1


def test_sqs_moves_that_cannot_be_are_refused(queues: Queues) -> None:
    start, cancel = queues.sqs.start_message_move_task, queues.sqs.cancel_message_move_task
    assert refusal(start, SourceArn=queues.arns["source"]) == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    )
    none = f"{queues.arns['dead']}-none"
    assert refusal(start, SourceArn=none)[0] == "ResourceNotFoundException"
    assert refusal(start, SourceArn=queues.arns["dead"], DestinationArn=none) == (
        "ResourceNotFoundException",
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
    )
    for params in (
        {"SourceArn": "nonsense"},
        {"SourceArn": queues.arns["dead"], "DestinationArn": queues.arns["dead"]},
        {"SourceArn": queues.arns["dead"], "MaxNumberOfMessagesPerSecond": 501},
    ):
        assert refusal(start, **params)[0] == "InvalidParameterValue"
    assert refusal(cancel, TaskHandle="nonsense") == (
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
    )

    def handle(arn: str) -> str:
        return base64.b64encode(json.dumps({"taskId": "x", "sourceArn": arn}).encode()).decode()

    assert refusal(cancel, TaskHandle=handle(none)) == (
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    )
    assert refusal(cancel, TaskHandle=handle(queues.arns["dead"])) == (
        "ResourceNotFoundException",
        "Task does not exist.",
    )
    listing = {"SourceArn": queues.arns["dead"], "MaxResults": 11}
    assert refusal(queues.sqs.list_message_move_tasks, **listing)[0] == "InvalidParameterValue"


def test_sqs_permissions_are_statements_of_the_queues_policy(queues: Queues) -> None:
    sqs, url, arn = queues.sqs, queues.urls["source"], queues.arns["source"]

    def policy() -> Any:
        shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        return json.loads(shown.get("Attributes", {}).get("Policy", "null"))

    def add(label: str, *accounts: str, actions: tuple[str, ...] = ("ReceiveMessage",)) -> Any:
        return {
            "QueueUrl": url,
            "Label": label,
            "AWSAccountIds": list(accounts),
            "Actions": list(actions),
        }

    sqs.add_permission(**add("one", "668614515564", "111111111111"))
    assert policy() == {
        "Version": "2008-10-17",
        "Id": f"{arn}/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "one",
                "Effect": "Allow",
                "Principal": {
                    "AWS": ["arn:aws:iam::668614515564:root", "arn:aws:iam::111111111111:root"]
                },
                "Action": "SQS:ReceiveMessage",
                "Resource": arn,
            }
        ],
    }
    assert refusal(sqs.add_permission, **add("one", "111111111111")) == (
        "InvalidParameterValue",
        "Value one for parameter Label is invalid. Reason: Already exists.",
    )
    sqs.add_permission(**add("two", "111111111111", actions=("SendMessage", "GetQueueUrl")))
    sqs.remove_permission(QueueUrl=url, Label="one")
    [statement] = policy()["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    assert statement["Action"] == ["SQS:SendMessage", "SQS:GetQueueUrl"]
    sqs.remove_permission(QueueUrl=url, Label="two")
    assert policy() is None
    assert refusal(sqs.remove_permission, QueueUrl=url, Label="two") == (
        "InvalidParameterValue",
        "Value two for parameter Label is invalid. Reason: can't find label.",
    )
    for bad in (
        add("a b", "111111111111"),
        add("x", "nobody"),
        add("x"),
        add("x", "111111111111", actions=()),
        add("x", "111111111111", actions=("CreateQueue",)),
    ):
        assert refusal(sqs.add_permission, **bad)[0] == "InvalidParameterValue"
    many = add("x", "111111111111", actions=("SendMessage",) * 8)
    assert refusal(sqs.add_permission, **many)[0] == "OverLimit"
