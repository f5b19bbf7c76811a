"""AWS's command line, version 1, speaks to SNS."""

from __future__ import annotations

import json
from typing import Any

from tests.api.sns_world import Inbox
from tests.conftest import RunningServer
from tests.system.test_aws_tools import Aws, aws

__all__ = ["aws"]


def test_the_aws_cli_publishes_to_subscribers_of_sns(server: RunningServer, aws: Aws) -> None:
    def sns(*arguments: str, code: int = 0) -> Any:
        return aws("sns", *arguments, code=code)

    topic = sns("create-topic", "--name", "cli-topic", "--tags", "Key=a,Value=b")["TopicArn"]
    inbox = Inbox(server.client("sqs"), topic)
    attributes = json.dumps({"FilterPolicy": json.dumps({"kind": ["wanted"]})})
    subscription = sns(
        *("subscribe", "--topic-arn", topic, "--protocol", "sqs"),
        *("--notification-endpoint", inbox.arn, "--attributes", attributes),
    )["SubscriptionArn"]
    for kind in ("other", "wanted"):
        value = json.dumps({"kind": {"DataType": "String", "StringValue": kind}})
        sent = sns(
            *("publish", "--topic-arn", topic, "--message", kind),
            *("--subject", "hello", "--message-attributes", value),
        )
    envelope = inbox.envelope()
    assert (envelope["MessageId"], envelope["Message"]) == (sent["MessageId"], "wanted")
    assert inbox.is_empty()
    [listed] = sns("list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == subscription
    assert sns("unsubscribe", "--subscription-arn", subscription) is None
    refused = sns("publish", "--phone-number", "+15555550100", "--message", "x", code=255)
    assert "Lambent does not support SMS by SNS yet." in refused
