"""Standard queues: send, receive, delete, visibility, delay, batches, dead letters."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer


@pytest.fixture
def sqs(server: RunningServer) -> Any:
    return server.client("sqs", parameter_validation=False)


@pytest.fixture
def queue(sqs: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    url = sqs.create_queue(QueueName=f"sqs-{abs(hash(request.node.name)):x}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    """The code and the message of an error."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def receive(sqs: Any, url: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, **params).get("Messages", [])
    return found


def counts(sqs: Any, url: str) -> tuple[int, int, int]:
    """Visible, in flight, delayed."""
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = ("", "NotVisible", "Delayed")
    visible, in_flight, delayed = (
        int(shown[f"ApproximateNumberOfMessages{name}"]) for name in names
    )
    return visible, in_flight, delayed


def test_sqs_a_message_is_received_as_it_was_sent_and_gone_once_deleted(
    sqs: Any, queue: str
) -> None:
    body = "Grüße, 世界 \U0001f600\n"
    sent = sqs.send_message(QueueUrl=queue, MessageBody=body)
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    assert counts(sqs, queue) == (1, 0, 0)
    [message] = receive(sqs, queue)
    assert message["Body"] == body
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert counts(sqs, queue) == (0, 1, 0)
    for _ in range(2):  # a second time is no error
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)


def test_sqs_attributes_have_the_digests_that_aws_gives(sqs: Any, queue: str) -> None:
    """[LS] test_receive_message_message_attribute_names_filters, recorded 2023-11-14."""
    attributes = {
        "Hello": {"DataType": "String", "StringValue": "There"},
        "General": {"DataType": "String", "StringValue": "Kenobi"},
        "Help.Me": {"DataType": "String", "StringValue": "Me"},
    }
    sent = sqs.send_message(QueueUrl=queue, MessageBody="msg", MessageAttributes=attributes)
    assert sent["MD5OfMessageAttributes"] == "4c360f3fdafd970e05fae2f149d997f5"
    assert sent["MD5OfMessageBody"] == "6e2baaf3b97dbeef01c0043275f9a0e7"

    def shown(*names: str) -> tuple[set[str] | None, str | None]:
        [message] = receive(sqs, queue, VisibilityTimeout=0, MessageAttributeNames=list(names))
        found = message.get("MessageAttributes")
        return found and set(found), message.get("MD5OfMessageAttributes")

    assert shown() == (None, None)
    for everything in ("All", ".*"):
        assert shown(everything) == (set(attributes), "4c360f3fdafd970e05fae2f149d997f5")
    assert shown("Foo")[1] is None
    assert shown("Hello", "General")[1] == "fca026605781cb4126a1e9044df24232"
    assert shown("Hello", "Foo") == ({"Hello"}, "a311262e065454b75da111d535b8dacd")
    assert shown("Hel.*") == ({"Hello", "Help.Me"}, "83fee93c1bcd8b9a5a923ffacdc636c7")


def test_sqs_a_binary_attribute_comes_back_as_bytes_with_its_digest(sqs: Any, queue: str) -> None:
    """[LS] test_send_message_with_binary_attributes, recorded 2023-11-14."""
    value = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"
    sqs.send_message(
        QueueUrl=queue,
        MessageBody="test",
        MessageAttributes={"attr1": {"DataType": "Binary", "BinaryValue": value}},
    )
    [message] = receive(sqs, queue, MessageAttributeNames=["All"])
    assert message["MD5OfMessageAttributes"] == "8cbe4db156db8a94db8b801b7addb984"
    assert message["MessageAttributes"] == {"attr1": {"DataType": "Binary", "BinaryValue": value}}


def test_sqs_system_attributes_are_told_where_they_are_asked_for(sqs: Any, queue: str) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793"
    sent = sqs.send_message(
        QueueUrl=queue,
        MessageBody="x",
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
    )
    assert len(sent["MD5OfMessageSystemAttributes"]) == 32
    [message] = receive(sqs, queue, VisibilityTimeout=0)
    assert "Attributes" not in message
    [message] = receive(sqs, queue, AttributeNames=["SenderId"], VisibilityTimeout=0)
    assert message["Attributes"] == {"SenderId": "000000000000"}
    [message] = receive(sqs, queue, MessageSystemAttributeNames=["All"])
    shown = message["Attributes"]
    assert shown["AWSTraceHeader"] == trace
    assert shown["ApproximateReceiveCount"] == "3"
    assert int(shown["ApproximateFirstReceiveTimestamp"]) >= int(shown["SentTimestamp"])


