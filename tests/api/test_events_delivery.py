"""EventBridge: what PutEvents takes, and what reaches the targets of rules.

Golden bodies and texts: LocalStack's recordings of AWS, test_events.snapshot.json,
test_events_inputs.snapshot.json, test_archive_and_replay.snapshot.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.events_world import PREFIX, entry, eventually, next_body, next_message, open_queue
from tests.api.sns_world import Inbox, new_topic
from tests.conftest import RunningServer

BASE = "arn:aws:events:us-east-1:000000000000"


class World:
    """A bus, a rule on it for all of the shop's events, and a queue."""

    def __init__(self, server: RunningServer, name: str) -> None:
        self.events = server.client("events")
        self.sqs = server.client("sqs")
        self.name = name
        self.url = open_queue(self.sqs, name)
        self.events.create_event_bus(Name=name)
        self.rule("rule", {"source": ["shop"]})

    def rule(self, rule: str, pattern: Any, **target: Any) -> None:
        self.events.put_rule(Name=rule, EventBusName=self.name, EventPattern=json.dumps(pattern))
        one = {"Id": "one", "Arn": PREFIX + self.name, **target}
        self.events.put_targets(Rule=rule, EventBusName=self.name, Targets=[one])

    def put(self, *details: Any, **more: Any) -> list[str]:
        entries = [entry(detail, EventBusName=self.name, **more) for detail in details]
        answer = self.events.put_events(Entries=entries)
        assert answer["FailedEntryCount"] == 0
        return [one["EventId"] for one in answer["Entries"]]

    def next(self) -> Any:
        return next_body(self.sqs, self.url)

    def close(self) -> None:
        for rule in self.events.list_rules(EventBusName=self.name)["Rules"]:
            self.events.remove_targets(Rule=rule["Name"], EventBusName=self.name, Ids=["one"])
            self.events.delete_rule(Name=rule["Name"], EventBusName=self.name)
        self.events.delete_event_bus(Name=self.name)
        self.sqs.delete_queue(QueueUrl=self.url)


@pytest.fixture
def bus_world(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(server, f"bus-{request.node.name[-50:].replace('[', '-').replace(']', '')}")
    yield world
    world.close()


def test_an_event_reaches_the_queue_of_its_rule(bus_world: World) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    detail = {"number": 1, "price": 1.50, "name": "é\n"}
    [event_id] = bus_world.put(
        detail, Time=moment, Resources=["arn:aws:s3:::b"], TraceHeader="Root=1-2-3"
    )
    message = next_message(bus_world.sqs, bus_world.url)
    assert list(json.loads(message["Body"]).items()) == [
        ("version", "0"),
        ("id", event_id),
        ("detail-type", "order"),
        ("source", "shop"),
        ("account", "000000000000"),
        ("time", "2026-01-02T03:04:05Z"),
        ("region", "us-east-1"),
        ("resources", ["arn:aws:s3:::b"]),
        ("detail", detail),
    ]
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1-2-3"
    bus_world.events.put_rule(
        Name="rule",
        EventBusName=bus_world.name,
        EventPattern=json.dumps({"detail": {"number": [2]}}),
    )
    bus_world.put({"number": 1}, {"number": 2})
    assert bus_world.next()["detail"] == {"number": 2}
    bus_world.events.disable_rule(Name="rule", EventBusName=bus_world.name)
    bus_world.put({"number": 2, "of": "a disabled rule"})
    bus_world.events.enable_rule(Name="rule", EventBusName=bus_world.name)
    bus_world.put({"number": 2, "of": "an enabled rule"})
    assert bus_world.next()["detail"]["of"] == "an enabled rule"


def test_entries_that_are_none_fail_and_the_others_go_on(bus_world: World) -> None:
    name = bus_world.name
    whole = entry({"number": 7}, EventBusName=name)
    bad = [
        {key: value for key, value in whole.items() if key != gone}
        for gone in ("Source", "DetailType", "Detail")
    ]
    bad += [entry(text, EventBusName=name) for text in ("{", "[]", '"a"', '{"a": NaN}')]
    bad.append({**whole, "Source": "aws.s3"})
    answer = bus_world.events.put_events(Entries=[*bad, whole])
    required = "Parameter {0} is not valid. Reason: {0} is a required argument."
    assert [(one["ErrorCode"], one["ErrorMessage"]) for one in answer["Entries"][:-1]] == [
        ("InvalidArgument", required.format("Source")),
        ("InvalidArgument", required.format("DetailType")),
        ("InvalidArgument", required.format("Detail")),
        *[("MalformedDetail", "Detail is malformed.")] * 4,
        ("NotAuthorizedForSourceException", "Not authorized for the source."),
    ]
    assert answer["FailedEntryCount"] == len(bad)
    event = bus_world.next()
    assert (event["id"], event["detail"]) == (answer["Entries"][-1]["EventId"], {"number": 7})
    unknown = bus_world.events.put_events(Entries=[entry({}, EventBusName="no-such-bus")])
    assert unknown["FailedEntryCount"] == 0


def test_a_call_may_hold_ten_entries_and_a_megabyte(bus_world: World) -> None:
    big = entry({"x": "x" * 1_000_000}, EventBusName=bus_world.name)
    answer = bus_world.events.put_events(Entries=[big])
    assert bus_world.next()["id"] == answer["Entries"][0]["EventId"]
    half = entry({"x": "x" * 600_000})
    with pytest.raises(ClientError) as raised:
        bus_world.events.put_events(Entries=[half, half])
    assert raised.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Total size of the entries in the request is over the limit.",
    }
    with pytest.raises(ClientError) as raised:
        bus_world.events.put_events(Entries=[entry({})] * 11)
    assert raised.value.response["Error"]["Message"].endswith(
        "at 'entries' failed to satisfy constraint: Member must have length less than or equal"
        " to 10"
    )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"Input": '{"constant": [1, 2]}'}, '{"constant": [1, 2]}'),
        ({"InputPath": "$.detail"}, '{"command":"go","list":[{"n":1},{"n":2}]}'),
        ({"InputPath": "$.detail.command"}, '"go"'),
        ({"InputPath": "$.detail.list[1].n"}, "2"),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"type": "$.detail-type", "gone": "$.detail.none"},
                    "InputTemplate": '"Event of <type> type, info <gone>"',
                }
            },
            '"Event of order type, info "',
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"what": "$.detail.command", "gone": "$.detail.none"},
                    "InputTemplate": '{"what": <what>, "gone": <gone>, "rule": '
                    "<aws.events.rule-name>}",
                }
            },
            '{"what": "go", "gone": "", "rule": "rule"}',
        ),
    ],
    ids=["constant", "path", "text", "index", "template-text", "template-json"],
)
def test_a_target_gets_what_its_input_says(
    bus_world: World, target: dict[str, Any], expected: str
) -> None:
    bus_world.rule("rule", {"source": ["shop"]}, **target)
    bus_world.put({"command": "go", "list": [{"n": 1}, {"n": 2}]})
    assert next_message(bus_world.sqs, bus_world.url)["Body"] == expected


