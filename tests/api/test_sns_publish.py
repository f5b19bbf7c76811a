"""Publishing to queues and functions, by an unmodified boto3.

Expected values: SNS Developer Guide and API reference; LocalStack's recordings of AWS
(test_sns.snapshot.json, test_sns_filter_policy.snapshot.json).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.sns_world import ACCOUNT, Inbox, new_topic, sns_refusal, subscribe
from tests.conftest import RunningServer


@pytest.fixture
def sns(server: RunningServer) -> Any:
    return server.client("sns", parameter_validation=False)


@pytest.fixture
def sqs(server: RunningServer) -> Any:
    return server.client("sqs")


def test_a_queue_gets_what_is_published_to_its_sns_topic(
    server: RunningServer, sns: Any, sqs: Any
) -> None:
    topic = new_topic(sns)
    inbox = Inbox(sqs, topic)
    subscription = subscribe(sns, topic, inbox)
    assert subscription.startswith(f"{topic}:")
    attribute = {"DataType": "Number", "StringValue": "7"}
    binary = {"DataType": "Binary", "BinaryValue": b"\x00\x01"}
    answer = sns.publish(
        TopicArn=topic,
        Message="hällo",
        Subject="News",
        MessageAttributes={"n": attribute, "b": binary},
    )
    envelope = inbox.envelope()
    assert list(envelope) == [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
        "MessageAttributes",
    ]
    assert envelope["Type"] == "Notification"
    assert envelope["MessageId"] == answer["MessageId"]
    assert envelope["TopicArn"] == topic
    assert envelope["Subject"] == "News"
    assert envelope["Message"] == "hällo"
    assert envelope["SignatureVersion"] == "1"
    assert envelope["SigningCertURL"].startswith(f"{server.endpoint}/SimpleNotificationService-")
    assert envelope["UnsubscribeURL"] == (
        f"{server.endpoint}/?Action=Unsubscribe&SubscriptionArn={subscription}"
    )
    assert envelope["MessageAttributes"] == {
        "n": {"Type": "Number", "Value": "7"},
        "b": {"Type": "Binary", "Value": "AAE="},
    }


def test_raw_delivery_gives_a_queue_the_message_itself(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns)
    inbox = Inbox(sqs, topic)
    subscribe(sns, topic, inbox, RawMessageDelivery="true")
    attributes = {
        "s": {"DataType": "String", "StringValue": "x"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00"},
    }
    sns.publish(TopicArn=topic, Message="plain", Subject="lost", MessageAttributes=attributes)
    message = inbox.take()
    assert message["Body"] == "plain"
    assert message["MessageAttributes"] == attributes


def test_a_function_is_invoked_with_the_sns_record(
    server: RunningServer, sns: Any, sqs: Any
) -> None:
    topic = new_topic(sns)
    source = """
