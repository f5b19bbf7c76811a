"""EventBridge: buses, rules, targets, policies, tags. Texts: LocalStack's recordings of AWS,
test_events.snapshot.json and test_events_inputs.snapshot.json."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.events_world import PREFIX
from tests.conftest import RunningServer

BASE = "arn:aws:events:us-east-1:000000000000"
PATTERN = json.dumps({"source": ["shop"]})


@pytest.fixture
def events(server: RunningServer) -> Any:
    return server.client("events", parameter_validation=False)


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**params)
    error = raised.value.response["Error"]
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]


def test_an_event_bus_lives_through_its_operations(events: Any) -> None:
    made = events.create_event_bus(
        Name="life-bus", Description="first", Tags=[{"Key": "team", "Value": "blue"}]
    )
    arn = f"{BASE}:event-bus/life-bus"
    assert made["EventBusArn"] == arn
    assert refused(events.create_event_bus, Name="life-bus") == (
        "ResourceAlreadyExistsException",
        "Event bus life-bus already exists.",
    )
    updated = events.update_event_bus(Name="life-bus", Description="second")
    assert (updated["Arn"], updated["Description"]) == (arn, "second")
    shown = events.describe_event_bus(Name=arn)
    assert (shown["Name"], shown["Arn"], shown["Description"]) == ("life-bus", arn, "second")
    assert shown["LastModifiedTime"] >= shown["CreationTime"]
    [listed] = events.list_event_buses(NamePrefix="life-")["EventBuses"]
    assert listed["Arn"] == arn
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
        {"Key": "team", "Value": "blue"}
    ]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "stage", "Value": "test"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
        {"Key": "stage", "Value": "test"}
    ]
    events.delete_event_bus(Name="life-bus")
    events.delete_event_bus(Name="life-bus")
    assert refused(events.describe_event_bus, Name="life-bus") == (
        "ResourceNotFoundException",
        "Event bus life-bus does not exist.",
    )
    assert events.describe_event_bus()["Name"] == "default"
    assert refused(events.delete_event_bus, Name="default") == (
        "ValidationException",
        "Cannot delete event bus default.",
    )


def test_a_bus_policy_is_made_of_statements_or_of_one_text(events: Any) -> None:
    events.create_event_bus(Name="policy-bus")
    arn = f"{BASE}:event-bus/policy-bus"
    for sid, principal in (("one", "111111111111"), ("all", "*")):
        events.put_permission(
            EventBusName="policy-bus",
            Action="events:PutEvents",
            Principal=principal,
            StatementId=sid,
        )
    policy = json.loads(events.describe_event_bus(Name="policy-bus")["Policy"])
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "one",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                "Action": "events:PutEvents",
                "Resource": arn,
            },
            {
                "Sid": "all",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "events:PutEvents",
                "Resource": arn,
            },
        ],
    }
    events.remove_permission(EventBusName="policy-bus", StatementId="one")
    assert refused(events.remove_permission, EventBusName="policy-bus", StatementId="one") == (
        "ResourceNotFoundException",
        "Statement with the provided id does not exist.",
    )
    events.remove_permission(EventBusName="policy-bus", RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus(Name="policy-bus")
    events.put_permission(EventBusName="policy-bus", Policy=json.dumps(policy))
    assert json.loads(events.describe_event_bus(Name="policy-bus")["Policy"]) == policy
    code, _ = refused(events.put_permission, EventBusName="policy-bus", Policy="{")
    assert code == "ValidationException"
    events.delete_event_bus(Name="policy-bus")


@pytest.mark.parametrize(
    ("bus", "arn"),
    [("default", f"{BASE}:rule/life-rule"), ("rule-bus", f"{BASE}:rule/rule-bus/life-rule")],
)
def test_a_rule_lives_through_its_operations(events: Any, bus: str, arn: str) -> None:
    if bus != "default":
        events.create_event_bus(Name=bus)
    named: dict[str, Any] = {"Name": "life-rule", "EventBusName": bus}
    made = events.put_rule(
        **named, EventPattern=PATTERN, Tags=[{"Key": "k", "Value": "v"}], Description="d"
    )
    assert made["RuleArn"] == arn
    expected = {
        "Name": "life-rule",
        "Arn": arn,
        "EventPattern": PATTERN,
        "State": "ENABLED",
        "Description": "d",
        "EventBusName": bus,
    }
    shown = events.describe_rule(**named)
    del shown["ResponseMetadata"]
    assert shown == {**expected, "CreatedBy": "000000000000"}
    assert events.list_rules(EventBusName=bus, NamePrefix="life-")["Rules"] == [expected]
    events.disable_rule(**named)
    assert events.describe_rule(**named)["State"] == "DISABLED"
    events.enable_rule(**named)
    assert events.describe_rule(**named)["State"] == "ENABLED"
    target = {"Id": "one", "Arn": PREFIX + "anywhere"}
    answer = events.put_targets(Rule="life-rule", EventBusName=bus, Targets=[target])
    assert (answer["FailedEntryCount"], answer["FailedEntries"]) == (0, [])
    assert refused(events.delete_rule, **named) == (
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    )
    events.put_rule(**named, EventPattern='{"source": ["other"]}')
    listed = events.list_targets_by_rule(Rule="life-rule", EventBusName=bus)
    assert listed["Targets"] == [target]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    found = events.list_rule_names_by_target(TargetArn=target["Arn"], EventBusName=bus)
    assert found["RuleNames"] == ["life-rule"]
    removed = events.remove_targets(Rule="life-rule", EventBusName=bus, Ids=["one", "two"])
    assert removed["FailedEntryCount"] == 1
    assert removed["FailedEntries"][0]["TargetId"] == "two"
    events.delete_rule(**named)
    events.delete_rule(**named)
    assert refused(events.describe_rule, **named) == (
        "ResourceNotFoundException",
        f"Rule life-rule does not exist on EventBus {bus}.",
    )
    if bus != "default":
        events.delete_event_bus(Name=bus)


def test_rules_and_targets_that_are_none_are_refused(events: Any) -> None:
    assert refused(events.put_rule, Name="bad-rule", EventPattern='{"source": "shop"}') == (
        "InvalidEventPatternException",
        'Event pattern is not valid. Reason: "source" must be an object or an array',
    )
    assert refused(events.put_rule, Name="bad-rule") == (
        "ValidationException",
        "Parameter(s) EventPattern or ScheduleExpression must be specified.",
    )
    assert refused(events.put_rule, Name="r", EventBusName="no-bus", EventPattern=PATTERN) == (
        "ResourceNotFoundException",
        "Event bus no-bus does not exist.",
    )
    events.put_rule(Name="bad-rule", EventPattern=PATTERN)
    queue = {"Id": "one", "Arn": PREFIX + "anywhere"}

    def put(**changes: Any) -> tuple[str, str]:
        return refused(events.put_targets, Rule="bad-rule", Targets=[{**queue, **changes}])

    assert put(Arn="nonsense") == (
        "ValidationException",
        "Parameter nonsense is not valid. Reason: Provided Arn is not in correct format.",
    )
    assert put(InputPath="$.detail", Input="{}") == (
        "ValidationException",
        "Only one of Input, InputPath, or InputTransformer must be provided for target one.",
    )
    assert put(
        InputTransformer={"InputPathsMap": {"a": "$.detail"}, "InputTemplate": '"<a> <b>"'}
    ) == (
        "ValidationException",
        "InputTemplate for target one contains invalid placeholder b.",
    )
    assert put(Arn=PREFIX + "a.fifo") == (
        "ValidationException",
        "Parameter(s) SqsParameters must be specified for target: one.",
    )
    assert put(Input="{")[0] == "ValidationException"
    assert put(InputPath="detail")[0] == "ValidationException"
    assert put(DeadLetterConfig={"Arn": "arn:aws:sns:us-east-1:000000000000:t"})[0] == (
        "ValidationException"
    )
    kinesis = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    assert put(Arn=kinesis)[0] == "UnsupportedOperationException"
    many = [{**queue, "Id": str(number)} for number in range(6)]
    assert refused(events.put_targets, Rule="bad-rule", Targets=many) == (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )
    assert refused(events.put_targets, Rule="no-rule", Targets=[queue]) == (
        "ResourceNotFoundException",
        "Rule no-rule does not exist on EventBus default.",
    )
    assert events.list_targets_by_rule(Rule="bad-rule")["Targets"] == []
    events.delete_rule(Name="bad-rule")


def test_listings_of_buses_and_rules_have_pages(events: Any) -> None:
    for number in range(5):
        events.create_event_bus(Name=f"paged-{number}")
        events.put_rule(Name=f"r-{number}", EventBusName="paged-0", EventPattern=PATTERN)
    first = events.list_event_buses(NamePrefix="paged-", Limit=3)
    rest = events.list_event_buses(NamePrefix="paged-", NextToken=first["NextToken"])
    names = [bus["Name"] for bus in first["EventBuses"] + rest["EventBuses"]]
    assert names == [f"paged-{number}" for number in range(5)]
    assert "NextToken" not in rest
    first = events.list_rules(EventBusName="paged-0", Limit=4)
    rest = events.list_rules(EventBusName="paged-0", Limit=4, NextToken=first["NextToken"])
    assert [rule["Name"] for rule in first["Rules"] + rest["Rules"]] == [
        f"r-{number}" for number in range(5)
    ]
    assert refused(events.list_rules, NextToken="%%")[0] == "ValidationException"
    assert refused(events.delete_event_bus, Name="paged-0")[0] == "ValidationException"
    for number in range(5):
        events.delete_rule(Name=f"r-{number}", EventBusName="paged-0")
    for number in range(5):
        events.delete_event_bus(Name=f"paged-{number}")


def test_a_pattern_is_tested_on_an_event(events: Any) -> None:
    event: dict[str, Any] = {
        "id": "1",
        "account": "000000000000",
        "source": "shop",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail-type": "order",
        "detail": {"price": 7},
    }
    pattern = json.dumps({"detail": {"price": [{"numeric": [">", 5]}]}})
    test = events.test_event_pattern
    assert test(EventPattern=pattern, Event=json.dumps(event))["Result"] is True
    event["detail"]["price"] = 3
    assert test(EventPattern=pattern, Event=json.dumps(event))["Result"] is False
    assert refused(test, EventPattern="{}", Event=json.dumps(event))[0] == (
        "InvalidEventPatternException"
    )
    assert refused(test, EventPattern=pattern, Event="{}")[0] == "ValidationException"
    assert refused(test, EventPattern=pattern, Event="[")[0] == "ValidationException"