def test_a_fifo_queue_gets_events_in_the_group_that_the_target_names(
    server: RunningServer, bus_world: World
) -> None:
    sqs = bus_world.sqs
    url = open_queue(sqs, "events.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    bus_world.rule(
        "rule",
        {"source": ["shop"]},
        Arn=PREFIX + "events.fifo",
        SqsParameters={"MessageGroupId": "g"},
    )
    for number in range(5):
        bus_world.put({"number": number})
    found = [next_message(sqs, url) for _ in range(5)]
    assert [json.loads(one["Body"])["detail"]["number"] for one in found] == [0, 1, 2, 3, 4]
    assert {one["Attributes"]["MessageGroupId"] for one in found} == {"g"}
    sqs.delete_queue(QueueUrl=url)


def test_a_function_gets_events_once_its_policy_lets_the_rule_in(
    server: RunningServer, bus_world: World
) -> None:
    out = open_queue(bus_world.sqs, "events-function")
    source = (
        "import boto3, json, os\n"
        "def handler(event, context):\n"
        "    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'],"
        " MessageBody=json.dumps(event))\n"
    )
    client = server.create("on-event", source, Timeout=30, Environment={"Variables": {"OUT": out}})
    arn = "arn:aws:lambda:us-east-1:000000000000:function:on-event"
    dead = open_queue(bus_world.sqs, "events-dead")
    bus_world.rule(
        "rule", {"source": ["shop"]}, Arn=arn, DeadLetterConfig={"Arn": PREFIX + "events-dead"}
    )
    bus_world.put({"number": 1})
    letter = next_message(bus_world.sqs, dead)
    assert json.loads(letter["Body"])["detail"] == {"number": 1}
    told = {name: one["StringValue"] for name, one in letter["MessageAttributes"].items()}
    assert told["RULE_ARN"] == f"{BASE}:rule/{bus_world.name}/rule"
    assert (told["TARGET_ARN"], told["ERROR_CODE"]) == (arn, "NO_PERMISSIONS")
    client.add_permission(
        FunctionName="on-event",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=told["RULE_ARN"],
    )
    [event_id] = bus_world.put({"number": 2})
    event = next_body(bus_world.sqs, out)
    assert (event["id"], event["detail"]) == (event_id, {"number": 2})
    client.delete_function(FunctionName="on-event")
    bus_world.put({"number": 3})
    codes = next_message(bus_world.sqs, dead)["MessageAttributes"]["ERROR_CODE"]
    assert codes["StringValue"] == "NO_RESOURCE"
    for url in (out, dead):
        bus_world.sqs.delete_queue(QueueUrl=url)


