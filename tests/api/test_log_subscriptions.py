"""Subscription filters end to end: what functions print reaches other functions.

Source: CloudWatch Logs User Guide, "Log group-level subscription filters"; Lambda Developer Guide,
"Process Amazon CloudWatch Logs with Lambda".
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.test_sqs_messages import receive
from tests.conftest import RunningServer

NOISY = """
import json
def handler(event, context):
    for line in event["lines"]:
        print(json.dumps(line) if isinstance(line, dict) else line)
"""
WATCHER = """
import base64, gzip, json
def handler(event, context):
    return json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
"""


def watch(server: RunningServer, name: str) -> tuple[str, str]:
    """The ARN of a function whose results go to a queue, and the queue."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    client = server.create(name, WATCHER)
    client.put_function_event_invoke_config(
        FunctionName=name,
        DestinationConfig={"OnSuccess": {"Destination": arn["QueueArn"]}},
    )
    function: str = client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    return function, url


def _events(server: RunningServer, url: str, count: int) -> list[dict[str, Any]]:
    """The log events that the watcher was given."""
    sqs, found = server.client("sqs"), []
    while len(found) < count:
        for message in receive(sqs, url, WaitTimeSeconds=20):
            found += json.loads(message["Body"])["responsePayload"]["logEvents"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_log_subscriptions_invoke_a_function_with_what_another_printed(
    server: RunningServer,
) -> None:
    logs = server.client("logs")
    arn, url = watch(server, "logs-watcher")
    client = server.create("logs-noisy", NOISY)
    group = "/aws/lambda/logs-noisy"
    logs.create_log_group(logGroupName=group)
    subscription = {
        "logGroupName": group,
        "filterName": "alerts",
        "filterPattern": '{ $.level = "ERROR" && $.code >= 500 }',
        "destinationArn": arn,
    }
    with pytest.raises(ClientError) as refused:
        logs.put_subscription_filter(**subscription)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
    assert "given CloudWatch Logs permission" in refused.value.response["Error"]["Message"]
    client.add_permission(
        FunctionName="logs-watcher",
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*",
    )
    logs.put_subscription_filter(**subscription)
    lines = [
        "ERROR 500",
        {"level": "ERROR", "code": 404},
        {"level": "ERROR", "code": 503},
        {"level": "INFO", "code": 503},
        {"level": "ERROR", "code": 500},
    ]
    client.invoke(FunctionName="logs-noisy", Payload=json.dumps({"lines": lines}))
    found = _events(server, url, 2)
    assert [json.loads(event["message"])["code"] for event in found] == [503, 500]
    logs.delete_subscription_filter(logGroupName=group, filterName="alerts")
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []
