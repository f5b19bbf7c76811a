"""EventBridge Scheduler by boto3. Texts: LocalStack's recordings of AWS,
test_scheduler.snapshot.json, where they are known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.events_world import PREFIX, eventually, next_body, next_message, open_queue
from tests.conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/scheduler"
BASE = "arn:aws:scheduler:us-east-1:000000000000"
OFF = {"Mode": "OFF"}
TARGET = {"Arn": PREFIX + "nowhere", "RoleArn": ROLE}
LATER: dict[str, Any] = {
    "ScheduleExpression": "cron(0 0 1 1 ? 2199)",
    "FlexibleTimeWindow": OFF,
    "Target": TARGET,
}


@pytest.fixture
def scheduler(server: RunningServer) -> Any:
    return server.client("scheduler", parameter_validation=False)


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**params)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_schedule_is_made_told_changed_and_deleted(scheduler: Any) -> None:
    arn = f"{BASE}:schedule/default/whole"
    start = datetime(2190, 1, 1, tzinfo=UTC)
    whole = {
        "Name": "whole",
        "ScheduleExpression": "cron(30 9 ? * MON#1 *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "Description": "the first Monday",
        "StartDate": start,
        "EndDate": start + timedelta(days=400),
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "Target": {
            **TARGET,
            "Input": "text",
            "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 3},
            "DeadLetterConfig": {"Arn": PREFIX + "dead"},
        },
        "ActionAfterCompletion": "DELETE",
    }
    token = "1" * 20
    for _ in range(2):  # a retry of the same call
        assert scheduler.create_schedule(**whole, ClientToken=token)["ScheduleArn"] == arn
    shown = scheduler.get_schedule(Name="whole")
    told = {name: shown[name] for name in whole}
    assert told == whole
    assert (shown["Arn"], shown["GroupName"]) == (arn, "default")
    assert shown["CreationDate"] <= shown["LastModificationDate"]
    assert refused(scheduler.create_schedule, **whole) == (
        "ConflictException",
        "Schedule whole already exists.",
    )
    assert scheduler.update_schedule(Name="whole", **LATER)["ScheduleArn"] == arn
    shown = scheduler.get_schedule(Name="whole")
    assert (shown["State"], shown["ScheduleExpressionTimezone"]) == ("ENABLED", "UTC")
    assert shown["Target"]["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 86_400,
        "MaximumRetryAttempts": 185,
    }
    assert "Description" not in shown
    assert "StartDate" not in shown
    scheduler.delete_schedule(Name="whole")
    for call in (scheduler.get_schedule, scheduler.delete_schedule):
        assert refused(call, Name="whole") == (
            "ResourceNotFoundException",
            "Schedule whole does not exist.",
        )


def test_groups_hold_schedules_and_take_them_along(scheduler: Any) -> None:
    made = scheduler.create_schedule_group(Name="team", Tags=[{"Key": "a", "Value": "1"}])
    arn = f"{BASE}:schedule-group/team"
    assert made["ScheduleGroupArn"] == arn
    assert refused(scheduler.create_schedule_group, Name="team")[0] == "ConflictException"
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    for number in range(5):
        state = "ENABLED" if number else "DISABLED"
        scheduler.create_schedule(Name=f"one-{number}", GroupName="team", State=state, **LATER)
    scheduler.create_schedule(Name="one-0", **LATER)  # another group's
    first = scheduler.list_schedules(GroupName="team", MaxResults=3)
    rest = scheduler.list_schedules(GroupName="team", NextToken=first["NextToken"])
    names = [one["Name"] for one in first["Schedules"] + rest["Schedules"]]
    assert names == [f"one-{number}" for number in range(5)]
    assert first["Schedules"][0]["Target"] == {"Arn": TARGET["Arn"]}
    [off] = scheduler.list_schedules(NamePrefix="one-", State="DISABLED")["Schedules"]
    assert (off["Name"], off["GroupName"]) == ("one-0", "team")
    shown = scheduler.get_schedule_group(Name="team")
    assert (shown["Arn"], shown["State"]) == (arn, "ACTIVE")
    assert [one["Name"] for one in scheduler.list_schedule_groups()["ScheduleGroups"]] == [
        "default",
        "team",
    ]
    scheduler.delete_schedule_group(Name="team")
    assert [one["GroupName"] for one in scheduler.list_schedules()["Schedules"]] == ["default"]
    for call in (scheduler.get_schedule_group, scheduler.delete_schedule_group):
        assert refused(call, Name="team") == (
            "ResourceNotFoundException",
            "Schedule group team does not exist.",
        )
    assert refused(scheduler.list_schedules, GroupName="team")[0] == "ResourceNotFoundException"
    assert refused(scheduler.delete_schedule_group, Name="default")[0] == "ValidationException"
    scheduler.delete_schedule(Name="one-0")


def test_schedules_that_are_none_are_refused(scheduler: Any) -> None:
    def create(**changes: Any) -> tuple[str, str]:
        return refused(scheduler.create_schedule, Name="bad", **{**LATER, **changes})

    assert create(ScheduleExpression="cron(0 1 * * * *)") == (
        "ValidationException",
        "Invalid Schedule Expression cron(0 1 * * * *).",
    )
    assert create(ScheduleExpressionTimezone="Nowhere/City")[0] == "ValidationException"
    assert create(FlexibleTimeWindow={"Mode": "FLEXIBLE"})[0] == "ValidationException"
    assert create(FlexibleTimeWindow={"Mode": "OFF", "MaximumWindowInMinutes": 1})[0] == (
        "ValidationException"
    )
    now = datetime.now(UTC)
    assert create(StartDate=now, EndDate=now)[0] == "ValidationException"
    assert create(GroupName="none") == (
        "ResourceNotFoundException",
        "Schedule group none does not exist.",
    )
    assert create(Target={**TARGET, "Arn": "nonsense"})[0] == "ValidationException"
    assert create(Target={"Arn": TARGET["Arn"]})[0] == "ValidationException"
    assert create(Target={**TARGET, "Arn": PREFIX + "q.fifo"})[0] == "ValidationException"
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert create(Target={**TARGET, "Arn": function, "Input": "{"})[0] == "ValidationException"
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    assert create(Target={**TARGET, "Arn": bus})[0] == "ValidationException"
    state_machine = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
    assert create(Target={**TARGET, "Arn": state_machine})[0] == "UnsupportedOperationException"
    stop = "arn:aws:scheduler:::aws-sdk:ec2:stopInstances"
    assert create(Target={**TARGET, "Arn": stop, "Input": "{}"})[0] == (
        "UnsupportedOperationException"
    )
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    assert create(KmsKeyArn=key)[0] == "UnsupportedOperationException"
    assert scheduler.list_schedules(NamePrefix="bad")["Schedules"] == []


def test_schedules_fire_into_a_queue_and_a_function(server: RunningServer, scheduler: Any) -> None:
    sqs = server.client("sqs")
    url = open_queue(sqs, "ticks")
    now = datetime.now(UTC)
    scheduler.create_schedule(
        Name="once",
        ScheduleExpression=f"at({now:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow=OFF,
        Target={
            "Arn": PREFIX + "ticks",
            "RoleArn": ROLE,
            "Input": "<aws.scheduler.schedule-arn> at <aws.scheduler.scheduled-time>",
        },
        ActionAfterCompletion="DELETE",
    )
    body = next_message(sqs, url)["Body"]
    assert body == f"{BASE}:schedule/default/once at {now:%Y-%m-%dT%H:%M:%SZ}"
    eventually(lambda: not scheduler.list_schedules(NamePrefix="once")["Schedules"])
    source = (
        "import boto3, json, os\n"
        "def handler(event, context):\n"
        "    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'],"
        " MessageBody=json.dumps(event))\n"
    )
    client = server.create(
        "on-schedule", source, Timeout=30, Environment={"Variables": {"OUT": url}}
    )
    scheduler.create_schedule(
        Name="often",
        ScheduleExpression="rate(1 hour)",  # the first time at once
        FlexibleTimeWindow=OFF,
        Target={
            "Arn": "arn:aws:lambda:us-east-1:000000000000:function:on-schedule",
            "RoleArn": ROLE,
            "Input": json.dumps({"job": "clean"}),
        },
    )
    assert next_body(sqs, url) == {"job": "clean"}
    scheduler.delete_schedule(Name="often")
    client.delete_function(FunctionName="on-schedule")
    sqs.delete_queue(QueueUrl=url)