def test_events_go_from_bus_to_bus_once(server: RunningServer, bus_world: World) -> None:
    """EventBridge User Guide, "Sending and receiving events between event buses": to no third."""
    events = bus_world.events
    events.create_event_bus(Name="first-bus")
    events.put_rule(
        Name="on", EventBusName="first-bus", EventPattern=json.dumps({"source": ["shop"]})
    )
    second = f"{BASE}:event-bus/{bus_world.name}"
    events.put_targets(Rule="on", EventBusName="first-bus", Targets=[{"Id": "one", "Arn": second}])
    dead = open_queue(bus_world.sqs, "third-bus-dead")
    bus_world.rule(
        "back",
        {"source": ["shop"]},
        Arn=f"{BASE}:event-bus/first-bus",
        DeadLetterConfig={"Arn": PREFIX + "third-bus-dead"},
    )
    answer = events.put_events(Entries=[entry({"number": 1}, EventBusName="first-bus")])
    event_id = answer["Entries"][0]["EventId"]
    assert bus_world.next()["id"] == event_id
    letter = next_message(bus_world.sqs, dead)
    assert json.loads(letter["Body"])["id"] == event_id
    told = {name: one["StringValue"] for name, one in letter["MessageAttributes"].items()}
    assert told["ERROR_CODE"] == "THIRD_ACCOUNT_HOP_DETECTED"
    assert told["RETRY_ATTEMPTS"] == "0"
    assert "EXHAUSTED_RETRY_CONDITION" not in told
    bus_world.sqs.delete_queue(QueueUrl=dead)
    bus_world.put({"number": 2})
    assert bus_world.next()["detail"] == {"number": 2}
    bus_world.put({"number": 3})
    assert bus_world.next()["detail"] == {"number": 3}
    events.remove_targets(Rule="on", EventBusName="first-bus", Ids=["one"])
    events.delete_rule(Name="on", EventBusName="first-bus")
    events.delete_event_bus(Name="first-bus")


def test_a_log_group_gets_each_event_as_a_log_event(
    server: RunningServer, bus_world: World
) -> None:
    logs = server.client("logs")
    group = "/aws/events/shop"
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    bus_world.events.put_targets(
        Rule="rule", EventBusName=bus_world.name, Targets=[{"Id": "log", "Arn": arn}]
    )
    [event_id] = bus_world.put({"number": 1})
    bus_world.next()
    found = eventually(lambda: logs.filter_log_events(logGroupName=group)["events"])
    assert [json.loads(one["message"])["id"] for one in found] == [event_id]
    bus_world.events.remove_targets(Rule="rule", EventBusName=bus_world.name, Ids=["log"])
    logs.delete_log_group(logGroupName=group)


def test_a_topic_gets_events_and_schedules_for_its_subscribers(
    server: RunningServer, bus_world: World
) -> None:
    sns = server.client("sns")
    topic = new_topic(sns)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    inbox = Inbox(bus_world.sqs, topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    bus_world.rule("rule", {"source": ["shop"]}, Arn=topic)
    [event_id] = bus_world.put({"number": 1})
    published = next_body(bus_world.sqs, inbox.url)
    assert published["TopicArn"] == topic
    assert json.loads(published["Message"])["id"] == event_id
    scheduler = server.client("scheduler")
    call = {"TopicArn": topic, "Message": "from a universal target"}
    scheduler.create_schedule(
        Name="to-topic",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:sns:publish",
            "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
            "Input": json.dumps(call),
        },
    )
    assert next_body(bus_world.sqs, inbox.url)["Message"] == "from a universal target"
    scheduler.delete_schedule(Name="to-topic")
    sns.delete_topic(TopicArn=topic)
    bus_world.sqs.delete_queue(QueueUrl=inbox.url)