import boto3, json, os

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["URL"], MessageBody=json.dumps(event))
"""
    inbox = Inbox(sqs, topic)
    variables = {"Variables": {"URL": inbox.url}}
    client = server.create("sns-forward", source, Environment=variables)
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:sns-forward"
    client.add_permission(
        FunctionName="sns-forward",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    answer = sns.publish(TopicArn=topic, Message="run")
    [record] = inbox.envelope()["Records"]
    assert list(record) == ["EventSource", "EventVersion", "EventSubscriptionArn", "Sns"]
    assert record["EventSubscriptionArn"] == subscription["SubscriptionArn"]
    told = record["Sns"]
    assert list(told) == [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertUrl",
        "UnsubscribeUrl",
        "MessageAttributes",
    ]
    assert (told["MessageId"], told["Message"]) == (answer["MessageId"], "run")
    assert (told["Subject"], told["MessageAttributes"]) == (None, {})


def test_filter_policies_choose_who_gets_an_sns_message(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns)
    by_attribute, by_body, all_of_it = (Inbox(sqs, topic) for _ in range(3))
    policy = {"kind": ["order", {"prefix": "re"}], "price": [{"numeric": [">", 10]}]}
    subscription = subscribe(sns, topic, by_attribute, FilterPolicy=json.dumps(policy))
    nested = json.dumps({"detail": {"city": [{"equals-ignore-case": "Bern"}]}})
    subscribe(sns, topic, by_body, FilterPolicy=nested, FilterPolicyScope="MessageBody")
    subscribe(sns, topic, all_of_it)
    shown = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert json.loads(shown["FilterPolicy"]) == policy
    assert shown["FilterPolicyScope"] == "MessageAttributes"

    def publish(message: Any, kind: str, price: str) -> None:
        attributes = {
            "kind": {"DataType": "String", "StringValue": kind},
            "price": {"DataType": "Number", "StringValue": price},
        }
        sns.publish(TopicArn=topic, Message=json.dumps(message), MessageAttributes=attributes)

    publish("1", "order", "10")
    publish("2", "return", "10.5")
    publish({"detail": {"city": "BERN"}}, "other", "99")
    assert [json.loads(all_of_it.envelope()["Message"]) for _ in range(3)]
    assert by_attribute.envelope()["Message"] == '"2"'
    assert json.loads(by_body.envelope()["Message"]) == {"detail": {"city": "BERN"}}
    assert by_attribute.is_empty()
    assert by_body.is_empty()


def test_filter_policies_of_sns_are_checked(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns)
    given = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": Inbox(sqs, topic).arn}
    for policy, text in (
        ({"a": {"b": ["c"]}}, "Filter policy scope MessageAttributes does not support nested"),
        ({str(one): ["x"] for one in range(6)}, "FilterPolicy: Filter policy can not have more"),
        (
            {"a": list("0123456789123456"), "b": list("0123456789")},
            "FilterPolicy: Filter policy is",
        ),
        ({"a": [{"unheard": "x"}]}, "FilterPolicy: Unrecognized match type unheard"),
        ({"a": "x"}, 'FilterPolicy: "a" must be an object or an array'),
    ):
        attributes = {"FilterPolicy": json.dumps(policy)}
        code, message = sns_refusal(sns.subscribe, **given, Attributes=attributes)
        assert code == "InvalidParameter"
        assert message.startswith(f"Invalid parameter: Attributes Reason: {text}"), message
    assert sns_refusal(sns.subscribe, **given, Attributes={"FilterPolicyScope": "Moon"})[1] == (
        "Invalid parameter: Attributes Reason: FilterPolicyScope: Invalid value [Moon]. Please use"
        " either MessageBody or MessageAttributes"
    )


def test_each_protocol_gets_its_own_words(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns)
    inbox = Inbox(sqs, topic)
    subscribe(sns, topic, inbox)
    message = json.dumps({"default": "all", "sqs": "queues", "lambda": {"not": "text"}})
    sns.publish(TopicArn=topic, Message=message, MessageStructure="json")
    assert inbox.envelope()["Message"] == "queues"
    for text, reason in (
        ("{", "Message Structure - JSON message body failed to parse"),
        ('{"sqs": "x"}', "Message Structure - No default entry in JSON message body"),
    ):
        asked = {"TopicArn": topic, "Message": text, "MessageStructure": "json"}
        assert sns_refusal(sns.publish, **asked)[1] == f"Invalid parameter: {reason}"


def test_what_may_be_published_to_sns_is_checked(sns: Any) -> None:
    topic = new_topic(sns)

    def attribute(name: str = "a", **value: Any) -> dict[str, Any]:
        return {"Message": "x", "MessageAttributes": {name: value}}

    for params, code in (
        ({"Message": ""}, "InvalidParameter"),
        ({"Message": "x" * 262_145}, "InvalidParameter"),
        ({"Message": "x", "Subject": "a\nb"}, "InvalidParameter"),
        ({"Message": "x", "Subject": "s" * 101}, "InvalidParameter"),
        ({"Message": "x", "MessageStructure": "xml"}, "InvalidParameter"),
        ({"Message": "x", "MessageDeduplicationId": "1"}, "InvalidParameter"),
        (attribute(DataType="Number", StringValue="x"), "ParameterValueInvalid"),
        (attribute(DataType="Thing", StringValue="x"), "ParameterValueInvalid"),
        (attribute(DataType="String"), "ParameterValueInvalid"),
        (attribute(DataType="String.Array", StringValue="x"), "ParameterValueInvalid"),
        (attribute("a:b", DataType="String", StringValue="x"), "ParameterValueInvalid"),
    ):
        assert sns_refusal(sns.publish, TopicArn=topic, **params)[0] == code, params
    assert sns_refusal(sns.publish, TopicArn=f"{topic}-missing", Message="x")[0] == "NotFound"
    assert sns_refusal(sns.publish, Message="x")[0] == "InvalidParameter"
    assert sns.publish(TargetArn=topic, Message="x" * 262_144)["MessageId"]


def test_a_batch_is_published_to_sns_as_a_whole_or_not(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns)
    inbox = Inbox(sqs, topic)
    subscribe(sns, topic, inbox, RawMessageDelivery="true")

    def entries(*ids: str, message: str = "m") -> dict[str, Any]:
        found = [{"Id": id_, "Message": message} for id_ in ids]
        return {"TopicArn": topic, "PublishBatchRequestEntries": found}

    answer = sns.publish_batch(**entries("a", "b", "c"))
    assert [one["Id"] for one in answer["Successful"]] == ["a", "b", "c"]
    assert answer["Failed"] == []
    assert [inbox.take()["Body"] for _ in range(3)] == ["m", "m", "m"]
    for asked, code in (
        (entries(), "EmptyBatchRequest"),
        (entries("a", "a"), "BatchEntryIdsNotDistinct"),
        (entries("a b"), "InvalidBatchEntryId"),
        (entries(*map(str, range(11))), "TooManyEntriesInBatchRequest"),
        (entries("a", "b", message="x" * 140_000), "BatchRequestTooLong"),
        (entries("a", message=""), "InvalidParameter"),
    ):
        assert sns_refusal(sns.publish_batch, **asked)[0] == code
    assert inbox.is_empty()


def test_a_fifo_topic_keeps_the_order_and_drops_duplicates(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns, FifoTopic="true", ContentBasedDeduplication="true")
    inbox = Inbox(sqs, topic, FifoQueue="true")
    subscribe(sns, topic, inbox)
    standard = Inbox(sqs, topic)
    subscribe(sns, topic, standard, RawMessageDelivery="true")
    answers = [
        sns.publish(TopicArn=topic, Message=str(number), MessageGroupId="g")
        for number in (1, 2, 3, 2, 4)
    ]
    assert answers[3]["MessageId"] == answers[1]["MessageId"]
    assert answers[3]["SequenceNumber"] == answers[1]["SequenceNumber"]
    numbers = [answers[place]["SequenceNumber"] for place in (0, 1, 2, 4)]
    assert numbers == sorted(numbers)
    assert {len(number) for number in numbers} == {20}
    messages = [inbox.take() for _ in range(4)]
    assert [json.loads(one["Body"])["Message"] for one in messages] == ["1", "2", "3", "4"]
    assert [one["Attributes"]["MessageGroupId"] for one in messages] == ["g"] * 4
    envelope = json.loads(messages[0]["Body"])
    assert envelope["SequenceNumber"] == numbers[0]
    assert "Signature" not in envelope
    assert {standard.take()["Body"] for _ in range(4)} == {"1", "2", "3", "4"}
    assert inbox.is_empty()


def test_a_fifo_topic_asks_for_group_and_deduplication(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns, FifoTopic="true")
    assert sns_refusal(sns.publish, TopicArn=topic, Message="x")[1] == (
        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    )
    asked = {"TopicArn": topic, "Message": "x", "MessageGroupId": "g"}
    assert sns_refusal(sns.publish, **asked)[1].startswith(
        "Invalid parameter: The topic should either have ContentBasedDeduplication enabled"
    )
    first = sns.publish(**asked, MessageDeduplicationId="1")
    again = sns.publish(**{**asked, "MessageGroupId": "h"}, MessageDeduplicationId="1")
    assert again["MessageId"] == first["MessageId"]
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    refused = sns_refusal(sns.subscribe, TopicArn=topic, Protocol="lambda", Endpoint=arn)
    assert refused[0] == "InvalidParameter"
    plain, fifo = new_topic(sns), Inbox(sqs, topic, FifoQueue="true")
    refused = sns_refusal(sns.subscribe, TopicArn=plain, Protocol="sqs", Endpoint=fifo.arn)
    assert refused[1].endswith("FIFO SQS Queues can not be subscribed to standard SNS topics")


def test_what_a_queue_may_not_get_goes_to_the_dead_letter_queue(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns)
    closed, dead = Inbox(sqs, "arn:aws:sns:us-east-1:000000000000:another"), Inbox(sqs, topic)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    subscribe(sns, topic, closed, RedrivePolicy=redrive)
    sns.publish(TopicArn=topic, Message="unwanted")
    assert dead.envelope()["Message"] == "unwanted"
    assert closed.is_empty()


def test_what_a_queue_can_never_take_of_sns_is_given_up_at_once(sns: Any, sqs: Any) -> None:
    """SNS Developer Guide, "Large payload and raw message delivery": ten attributes at most."""
    topic = new_topic(sns)
    small, dead = Inbox(sqs, topic, MaximumMessageSize="1024"), Inbox(sqs, topic)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    subscribe(sns, topic, small, RawMessageDelivery="true", RedrivePolicy=redrive)
    sns.publish(TopicArn=topic, Message="x" * 1025)
    assert dead.take()["Body"] == "x" * 1025
    attributes = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
    plain = Inbox(sqs, topic)
    subscribe(sns, topic, plain)
    sns.publish(TopicArn=topic, Message="many", MessageAttributes=attributes)
    assert len(plain.envelope()["MessageAttributes"]) == 11
    assert small.is_empty()


def test_a_subscription_of_sns_is_made_once_and_can_be_changed(sns: Any, sqs: Any) -> None:
    topic = new_topic(sns)
    inbox = Inbox(sqs, topic)
    arn = subscribe(sns, topic, inbox)
    assert subscribe(sns, topic, inbox) == arn
    given = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": inbox.arn}
    assert sns_refusal(sns.subscribe, **given, Attributes={"RawMessageDelivery": "true"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different"
        " attributes",
    )
    [listed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed == {**given, "SubscriptionArn": arn, "Owner": ACCOUNT}
    assert listed in [
        one
        for page in sns.get_paginator("list_subscriptions").paginate()
        for one in page["Subscriptions"]
    ]
    sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    sns.publish(TopicArn=topic, Message="raw now")
    assert inbox.take()["Body"] == "raw now"
    refused = sns_refusal(
        sns.set_subscription_attributes,
        SubscriptionArn=arn,
        AttributeName="RawMessageDelivery",
        AttributeValue="perhaps",
    )
    assert refused[0] == "InvalidParameter"
    sns.unsubscribe(SubscriptionArn=arn)
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns_refusal(sns.get_subscription_attributes, SubscriptionArn=arn) == (
        "NotFound",
        "Subscription does not exist",
    )
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