def test_sqs_a_message_comes_back_when_its_visibility_ends(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    [first] = receive(sqs, queue, VisibilityTimeout=600)
    assert receive(sqs, queue) == []
    sqs.change_message_visibility(
        QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
    )
    [second] = receive(sqs, queue)
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    # [LS] an old handle changes nothing, without an error; it still deletes.
    sqs.change_message_visibility(
        QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
    )
    assert counts(sqs, queue) == (0, 1, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)


def test_sqs_a_delayed_message_is_counted_and_wakes_who_waits_for_it(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="late", DelaySeconds=600)
    assert counts(sqs, queue) == (0, 0, 1)
    assert receive(sqs, queue) == []
    sqs.send_message(QueueUrl=queue, MessageBody="soon", DelaySeconds=1)
    assert [one["Body"] for one in receive(sqs, queue, WaitTimeSeconds=20)] == ["soon"]
    assert counts(sqs, queue) == (0, 1, 1)


def test_sqs_a_send_wakes_who_waits(server: RunningServer, sqs: Any, queue: str) -> None:
    """Of three that wait one gets it; the others are woken by the next sends."""
    got: list[str] = []

    def wait() -> None:
        client = server.client("sqs")
        got.extend(one["Body"] for one in receive(client, queue, WaitTimeSeconds=20))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    for thread in threads:
        thread.join(60)
    assert sorted(got) == ["0", "1", "2"]


def test_sqs_a_queue_can_be_deleted_and_purged_under_one_who_waits(sqs: Any, queue: str) -> None:
    for number in range(12):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    [held] = receive(sqs, queue)
    sqs.purge_queue(QueueUrl=queue)
    assert counts(sqs, queue) == (0, 0, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=held["ReceiptHandle"])
    sqs.send_message(QueueUrl=queue, MessageBody="new")
    assert [one["Body"] for one in receive(sqs, queue, MaxNumberOfMessages=10)] == ["new"]


def test_sqs_what_cannot_be_sent_is_refused_in_awss_words(sqs: Any, queue: str) -> None:
    """[LS] where the tests' names are given; the others are unverified."""

    def sent(**params: Any) -> tuple[str, str]:
        return refusal(sqs.send_message, **{"QueueUrl": queue, "MessageBody": "x", **params})

    assert sent(MessageBody="a" * 1_048_577) == (  # test_send_oversized_message
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    )
    assert sent(MessageBody="")[0] == "MissingParameter"
    assert sent(MessageBody="\x00")[0] == "InvalidMessageContents"
    assert sent(DelaySeconds=901)[0] == "InvalidParameterValue"
    assert sent(MessageDeduplicationId="x")[0] == "InvalidParameterValue"

    def with_attribute(name: str, **value: Any) -> tuple[str, str]:
        return sent(MessageAttributes={name: value})

    # test_send_message_with_empty_string_attribute
    assert with_attribute("ErrorDetails", DataType="String", StringValue="") == (
        "InvalidParameterValue",
        "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
    )
    for name in ("aws.x", "Amazon.x", ".x", "x.", "a..b", "a b", "x" * 257):
        assert with_attribute(name, DataType="String", StringValue="x")[0] == (
            "InvalidParameterValue"
        )
    assert with_attribute("x", DataType="Boolean", StringValue="x")[0] == "InvalidParameterValue"
    assert with_attribute("x", DataType="Number", StringValue="x")[0] == "InvalidParameterValue"
    assert with_attribute("x", DataType="String", StringValue="x", StringListValues=["x"])[0] == (
        "AWS.SimpleQueueService.UnsupportedOperation"
    )
    eleven = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
    assert sent(MessageAttributes=eleven)[0] == "InvalidParameterValue"
    assert counts(sqs, queue) == (0, 0, 0)


def test_sqs_a_message_of_one_mebibyte_is_taken_and_given_back(sqs: Any, queue: str) -> None:
    body = "é" * (1_048_576 // 2)
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    [message] = receive(sqs, queue)
    assert message["Body"] == body


def test_sqs_a_batch_tells_of_each_entry(sqs: Any, queue: str) -> None:
    answer = sqs.send_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "good", "MessageBody": "a"},
            {"Id": "bad", "MessageBody": "b", "DelaySeconds": 9_999},
        ],
    )
    assert [one["Id"] for one in answer["Successful"]] == ["good"]
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == (
        "bad",
        "InvalidParameterValue",
        True,
    )
    [message] = receive(sqs, queue, MaxNumberOfMessages=10)
    handle = message["ReceiptHandle"]
    answer = sqs.change_message_visibility_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "1", "ReceiptHandle": handle, "VisibilityTimeout": 60},
            {"Id": "2", "ReceiptHandle": "nonsense", "VisibilityTimeout": 60},
            {"Id": "3", "ReceiptHandle": handle, "VisibilityTimeout": 50_000},
        ],
    )
    assert [one["Id"] for one in answer["Successful"]] == ["1"]
    assert {one["Id"]: one["Code"] for one in answer["Failed"]} == {
        "2": "ReceiptHandleIsInvalid",
        "3": "InvalidParameterValue",
    }
    answer = sqs.delete_message_batch(
        QueueUrl=queue,
        Entries=[{"Id": "1", "ReceiptHandle": handle}, {"Id": "2", "ReceiptHandle": "nonsense"}],
    )
    assert [one["Id"] for one in answer["Successful"]] == ["1"]
    assert [one["Code"] for one in answer["Failed"]] == ["ReceiptHandleIsInvalid"]


