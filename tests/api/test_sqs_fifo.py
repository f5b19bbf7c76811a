"""FIFO queues: order in groups, deduplication, what they ask of a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_sqs_messages import counts, receive, refusal
from tests.conftest import RunningServer


@pytest.fixture
def sqs(server: RunningServer) -> Any:
    return server.client("sqs", parameter_validation=False)


@pytest.fixture
def fifo(sqs: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"sqs-{abs(hash(request.node.name)):x}.fifo"
    attributes = {"FifoQueue": "true"}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def send(sqs: Any, url: str, body: str, group: str = "g", dedup: str | None = None) -> Any:
    return sqs.send_message(
        QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=dedup or body
    )


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [one["Body"] for one in messages]


def test_sqs_fifo_messages_of_a_group_come_in_order_and_one_batch_at_a_time(
    sqs: Any, fifo: str
) -> None:
    numbers = []
    for body in ("a1", "a2", "b1", "a3"):
        numbers.append(int(send(sqs, fifo, body, body[0])["SequenceNumber"]))
    assert numbers == sorted(numbers)
    assert len(str(numbers[0])) == 20
    first = receive(sqs, fifo, MaxNumberOfMessages=2, AttributeNames=["All"])
    assert bodies(first) == ["a1", "a2"]
    assert first[0]["Attributes"]["SequenceNumber"] == str(numbers[0])
    assert first[0]["Attributes"]["MessageGroupId"] == "a"
    assert first[0]["Attributes"]["MessageDeduplicationId"] == "a1"
    assert bodies(receive(sqs, fifo, MaxNumberOfMessages=10)) == ["b1"]
    assert receive(sqs, fifo) == []
    for one in first:
        sqs.delete_message(QueueUrl=fifo, ReceiptHandle=one["ReceiptHandle"])
    assert bodies(receive(sqs, fifo, MaxNumberOfMessages=10)) == ["a3"]


def test_sqs_fifo_a_message_that_comes_back_comes_before_those_behind_it(
    sqs: Any, fifo: str
) -> None:
    for body in ("1", "2"):
        send(sqs, fifo, body)
    [first] = receive(sqs, fifo)
    sqs.change_message_visibility(
        QueueUrl=fifo, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
    )
    again = receive(sqs, fifo, MaxNumberOfMessages=10)
    assert bodies(again) == ["1", "2"]
    # [LS] test_fifo_delete_message_with_expired_receipt_handle
    handle = first["ReceiptHandle"]
    assert refusal(sqs.delete_message, QueueUrl=fifo, ReceiptHandle=handle) == (
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has"
        " expired.",
    )


def test_sqs_fifo_a_duplicate_is_taken_and_not_delivered_even_after_a_delete(
    sqs: Any, fifo: str
) -> None:
    """[LS] test_fifo_deduplication_arrives_once_after_delete and …_not_on_message_group_id."""
    first = send(sqs, fifo, "x", "g1", "same")
    second = send(sqs, fifo, "y", "g2", "same")
    assert second["MessageId"] == first["MessageId"]
    assert second["SequenceNumber"] == first["SequenceNumber"]
    [message] = receive(sqs, fifo, MaxNumberOfMessages=10)
    sqs.delete_message(QueueUrl=fifo, ReceiptHandle=message["ReceiptHandle"])
    send(sqs, fifo, "x", "g1", "same")
    assert counts(sqs, fifo) == (0, 0, 0)


def test_sqs_fifo_deduplication_can_be_by_content_and_by_group(sqs: Any, fifo: str) -> None:
    sqs.set_queue_attributes(
        QueueUrl=fifo,
        Attributes={
            "ContentBasedDeduplication": "true",
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
        },
    )
    for group in ("a", "b", "a"):
        sqs.send_message(QueueUrl=fifo, MessageBody="same", MessageGroupId=group)
    assert counts(sqs, fifo) == (2, 0, 0)


def test_sqs_fifo_asks_for_a_group_and_a_deduplication_id(sqs: Any, fifo: str) -> None:
    """[LS] test_posting_to_fifo_requires_deduplicationid_group_id and the tests of batches."""
    no_dedup = (
        "InvalidParameterValue",
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId"
        " provided explicitly",
    )
    no_group = "The request must contain the parameter MessageGroupId."
    send_one = sqs.send_message
    assert refusal(send_one, QueueUrl=fifo, MessageBody="x", MessageGroupId="g") == no_dedup
    assert refusal(send_one, QueueUrl=fifo, MessageBody="x", MessageDeduplicationId="d") == (
        "MissingParameter",
        no_group,
    )
    entry = {"Id": "1", "MessageBody": "x"}
    batch = sqs.send_message_batch
    assert refusal(batch, QueueUrl=fifo, Entries=[{**entry, "MessageGroupId": "g"}]) == no_dedup
    entries = [{**entry, "MessageDeduplicationId": "d"}]
    assert refusal(batch, QueueUrl=fifo, Entries=entries) == ("InvalidParameterValue", no_group)
    delayed = {"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2}
    assert refusal(send_one, QueueUrl=fifo, MessageBody="x", **delayed) == (
        "InvalidParameterValue",  # test_fifo_queue_send_message_with_delay_seconds_fails
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that"
        " is not valid for this queue type.",
    )
    wrong = {"MessageGroupId": "a b", "MessageDeduplicationId": "d"}
    code, _ = refusal(send_one, QueueUrl=fifo, MessageBody="x", **wrong)
    assert code == "InvalidParameterValue"


def test_sqs_fifo_a_receive_can_be_tried_again(sqs: Any, fifo: str) -> None:
    """[B] ReceiveRequestAttemptId."""
    send(sqs, fifo, "1")
    [first] = receive(sqs, fifo, ReceiveRequestAttemptId="try")
    assert receive(sqs, fifo, ReceiveRequestAttemptId="other") == []
    [again] = receive(sqs, fifo, ReceiveRequestAttemptId="try")
    assert again == first
    sqs.delete_message(QueueUrl=fifo, ReceiptHandle=again["ReceiptHandle"])
    assert receive(sqs, fifo, ReceiveRequestAttemptId="try") == []
    asked = {"QueueUrl": fifo, "ReceiveRequestAttemptId": "a b"}
    assert refusal(sqs.receive_message, **asked)[0] == "InvalidParameterValue"


def test_sqs_fifo_dead_letters_keep_their_order(sqs: Any, fifo: str) -> None:
    dead = sqs.create_queue(QueueName="sqs-dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    shown = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = f'{{"deadLetterTargetArn":"{shown["QueueArn"]}","maxReceiveCount":1}}'
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"RedrivePolicy": policy})
    for body in ("1", "2", "3"):
        send(sqs, fifo, body)
    assert bodies(receive(sqs, fifo, MaxNumberOfMessages=10, VisibilityTimeout=0)) == list("123")
    assert receive(sqs, fifo, MaxNumberOfMessages=10) == []
    found = receive(sqs, dead, MaxNumberOfMessages=10, WaitTimeSeconds=5)
    assert bodies(found) == ["1", "2", "3"]
    sqs.delete_queue(QueueUrl=dead)
