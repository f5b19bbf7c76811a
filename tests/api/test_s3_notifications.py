"""Notifications of buckets, by an unmodified boto3.

Expected values: S3 User Guide, "Amazon S3 Event Notifications" and "Event message structure".
"""

from __future__ import annotations

import hashlib
import json
import re
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

COPY_ON = """
import boto3

s3 = boto3.client("s3")

def handler(event, context):
    [record] = event["Records"]
    key = record["s3"]["object"]["key"]
    s3.put_object(Bucket=record["s3"]["bucket"]["name"], Key=f"{key}x", Body=b"again")
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


def test_each_write_is_told_by_its_own_name(s3: Any, sqs: Any) -> None:
    every = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*")
    bucket, inbox = watch(s3, sqs, *every)
    at = {"Bucket": bucket, "Key": "k"}
    told: list[dict[str, Any]] = []

    def tell(name: str) -> None:
        record = inbox.record()
        assert record["eventName"] == name
        told.append(record["s3"]["object"])

    s3.put_object(**at, Body=b"one")
    tell("ObjectCreated:Put")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=at)
    tell("ObjectCreated:Copy")
    upload = {**at, "UploadId": s3.create_multipart_upload(**at)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"whole")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    tell("ObjectCreated:CompleteMultipartUpload")
    assert (told[-1]["size"], told[-1]["eTag"].endswith("-1")) == (5, True)
    s3.put_object_tagging(**at, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    tell("ObjectTagging:Put")
    s3.delete_object_tagging(**at)
    tell("ObjectTagging:Delete")
    s3.delete_object(**at)
    tell("ObjectRemoved:Delete")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}]})
    tell("ObjectRemoved:Delete")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(**at, Body=b"two")["VersionId"]
    tell("ObjectCreated:Put")
    assert told[-1]["versionId"] == first
    marker = s3.delete_object(**at)["VersionId"]
    tell("ObjectRemoved:DeleteMarkerCreated")
    assert told[-1]["versionId"] == marker
    s3.delete_object(**at, VersionId=first)
    tell("ObjectRemoved:Delete")
    order = [one["sequencer"] for one in told if one["key"] == "k" and "sequencer" in one]
    assert order == sorted(set(order))


def test_only_keys_that_fit_the_filter_are_told(s3: Any, sqs: Any) -> None:
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "Suffix", "Value": ".jpg"}]
    bucket, inbox = watch(s3, sqs, "s3:ObjectCreated:*", Filter={"Key": {"FilterRules": rules}})
    for key in ("out/a.jpg", "in/a.png", "in/a.jpg", "x", "in/b.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert [inbox.record()["s3"]["object"]["key"] for _ in "ab"] == ["in/a.jpg", "in/b.jpg"]
    shown = s3.get_bucket_notification_configuration(Bucket=bucket)
    [entry] = shown["QueueConfigurations"]
    kept = entry["Filter"]["Key"]["FilterRules"]
    assert [rule["Value"] for rule in kept] == ["in/", ".jpg"]


def test_a_configuration_is_replaced_as_a_whole_and_a_write_that_fails_is_not_told(
    s3: Any, sqs: Any
) -> None:
    bucket, inbox = watch(s3, sqs, "s3:ObjectCreated:*")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    put = {"Bucket": bucket, "Key": "k", "Body": b"y", "IfNoneMatch": "*"}
    assert refusal(s3.put_object, **put) == ("PreconditionFailed", 412)
    assert inbox.record()["s3"]["object"]["size"] == 1
    other = Inbox(sqs, new_bucket(s3))
    entry = {"QueueArn": inbox.arn, "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [entry]}
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="k")
    assert inbox.record()["eventName"] == "ObjectRemoved:Delete"  # no second test event either
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    assert other.url


def test_a_configuration_that_cannot_be_is_refused_and_leaves_what_was(s3: Any, sqs: Any) -> None:
    bucket, inbox = watch(s3, sqs, "s3:ObjectCreated:Put")

    def refused(*entries: dict[str, Any], kind: str = "QueueConfigurations") -> tuple[str, int]:
        return refusal(
            s3.put_bucket_notification_configuration,
            Bucket=bucket,
            NotificationConfiguration={kind: list(entries)},
        )

    queue = {"QueueArn": inbox.arn, "Events": ["s3:ObjectCreated:*"]}
    bad = ("InvalidArgument", 400)
    twice = {"Key": {"FilterRules": [{"Name": "prefix", "Value": v} for v in "ab"]}}
    assert refused(queue, {**queue, "Events": ["s3:ObjectCreated:Put"]}) == bad
    assert refused({**queue, "Filter": twice}) == bad
    assert refused({**queue, "QueueArn": "arn:aws:sqs:us-east-1:000000000000:absent"}) == bad
    assert refused({**queue, "QueueArn": "no arn"}) == bad
    assert refused({**queue, "QueueArn": inbox.arn.replace("sqs", "sns")}) == bad
    assert refused({**queue, "QueueArn": Inbox(sqs, new_bucket(s3), allowed=False).arn}) == bad
    absent = "arn:aws:lambda:us-east-1:000000000000:function:absent"
    function = {"LambdaFunctionArn": absent, "Events": ["s3:ObjectCreated:*"]}
    assert refused(function, kind="LambdaFunctionConfigurations") == bad
    [entry] = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert entry["Events"] == ["s3:ObjectCreated:Put"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"LambdaFunctionConfigurations": [function]},
        SkipDestinationValidation=True,
    )


def test_an_event_of_another_name_is_refused(server: RunningServer, sqs: Any) -> None:
    s3 = server.client("s3", parameter_validation=False)
    bucket = new_bucket(s3)
    inbox = Inbox(sqs, bucket)
    entry = {"QueueArn": inbox.arn, "Events": ["s3:ObjectPondered"]}
    assert refusal(
        s3.put_bucket_notification_configuration,
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [entry]},
    ) == ("InvalidArgument", 400)


def test_a_bucket_tells_the_default_bus_where_rules_match(
    server: RunningServer, s3: Any, sqs: Any
) -> None:
    """S3 User Guide, "Using EventBridge"."""
    events, bucket = server.client("events"), new_bucket(s3)
    inbox = Inbox(sqs, bucket, allowed=False)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": inbox.arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=inbox.url, Attributes={"Policy": policy})
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": "in/"}]}},
    }
    events.put_rule(Name=bucket, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=bucket, Targets=[{"Id": "q", "Arn": inbox.arn}])
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="out/a", Body=b"x")
    s3.put_object(Bucket=bucket, Key="in/a b", Body=b"xyz")
    event = inbox.take()
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    assert event["detail"]["object"]["key"] == "in/a b"
    assert event["detail"]["object"]["size"] == 3
    assert event["detail"]["reason"] == "PutObject"
    events.remove_targets(Rule=bucket, Ids=["q"])
    events.delete_rule(Name=bucket)


def test_a_bucket_takes_the_records_of_failed_events_and_tells_of_them(
    server: RunningServer, s3: Any, sqs: Any
) -> None:
    """[DG] "Capturing records of Lambda asynchronous invocations": the names of the objects."""
    bucket, inbox = watch(s3, sqs, "s3:ObjectCreated:Put")
    client = server.create("s3-failing", "def handler(event, context): raise ValueError('no')")
    client.put_function_event_invoke_config(
        FunctionName="s3-failing",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )
    client.invoke(FunctionName="s3-failing", InvocationType="Event", Payload=b'{"n": 1}')
    told = inbox.record()["s3"]["object"]
    assert re.fullmatch(
        r"aws/lambda/async/s3-failing/\d{4}/\d\d/\d\d/"
        r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}",
        told["key"],
    )
    got = s3.get_object(Bucket=bucket, Key=told["key"])
    body = got["Body"].read()
    assert got["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    record = json.loads(body)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == {"n": 1}
    assert record["responsePayload"]["errorMessage"] == "no"


def test_a_bucket_tells_a_topic_whose_policy_lets_it_publish(
    server: RunningServer, s3: Any, sqs: Any
) -> None:
    sns, bucket = server.client("sns"), new_bucket(s3)
    inbox = Inbox(sqs, bucket, allowed=False)
    topic = sns.create_topic(Name=bucket)["TopicArn"]

    def policy(service: str, action: str, resource: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": action,
            "Resource": resource,
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    allowed = policy("sns.amazonaws.com", "sqs:SendMessage", inbox.arn)
    sqs.set_queue_attributes(QueueUrl=inbox.url, Attributes={"Policy": allowed})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    entry = {"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}
    asked = {
        "Bucket": bucket,
        "NotificationConfiguration": {"TopicConfigurations": [entry]},
    }
    assert refusal(s3.put_bucket_notification_configuration, **asked) == ("InvalidArgument", 400)
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=policy("s3.amazonaws.com", "sns:Publish", topic),
    )
    s3.put_bucket_notification_configuration(**asked)
    assert json.loads(inbox.take()["Message"])["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    told = inbox.take()
    assert (told["Subject"], told["TopicArn"]) == ("Amazon S3 Notification", topic)
    assert json.loads(told["Message"])["Records"][0]["s3"]["object"]["key"] == "k"


def test_a_function_that_writes_to_the_bucket_that_triggers_it_is_warned_of_and_stopped(
    server: RunningServer, s3: Any, sqs: Any
) -> None:
    """[DG] "Use Lambda recursive loop detection to prevent infinite loops"."""
    bucket = new_bucket(s3)
    inbox = Inbox(sqs, bucket)
    client = server.create("s3-loop", COPY_ON, Timeout=30)
    client.put_function_event_invoke_config(
        FunctionName="s3-loop", DestinationConfig={"OnFailure": {"Destination": inbox.arn}}
    )
    client.add_permission(
        FunctionName="s3-loop",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:s3-loop"
    rule = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [rule]}
    )
    s3.put_object(Bucket=bucket, Key="x", Body=b"first")
    record = inbox.take()
    told = record["requestPayload"]["Records"][0]["s3"]["object"]["key"]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == len(told) == 17
    assert f"function s3-loop is triggered by bucket {bucket} and writes to it" in server.log()