def test_sqs_batches_have_awss_limits(sqs: Any, queue: str) -> None:
    """[LS] test_too_many_entries_in_batch_request, …invalid_msg_id, …oversized_contents."""
    own = "AWS.SimpleQueueService."

    def sent(entries: list[dict[str, Any]]) -> tuple[str, str]:
        return refusal(sqs.send_message_batch, QueueUrl=queue, Entries=entries)

    def entries(*ids: str) -> list[dict[str, Any]]:
        return [{"Id": id_, "MessageBody": "x"} for id_ in ids]

    assert sent([])[0] == f"{own}EmptyBatchRequest"
    assert sent(entries(*map(str, range(20)))) == (
        f"{own}TooManyEntriesInBatchRequest",
        "Maximum number of entries per request are 10. You have sent 20.",
    )
    for bad in ("", "x" * 81, "invalid:id"):
        assert sent(entries(bad)) == (
            f"{own}InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
            " It can be at most 80 letters long.",
        )
    assert sent(entries("a", "a"))[0] == f"{own}BatchEntryIdsNotDistinct"
    half = [{"Id": str(n), "MessageBody": "a" * 524_289} for n in range(2)]
    assert sent(half) == (
        f"{own}BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048578 bytes.",
    )


def test_sqs_a_message_that_was_received_too_often_goes_to_the_dead_letter_queue(
    sqs: Any, queue: str
) -> None:
    dead = sqs.create_queue(QueueName="sqs-dead-letters")["QueueUrl"]
    arn = _arn(sqs, dead)
    sqs.set_queue_attributes(
        QueueUrl=queue,
        Attributes={"RedrivePolicy": f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "2"}}'},
    )
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sent = sqs.send_message(
        QueueUrl=queue,
        MessageBody="poison",
        MessageAttributes={"a": {"DataType": "Number", "StringValue": "1.5"}},
    )
    for _ in range(2):
        assert len(receive(sqs, queue, VisibilityTimeout=0)) == 1
    assert receive(sqs, queue) == []
    [letter] = receive(
        sqs, dead, WaitTimeSeconds=5, AttributeNames=["All"], MessageAttributeNames=["All"]
    )
    assert (letter["MessageId"], letter["Body"]) == (sent["MessageId"], "poison")
    assert letter["MessageAttributes"]["a"]["StringValue"] == "1.5"
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == _arn(sqs, queue)
    sqs.delete_queue(QueueUrl=dead)


def _arn(sqs: Any, url: str) -> str:
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(shown["Attributes"]["QueueArn"])


def test_sqs_handles_and_numbers_that_are_none_are_refused(sqs: Any, queue: str) -> None:
    other = sqs.create_queue(QueueName="sqs-other-handles")["QueueUrl"]
    sqs.send_message(QueueUrl=other, MessageBody="x")
    [message] = receive(sqs, other)
    for handle in ("nonsense", "AQEB", message["ReceiptHandle"]):
        code, _ = refusal(sqs.delete_message, QueueUrl=queue, ReceiptHandle=handle)
        assert code == "ReceiptHandleIsInvalid"
    sqs.delete_message(QueueUrl=other, ReceiptHandle=message["ReceiptHandle"])
    gone = {"QueueUrl": other, "ReceiptHandle": message["ReceiptHandle"]}
    code, text = refusal(sqs.change_message_visibility, **gone, VisibilityTimeout=1)
    assert code == "InvalidParameterValue"
    assert "Message does not exist or is not available" in text
    assert refusal(sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=11) == (
        "InvalidParameterValue",  # [LS] test_send_receive_max_number_of_messages
        "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10,"
        " if provided.",
    )
    for params in ({"WaitTimeSeconds": 21}, {"VisibilityTimeout": 43_201}):
        code, _ = refusal(sqs.receive_message, QueueUrl=queue, **params)
        assert code == "InvalidParameterValue"
    assert refusal(sqs.receive_message) == (
        "MissingParameter",
        "The request must contain the parameter QueueUrl.",
    )
    sqs.delete_queue(QueueUrl=other)