def test_archived_events_are_replayed_to_the_rules_that_are_named(bus_world: World) -> None:
    events, name = bus_world.events, bus_world.name
    bus = f"{BASE}:event-bus/{name}"
    archive = events.create_archive(
        ArchiveName="kept",
        EventSourceArn=bus,
        EventPattern=json.dumps({"detail": {"keep": [True]}}),
        RetentionDays=1,
    )
    assert archive["ArchiveArn"] == f"{BASE}:archive/kept"
    ids = bus_world.put(*({"keep": number % 2 == 0, "number": number} for number in range(6)))
    for _ in range(6):
        bus_world.next()
    shown = events.describe_archive(ArchiveName="kept")
    assert (shown["EventCount"], shown["State"], shown["RetentionDays"]) == (3, "ENABLED", 1)
    assert shown["SizeBytes"] > 300
    bus_world.rule("other", {"source": ["shop"]}, Input='"not for replays"')
    now = datetime.now(UTC)
    started = events.start_replay(
        ReplayName="again",
        EventSourceArn=archive["ArchiveArn"],
        EventStartTime=now - timedelta(hours=1),
        EventEndTime=now + timedelta(hours=1),
        Destination={"Arn": bus, "FilterArns": [f"{BASE}:rule/{name}/rule"]},
    )
    assert (started["State"], started["ReplayArn"]) == ("STARTING", f"{BASE}:replay/again")
    again = [bus_world.next() for _ in range(3)]
    assert [one["id"] for one in again] == ids[::2]
    assert list(again[0]) == [
        *("version", "id", "detail-type", "source", "account", "time", "region"),
        *("replay-name", "resources", "detail"),
    ]
    eventually(lambda: events.describe_replay(ReplayName="again")["State"] == "COMPLETED")
    described = events.describe_replay(ReplayName="again")
    assert described["EventLastReplayedTime"] <= now + timedelta(hours=1)
    assert events.describe_archive(ArchiveName="kept")["EventCount"] == 3
    with pytest.raises(ClientError) as raised:
        events.cancel_replay(ReplayName="again")
    assert raised.value.response["Error"]["Code"] == "IllegalStatusException"
    with pytest.raises(ClientError) as raised:
        events.start_replay(
            ReplayName="elsewhere",
            EventSourceArn=archive["ArchiveArn"],
            EventStartTime=now - timedelta(hours=1),
            EventEndTime=now,
            Destination={"Arn": f"{BASE}:event-bus/default"},
        )
    assert raised.value.response["Error"]["Message"] == (
        "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."
    )
    [listed] = events.list_replays(NamePrefix="again")["Replays"]
    assert listed["State"] == "COMPLETED"
    events.update_archive(ArchiveName="kept", Description="new", RetentionDays=0)
    [listed] = events.list_archives(EventSourceArn=bus)["Archives"]
    assert (listed["ArchiveName"], listed["RetentionDays"]) == ("kept", 0)
    events.delete_archive(ArchiveName="kept")
    with pytest.raises(ClientError) as raised:
        events.describe_archive(ArchiveName="kept")
    assert raised.value.response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Archive kept does not exist.",
    }


def test_the_default_bus_gets_the_writes_of_buckets_and_the_ends_of_invocations(
    server: RunningServer,
) -> None:
    """Records: LocalStack's recordings of AWS, test_events.snapshot.json (S3) and
    test_lambda_destinations.snapshot.json."""
    events, sqs, s3 = server.client("events"), server.client("sqs"), server.client("s3")
    url = open_queue(sqs, "from-services")
    events.put_rule(Name="services", EventPattern=json.dumps({"source": ["aws.s3", "lambda"]}))
    events.put_targets(Rule="services", Targets=[{"Id": "one", "Arn": PREFIX + "from-services"}])
    s3.create_bucket(Bucket="events-bucket")
    s3.put_bucket_notification_configuration(
        Bucket="events-bucket", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    s3.put_object(Bucket="events-bucket", Key="a", Body=b"data")
    event = next_body(sqs, url)
    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    assert event["detail"]["object"]["size"] == 4
    client = server.create("to-bus", "def handler(event, context):\n    return event\n")
    bus = f"{BASE}:event-bus/default"
    client.put_function_event_invoke_config(
        FunctionName="to-bus", DestinationConfig={"OnSuccess": {"Destination": bus}}
    )
    client.invoke(FunctionName="to-bus", InvocationType="Event", Payload='{"n": 1}')
    event = next_body(sqs, url)
    assert event["source"] == "lambda"
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    function = "arn:aws:lambda:us-east-1:000000000000:function:to-bus:$LATEST"
    assert event["resources"] == [bus, function]
    assert event["detail"]["responsePayload"] == {"n": 1}
    client.delete_function(FunctionName="to-bus")
    s3.delete_object(Bucket="events-bucket", Key="a")
    next_body(sqs, url)
    s3.delete_bucket(Bucket="events-bucket")
    events.remove_targets(Rule="services", Ids=["one"])
    events.delete_rule(Name="services")
    sqs.delete_queue(QueueUrl=url)
