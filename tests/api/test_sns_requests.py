"""Requests to SNS that no SDK would send are refused, and never a fault of the server."""

from __future__ import annotations

from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.api.sns_world import ACCOUNT, new_topic
from tests.conftest import RunningServer


def ask(server: RunningServer, action: str, **fields: str) -> tuple[int, str]:
    """Status and body of a form that is posted as it is."""
    form = {"Action": action, "Version": "2010-03-31"}
    form |= {name.replace("__", "."): value for name, value in fields.items()}
    try:
        with urlopen(f"{server.endpoint}/", urlencode(form).encode(), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def topic(server: RunningServer) -> str:
    return new_topic(server.client("sns"))


ENTRY: dict[str, str] = {"MessageAttributes__entry__1__Name": "a"}
VALUE = "MessageAttributes__entry__1__Value__"


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("CreateTopic", {}),
        ("CreateTopic", {"Name": "x", "Attributes__entry__1__key": "DisplayName"}),
        ("CreateTopic", {"Name": "x", "Tags__member__1__Key": "a"}),
        ("CreateTopic", {"Name": "x", "Tags__member__1": "a"}),
        ("SetTopicAttributes", {"TopicArn": "T"}),
        ("SetTopicAttributes", {"TopicArn": "T", "AttributeName": "Policy", "AttributeValue": "["}),
        ("SetTopicAttributes", {"TopicArn": "T", "AttributeName": "SignatureVersion"}),
        ("Publish", {"TopicArn": "T"}),
        ("Publish", {"TopicArn": "T", "Message": "x", **ENTRY}),
        ("Publish", {"TopicArn": "T", "Message": "x", **ENTRY, VALUE + "DataType": "String"}),
        (
            "Publish",
            {
                "TopicArn": "T",
                "Message": "x",
                **ENTRY,
                VALUE + "DataType": "Binary",
                VALUE + "BinaryValue": "no base64!",
            },
        ),
        ("Publish", {"TopicArn": "T", "Message": "\x00"}),
        ("Publish", {"TopicArn": "T", "Message": "[" * 5_000, "MessageStructure": "json"}),
        ("PublishBatch", {"TopicArn": "T"}),
        ("PublishBatch", {"TopicArn": "T", "PublishBatchRequestEntries__member__1__Id": "a"}),
        ("PublishBatch", {"TopicArn": "T", "PublishBatchRequestEntries__member__1": "a"}),
        ("Subscribe", {"TopicArn": "T"}),
        ("Subscribe", {"TopicArn": "T", "Protocol": "sqs"}),
        (
            "Subscribe",
            {
                "TopicArn": "T",
                "Protocol": "http",
                "Endpoint": "http://127.0.0.1:9/",
                "Attributes__entry__1__key": "FilterPolicy",
            },
        ),
        ("Subscribe", {"TopicArn": "T", "Protocol": "http", "Endpoint": "http://[::1"}),
        ("ConfirmSubscription", {"TopicArn": "T"}),
        ("ConfirmSubscription", {"TopicArn": "x", "Token": "y"}),
        ("Unsubscribe", {}),
        ("Unsubscribe", {"SubscriptionArn": "x"}),
        ("GetSubscriptionAttributes", {"SubscriptionArn": "x"}),
        ("SetSubscriptionAttributes", {"SubscriptionArn": "T:x", "AttributeName": "FilterPolicy"}),
        ("AddPermission", {"TopicArn": "T", "Label": "x"}),
        (
            "AddPermission",
            {
                "TopicArn": "T",
                "Label": "x",
                "AWSAccountId__member__1": "1",
                "ActionName__member__1": "Publish",
            },
        ),
        ("TagResource", {"ResourceArn": "T"}),
        ("ListTagsForResource", {"ResourceArn": "x"}),
        ("DeleteTopic", {"TopicArn": "x"}),
        ("NoSuchAction", {}),
    ],
)
def test_what_no_sdk_sends_to_sns_is_refused(
    server: RunningServer, topic: str, action: str, fields: dict[str, Any]
) -> None:
    given = {
        name: value.replace("T", topic, 1) if name.endswith("Arn") else value
        for name, value in fields.items()
    }
    status, body = ask(server, action, **given)
    assert 400 <= status < 500, body
    assert "<ErrorResponse" in body


def test_subscriptions_of_sns_that_are_gone_are_ended_without_an_error(
    server: RunningServer,
) -> None:
    arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:gone:00000000-0000-0000-0000-000000000000"
    status, body = ask(server, "Unsubscribe", SubscriptionArn=arn)
    assert status == 200, body
