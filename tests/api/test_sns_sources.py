"""Topics as targets of buckets, rules, and functions that failed; loops through them.

Sources: S3 User Guide, "Amazon S3 Event Notifications"; EventBridge User Guide, "Using
resource-based policies"; Lambda Developer Guide, "Adding a destination", "Dead-letter queues", "Use
Lambda recursive loop detection to prevent infinite loops".
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.s3_world import new_bucket, refusal
from tests.api.sns_world import ACCOUNT, Inbox, new_topic, subscribe
from tests.conftest import RunningServer

FAILING = "def handler(event, context): raise ValueError('on purpose')"
LOOP = """
import boto3, os

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["URL"], MessageBody="ran")
    boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message="again")
"""


@pytest.fixture
def sns(server: RunningServer) -> Any:
    return server.client("sns")


@pytest.fixture
def sqs(server: RunningServer) -> Any:
    return server.client("sqs")


def open_to(sns: Any, topic: str, service: str, source: str) -> None:
    """Let a service publish for one of its resources."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "SNS:Publish",
        "Resource": topic,
        "Condition": {"ArnLike": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def test_a_bucket_tells_an_sns_topic_that_lets_it(
    server: RunningServer, sns: Any, sqs: Any
) -> None:
    s3 = server.client("s3")
    bucket, topic = new_bucket(s3), new_topic(sns)
    inbox = Inbox(sqs, topic)
    subscribe(sns, topic, inbox)
    entry = {"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}
    asked = {"Bucket": bucket, "NotificationConfiguration": {"TopicConfigurations": [entry]}}
    put = s3.put_bucket_notification_configuration
    assert refusal(put, **asked) == ("InvalidArgument", 400)
    open_to(sns, topic, "s3.amazonaws.com", f"arn:aws:s3:::{bucket}")
    put(**asked)
    assert json.loads(inbox.envelope()["Message"])["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    [record] = json.loads(inbox.envelope()["Message"])["Records"]
    assert record["s3"]["object"]["key"] == "a"


def test_a_rule_sends_to_an_sns_topic_that_lets_it(
    server: RunningServer, sns: Any, sqs: Any
) -> None:
    events = server.client("events")
    topic = new_topic(sns)
    inbox = Inbox(sqs, topic)
    subscribe(sns, topic, inbox, RawMessageDelivery="true")
    pattern = json.dumps({"source": ["to.sns"]})
    rule = events.put_rule(Name="to-sns", EventPattern=pattern)["RuleArn"]
    open_to(sns, topic, "events.amazonaws.com", rule)
    events.put_targets(Rule="to-sns", Targets=[{"Id": "1", "Arn": topic}])
    entry = {"Source": "to.sns", "DetailType": "d", "Detail": '{"n": 1}'}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert json.loads(inbox.take()["Body"])["detail"] == {"n": 1}


def test_a_function_that_fails_tells_its_sns_topics(
    server: RunningServer, sns: Any, sqs: Any
) -> None:
    destination, dead = new_topic(sns), new_topic(sns)
    record_inbox, dead_inbox = Inbox(sqs, destination), Inbox(sqs, dead)
    subscribe(sns, destination, record_inbox)
    subscribe(sns, dead, dead_inbox)
    client = server.create("sns-failing", FAILING, DeadLetterConfig={"TargetArn": dead})
    client.put_function_event_invoke_config(
        FunctionName="sns-failing",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": destination}},
    )
    client.invoke(FunctionName="sns-failing", InvocationType="Event", Payload=b'{"n": 1}')
    record = json.loads(record_inbox.envelope()["Message"])
    assert record["requestPayload"] == {"n": 1}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    letter = dead_inbox.envelope()
    assert json.loads(letter["Message"]) == {"n": 1}
    assert letter["MessageAttributes"]["ErrorCode"] == {"Type": "Number", "Value": "200"}
    assert letter["MessageAttributes"]["ErrorMessage"]["Value"] == "on purpose"


def test_a_loop_through_an_sns_topic_ends_after_16_invocations(
    server: RunningServer, sns: Any, sqs: Any
) -> None:
    topic = new_topic(sns)
    ran, stopped = Inbox(sqs, topic), Inbox(sqs, topic)
    variables = {"Variables": {"URL": ran.url, "TOPIC": topic}}
    client = server.create("sns-loop", LOOP, Environment=variables, Timeout=30)
    client.put_function_event_invoke_config(
        FunctionName="sns-loop", DestinationConfig={"OnFailure": {"Destination": stopped.arn}}
    )
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:sns-loop"
    client.add_permission(
        FunctionName="sns-loop",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="begin")
    record = {}
    for _ in range(3):
        if ended := sqs.receive_message(QueueUrl=stopped.url, WaitTimeSeconds=20).get("Messages"):
            record = json.loads(ended[0]["Body"])
            break
    assert record["requestContext"]["functionArn"].startswith(arn)
    asked = {"QueueUrl": ran.url, "AttributeNames": ["ApproximateNumberOfMessages"]}
    assert sqs.get_queue_attributes(**asked)["Attributes"] == {"ApproximateNumberOfMessages": "16"}
