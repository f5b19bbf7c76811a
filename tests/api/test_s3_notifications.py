"""Notifications of buckets, by an unmodified boto3.

Expected values: S3 User Guide, "Amazon S3 Event Notifications" and "Event message structure".
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

import pytest

from tests.api.s3_world import new_bucket, refusal
from tests.api.test_sqs_messages import receive
from tests.conftest import RunningServer

ACCOUNT = "000000000000"
FORWARD = """
import boto3, json, os

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["URL"], MessageBody=json.dumps(event))
"""


class Inbox:
    """A queue that one bucket may send to."""

    def __init__(self, sqs: Any, name: str, *, allowed: bool = True) -> None:
        self._sqs = sqs
        self.url = sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        if allowed:
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": self.arn,
                "Condition": {
                    "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{name}"},
                    "StringEquals": {"aws:SourceAccount": ACCOUNT},
                },
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def take(self) -> Any:
        """The next message's body, parsed."""
        [message] = receive(self._sqs, self.url, WaitTimeSeconds=20)
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    def record(self) -> dict[str, Any]:
        [record] = self.take()["Records"]
        assert isinstance(record, dict)
        return record


@pytest.fixture
def s3(server: RunningServer) -> Any:
    return server.client("s3")


@pytest.fixture
def sqs(server: RunningServer) -> Any:
    return server.client("sqs")


def watch(s3: Any, sqs: Any, *events: str, **options: Any) -> tuple[str, Inbox]:
    """A bucket whose events go to a queue, and that queue after its test event."""
    bucket = new_bucket(s3)
    inbox = Inbox(sqs, bucket)
    entry = {"Id": "all", "QueueArn": inbox.arn, "Events": list(events), **options}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [entry]}
    )
    test = inbox.take()
    assert (test["Event"], test["Service"], test["Bucket"]) == ("s3:TestEvent", "Amazon S3", bucket)
    assert set(test) == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}
    return bucket, inbox


def test_a_put_object_is_told_to_a_queue(s3: Any, sqs: Any) -> None:
    bucket, inbox = watch(s3, sqs, "s3:ObjectCreated:*")
    put = s3.put_object(Bucket=bucket, Key="red flower+ü/x.jpg", Body=b"hello")
    record = inbox.record()
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["bucket"]["name"] == bucket
    assert unquote_plus(record["s3"]["object"]["key"]) == "red flower+ü/x.jpg"
    assert record["s3"]["object"]["key"] == "red+flower%2B%C3%BC/x.jpg"
    assert record["s3"]["object"]["size"] == 5
    assert record["s3"]["object"]["eTag"] == put["ETag"].strip('"')
    sent = put["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    assert record["responseElements"]["x-amz-request-id"] == sent


def test_a_function_is_invoked_for_each_object_that_is_created(
    server: RunningServer, s3: Any, sqs: Any
) -> None:
    bucket = new_bucket(s3)
    inbox = Inbox(sqs, bucket)
    client = server.create("s3-forward", FORWARD, Environment={"Variables": {"URL": inbox.url}})
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:s3-forward"
    rule = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    configuration = {"LambdaFunctionConfigurations": [rule]}
    put = s3.put_bucket_notification_configuration
    asked = {"Bucket": bucket, "NotificationConfiguration": configuration}
    assert refusal(put, **asked) == ("InvalidArgument", 400)
    client.add_permission(
        FunctionName="s3-forward",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
        SourceAccount=ACCOUNT,
    )
    put(**asked)
    s3.put_object(Bucket=bucket, Key="a.txt", Body=b"1")
    record = inbox.record()
    assert record["s3"]["object"]["key"] == "a.txt"
    shown = s3.get_bucket_notification_configuration(Bucket=bucket)
    [entry] = shown["LambdaFunctionConfigurations"]
    assert record["s3"]["configurationId"] == entry["Id"]
    assert (entry["LambdaFunctionArn"], entry["Events"]) == (arn, ["s3:ObjectCreated:*"])
