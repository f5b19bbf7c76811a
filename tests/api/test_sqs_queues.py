"""Queues themselves: names, attributes, lists, tags, URLs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_sqs_messages import receive, refusal
from tests.conftest import RunningServer


@pytest.fixture
def sqs(server: RunningServer) -> Any:
    return server.client("sqs", parameter_validation=False)


@pytest.fixture
def made(sqs: Any) -> Iterator[list[str]]:
    """URLs of queues to delete in the end."""
    urls: list[str] = []
    yield urls
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def create(sqs: Any, made: list[str], name: str, **attributes: str) -> str:
    url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    if url not in made:
        made.append(url)
    return url


def attributes_of(sqs: Any, url: str, *names: str) -> dict[str, str]:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names or ("All",)))
    found: dict[str, str] = answer.get("Attributes", {})
    return found


def test_sqs_a_queue_has_awss_attributes(sqs: Any, made: list[str]) -> None:
    """[LS] test_create_and_update_queue_attributes; MaximumMessageSize as [B] has it since 2025."""
    url = create(sqs, made, "sqs-attributes", VisibilityTimeout="20")
    shown = attributes_of(sqs, url)
    assert int(shown.pop("CreatedTimestamp")) == int(shown.pop("LastModifiedTimestamp"))
    assert shown == {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:sqs-attributes",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "20",
    }
    changed = {"VisibilityTimeout": "69", "MaximumMessageSize": "2048", "DelaySeconds": "420"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=changed)
    assert attributes_of(sqs, url, *changed) == changed
    assert attributes_of(sqs, url, "Policy") == {}
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="x" * 2049) == (
        "InvalidParameterValue",  # [LS] test_send_message_with_updated_maximum_message_size
        "One or more parameters are invalid. Reason: Message must be shorter than 2048 bytes.",
    )


def test_sqs_a_fifo_queue_has_its_own_attributes(sqs: Any, made: list[str]) -> None:
    """[LS] test_fifo_set_content_based_deduplication_…, test_set_unsupported_attribute_fifo."""
    url = create(
        sqs, made, "sqs-attributes.fifo", FifoQueue="true", ContentBasedDeduplication="true"
    )
    shown = attributes_of(sqs, url)
    assert shown["FifoQueue"] == "true"
    assert shown["ContentBasedDeduplication"] == "true"
    assert shown["DeduplicationScope"] == "queue"
    assert shown["FifoThroughputLimit"] == "perQueue"
    change = sqs.set_queue_attributes
    assert refusal(change, QueueUrl=url, Attributes={"FifoQueue": "false"}) == (
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    )
    plain = create(sqs, made, "sqs-attributes-plain")
    assert refusal(change, QueueUrl=plain, Attributes={"FifoQueue": "true"}) == (
        "InvalidAttributeName",
        "Unknown Attribute FifoQueue.",
    )
    limit = {"FifoThroughputLimit": "perMessageGroupId"}
    assert refusal(change, QueueUrl=url, Attributes=limit)[0] == "InvalidAttributeValue"


def test_sqs_encryption_is_of_one_kind_at_a_time(sqs: Any, made: list[str]) -> None:
    """[LS] test_sse_queue_attributes, test_sse_kms_and_sqs_are_mutually_exclusive."""
    url = create(sqs, made, "sqs-encrypted")
    both = {"KmsMasterKeyId": "testKeyId", "SqsManagedSseEnabled": "true"}
    assert refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes=both) == (
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. You can either enable"
        " KMS SSE or SQS SSE.",
    )
    kms = {"KmsMasterKeyId": "testKeyId", "KmsDataKeyReusePeriodSeconds": "6000"}
    names = (*kms, "SqsManagedSseEnabled")
    sqs.set_queue_attributes(QueueUrl=url, Attributes=kms)
    assert attributes_of(sqs, url, *names) == {**kms, "SqsManagedSseEnabled": "false"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})
    assert attributes_of(sqs, url, *names) == {"SqsManagedSseEnabled": "true"}


def test_sqs_creating_again_gives_the_queue_unless_it_would_be_another(
    sqs: Any, made: list[str]
) -> None:
    """[LS] test_create_queue_with_different_attributes_raises_exception."""
    url = create(sqs, made, "sqs-again", DelaySeconds="1")
    assert create(sqs, made, "sqs-again", DelaySeconds="1") == url
    assert create(sqs, made, "sqs-again") == url
    assert refusal(sqs.create_queue, QueueName="sqs-again", Attributes={"DelaySeconds": "2"}) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute"
        " DelaySeconds",
    )


def test_sqs_attributes_and_names_outside_their_bounds_are_refused(
    sqs: Any, made: list[str]
) -> None:
    for name in ("", "a b", "x" * 81, "a.fifo", "ü"):
        code, _ = refusal(sqs.create_queue, QueueName=name)
        assert code in ("InvalidParameterValue", "MissingParameter")
    fifo = {"FifoQueue": "true"}
    assert refusal(sqs.create_queue, QueueName="a", Attributes=fifo)[0] == "InvalidParameterValue"
    for attribute, value in (
        ("DelaySeconds", "901"),
        ("DelaySeconds", "-1"),
        ("VisibilityTimeout", "43201"),
        ("VisibilityTimeout", "x"),
        ("MaximumMessageSize", "1023"),
        ("MaximumMessageSize", "1048577"),
        ("MessageRetentionPeriod", "59"),
        ("MessageRetentionPeriod", "9" * 5_000),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("Policy", "{"),
        ("Policy", "[]"),
        ("SqsManagedSseEnabled", "perhaps"),
    ):
        attributes = {attribute: value}
        code, text = refusal(sqs.create_queue, QueueName="sqs-bad", Attributes=attributes)
        assert code == "InvalidAttributeValue", (attribute, value)
        assert text.startswith(f"Invalid value for the parameter {attribute}.")
    for attribute in ("Nonsense", "QueueArn", "All", "ContentBasedDeduplication"):
        assert refusal(sqs.create_queue, QueueName="sqs-bad", Attributes={attribute: "true"}) == (
            "InvalidAttributeName",
            f"Unknown Attribute {attribute}.",
        )
    url = create(sqs, made, "sqs-bounds")
    asked = {"QueueUrl": url, "AttributeNames": ["Nonsense"]}
    assert refusal(sqs.get_queue_attributes, **asked)[0] == "InvalidAttributeName"


def test_sqs_a_redrive_policy_must_lead_to_a_queue_that_takes_it(sqs: Any, made: list[str]) -> None:
    url = create(sqs, made, "sqs-redrive")
    dead = create(sqs, made, "sqs-redrive-dead")
    fifo = create(sqs, made, "sqs-redrive-dead.fifo", FifoQueue="true")

    def redrive(policy: Any) -> Any:
        text = policy if isinstance(policy, str) else json.dumps(policy)
        return {"QueueUrl": url, "Attributes": {"RedrivePolicy": text}}

    bad = {"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}
    assert refusal(sqs.set_queue_attributes, **redrive(bad)) == (
        "InvalidParameterValue",  # [LS] test_invalid_dead_letter_arn_rejected_before_lookup
        'Value {"deadLetterTargetArn": "dummy", "maxReceiveCount": 42} for parameter RedrivePolicy'
        " is invalid. Reason: Invalid value for deadLetterTargetArn.",
    )
    arn = attributes_of(sqs, dead)["QueueArn"]
    for policy in (
        "{",
        "[]",
        {},
        {"deadLetterTargetArn": arn},
        {"maxReceiveCount": 1},
        {"deadLetterTargetArn": arn, "maxReceiveCount": 0},
        {"deadLetterTargetArn": arn, "maxReceiveCount": 1001},
        {"deadLetterTargetArn": arn, "maxReceiveCount": True},
        {"deadLetterTargetArn": f"{arn}-none", "maxReceiveCount": 1},
        {"deadLetterTargetArn": attributes_of(sqs, fifo)["QueueArn"], "maxReceiveCount": 1},
    ):
        assert refusal(sqs.set_queue_attributes, **redrive(policy))[0] == "InvalidParameterValue"
    good = {"deadLetterTargetArn": arn, "maxReceiveCount": 3}
    for allowed in ({"redrivePermission": "denyAll"}, {"redrivePermission": "byQueue"}):
        if allowed["redrivePermission"] == "byQueue":
            allowed["sourceQueueArns"] = [f"{arn}-other"]  # type: ignore[assignment]
        text = json.dumps(allowed)
        sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": text})
        assert refusal(sqs.set_queue_attributes, **redrive(good))[0] == "InvalidParameterValue"
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": ""})
    sqs.set_queue_attributes(**redrive(good))
    assert json.loads(attributes_of(sqs, url)["RedrivePolicy"]) == good
    sqs.set_queue_attributes(**redrive(""))
    assert "RedrivePolicy" not in attributes_of(sqs, url)


def test_sqs_queues_are_listed_by_prefix_and_page(sqs: Any, made: list[str]) -> None:
    urls = [create(sqs, made, f"sqs-list-{number}") for number in range(5)]
    assert sqs.list_queues(QueueNamePrefix="sqs-list-")["QueueUrls"] == urls
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix="sqs-list-", PaginationConfig={"PageSize": 2}
    )
    assert [page["QueueUrls"] for page in pages] == [urls[:2], urls[2:4], urls[4:]]
    assert sqs.list_queues(QueueNamePrefix="sqs-none").get("QueueUrls", []) == []
    assert refusal(sqs.list_queues, MaxResults=1001)[0] == "InvalidParameterValue"


def test_sqs_a_queue_that_is_not_there_is_said_not_to_be(sqs: Any, made: list[str]) -> None:
    """[LS] test_non_existent_queue."""
    gone = ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    url = create(sqs, made, "sqs-gone")
    assert sqs.get_queue_url(QueueName="sqs-gone")["QueueUrl"] == url
    assert refusal(sqs.get_queue_url, QueueName="sqs-never") == gone
    other = {"QueueName": "sqs-gone", "QueueOwnerAWSAccountId": "111122223333"}
    assert refusal(sqs.get_queue_url, **other) == gone
    assert refusal(sqs.send_message, QueueUrl=f"{url}-not", MessageBody="x") == gone
    elsewhere = url.replace("000000000000", "111122223333")
    assert refusal(sqs.delete_queue, QueueUrl=elsewhere) == gone
    sqs.delete_queue(QueueUrl=made.pop())
    for call in (sqs.delete_queue, sqs.purge_queue, sqs.list_queue_tags, sqs.receive_message):
        assert refusal(call, QueueUrl=url) == gone
    assert refusal(sqs.receive_message, QueueUrl="nonsense")[0] == "InvalidAddress"
    assert create(sqs, made, "sqs-gone") == url
    assert receive(sqs, url) == []


def test_sqs_tags_are_kept_and_bounded(sqs: Any, made: list[str]) -> None:
    """[LS] test_tag_untag_queue."""
    url = create(sqs, made, "sqs-tags")
    sqs.tag_queue(QueueUrl=url, Tags={"tag1": "value1", "tag2": "value2", "tag3": ""})
    shown = sqs.list_queue_tags(QueueUrl=url)["Tags"]
    assert shown == {"tag1": "value1", "tag2": "value2", "tag3": ""}
    sqs.untag_queue(QueueUrl=url, TagKeys=["tag1", "tag3", "none"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"tag2": "value2"}
    many = {f"t{number}": "x" for number in range(50)}
    assert refusal(sqs.tag_queue, QueueUrl=url, Tags=many)[0] == "InvalidParameterValue"
    assert refusal(sqs.tag_queue, QueueUrl=url, Tags={"": "x"})[0] == "InvalidParameterValue"


def test_sqs_a_queue_is_found_under_each_form_of_its_url(
    server: RunningServer, sqs: Any, made: list[str]
) -> None:
    create(sqs, made, "sqs-forms")
    for form in (
        f"{server.endpoint}/000000000000/sqs-forms",
        f"{server.endpoint}/queue/us-east-1/000000000000/sqs-forms",
        "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/sqs-forms",
        "https://sqs.us-east-1.amazonaws.com/000000000000/sqs-forms",
    ):
        assert sqs.list_queue_tags(QueueUrl=form)["ResponseMetadata"]["HTTPStatusCode"] == 200
