"""EventBridge Scheduler in virtual time. Sources: Scheduler User Guide, "Schedule types", "Adding
context attributes", "Configuring flexible time windows"; botocore's model."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.services.scheduler.firing import arrange, decide, fire_at_s
from lambent.services.scheduler.model import ScheduleRow
from tests.unit.services.scheduling import (
    QUEUE,
    ROLE,
    START,
    World,
    new_clock,
    scheduling_world,
    seconds,
)

TIME = "<aws.scheduler.scheduled-time>"
OFF = {"Mode": "OFF"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def create(one: World, expression: str, name: str = "s", **more: Any) -> None:
    target = {"Arn": QUEUE, "RoleArn": ROLE, "Input": TIME, **more.pop("Target", {})}
    params = {"Target": target, "FlexibleTimeWindow": OFF, **more}
    await one.scheduler("CreateSchedule", Name=name, ScheduleExpression=expression, **params)
    await one.run()


async def test_each_kind_of_schedule_fires_at_its_instants(tmp_path: Path) -> None:
    async with scheduling_world(tmp_path, new_clock()) as one:
        await create(one, "cron(*/20 * * * ? *)", "cron")
        await create(one, "rate(30 minutes)", "rate")
        await create(one, "at(2026-01-01T00:45:00)", "once")
        await one.until("2026-01-01T01:10:00")
        assert sorted(await one.times()) == [
            *("01-01T00:00", "01-01T00:20", "01-01T00:30", "01-01T00:40"),
            *("01-01T00:45", "01-01T01:00", "01-01T01:00"),
        ]


async def test_a_schedule_follows_the_clock_of_its_time_zone(tmp_path: Path) -> None:
    async with scheduling_world(tmp_path, new_clock("2026-03-28T00:00:00")) as one:
        berlin = {"ScheduleExpressionTimezone": "Europe/Berlin"}
        await create(one, "cron(0 9 * * ? *)", **berlin)
        await create(one, "at(2026-03-29T12:00:00)", "once", **berlin)
        await one.until("2026-03-30T12:00:00", step_s=1800)
        assert await one.times() == ["03-28T08:00", "03-29T07:00", "03-29T10:00", "03-30T07:00"]


async def test_start_and_end_bound_a_schedule_and_its_completion_may_delete_it(
    tmp_path: Path,
) -> None:
    async with scheduling_world(tmp_path, new_clock()) as one:
        bounds = {
            "StartDate": moment("2026-01-01T00:10:30"),
            "EndDate": moment("2026-01-01T00:31:00"),
        }
        await create(one, "rate(10 minutes)", **bounds, ActionAfterCompletion="DELETE")
        await create(one, "at(2026-01-01T00:20:00)", "kept", **bounds)
        await one.until("2026-01-01T00:29:00")
        assert len((await one.scheduler("ListSchedules"))["Schedules"]) == 2
        await one.until("2026-01-01T01:00:00")
        assert await one.times() == ["01-01T00:10", "01-01T00:20", "01-01T00:20", "01-01T00:30"]
        [left] = (await one.scheduler("ListSchedules"))["Schedules"]
        assert left["Name"] == "kept"


async def test_a_disabled_schedule_is_silent_and_an_update_begins_anew(tmp_path: Path) -> None:
    async with scheduling_world(tmp_path, new_clock()) as one:
        await create(one, "rate(10 minutes)", State="DISABLED")
        await one.until("2026-01-01T00:15:00")
        assert await one.times() == []
        target = {"Arn": QUEUE, "RoleArn": ROLE, "Input": TIME}
        same = {"Name": "s", "Target": target, "FlexibleTimeWindow": OFF}
        await one.scheduler("UpdateSchedule", ScheduleExpression="rate(10 minutes)", **same)
        await one.until("2026-01-01T00:20:00")
        changed = {**same, "Description": "changes no time"}
        await one.scheduler("UpdateSchedule", ScheduleExpression="rate(10 minutes)", **changed)
        await one.until("2026-01-01T00:26:00")
        assert await one.times() == ["01-01T00:15", "01-01T00:25"]
        await one.scheduler("UpdateSchedule", ScheduleExpression="cron(0 * * * ? *)", **same)
        await one.until("2026-01-01T01:05:00")
        assert (await one.times())[2:] == ["01-01T01:00"]
        await one.scheduler("DeleteSchedule", Name="s")
        await one.until("2026-01-01T03:00:00")
        assert len(await one.times()) == 3


async def test_no_instant_is_served_twice_or_lost_across_restarts(tmp_path: Path) -> None:
    clock = new_clock()
    async with scheduling_world(tmp_path, clock) as one:
        await create(one, "rate(1 minute)")
    for _ in range(5):
        async with scheduling_world(tmp_path, clock) as one:
            await one.run()
            await one.run()
        clock.advance(30)
    async with scheduling_world(tmp_path, clock) as one:
        await one.run()
        assert await one.times() == ["01-01T00:00", "01-01T00:01", "01-01T00:02"]


async def test_what_fired_before_a_kill_is_delivered_after_it_once(tmp_path: Path) -> None:
    clock = new_clock()
    async with scheduling_world(tmp_path, clock) as one:
        one.courier.close()  # killed between the firing's commit and the delivery
        await create(one, "rate(1 minute)")
        assert await one.times() == []
    async with scheduling_world(tmp_path, clock) as one:
        await one.run()
        assert await one.times() == ["01-01T00:00"]


async def test_of_what_was_missed_the_last_is_made_up_for_once(tmp_path: Path) -> None:
    clock = new_clock()
    async with scheduling_world(tmp_path, clock) as one:
        await create(one, "cron(0 * * * ? *)", "hourly")
        await create(one, "at(2026-01-01T02:30:00)", "once")
        await create(
            one,
            "cron(15 4 * * ? *)",
            "young",
            Target={"RetryPolicy": {"MaximumEventAgeInSeconds": 600}},
        )
    clock.advance(5.5 * 3600)
    async with scheduling_world(tmp_path, clock) as one:
        await one.run()
        assert sorted(await one.times()) == ["01-01T02:30", "01-01T05:00"]
        await one.until("2026-01-01T06:00:00")
        assert (await one.times())[2:] == ["01-01T06:00"]
    clock.advance(40 * 3600)
    async with scheduling_world(tmp_path, clock) as one:
        await one.run()
        assert (await one.times())[3:] == ["01-02T22:00"]


async def test_a_short_delay_loses_no_instant(tmp_path: Path) -> None:
    clock = new_clock()
    async with scheduling_world(tmp_path, clock) as one:
        await create(one, "rate(1 minute)")
    clock.advance(119)
    async with scheduling_world(tmp_path, clock) as one:
        await one.run()
        assert await one.times() == ["01-01T00:00", "01-01T00:01"]


async def test_a_flexible_window_spreads_the_firing_and_not_the_instant(tmp_path: Path) -> None:
    clock = new_clock()
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30}
    async with scheduling_world(tmp_path, clock) as one:
        for number in range(8):
            await create(
                one, "cron(0 1 * * ? *)", f"s{number}", FlexibleTimeWindow=window, Target={}
            )
        counts = []
        for minute in range(55, 95, 5):
            await one.until(f"2026-01-01T0{minute // 60}:{minute % 60:02}:00")
            counts.append(len(await one.times()))
        assert counts[0] == 0
        assert 0 < counts[4] < 8
        assert counts[-1] == 8
        assert set(await one.times()) == {"01-01T01:00"}


async def test_an_input_knows_its_schedule_and_without_one_it_is_an_event(tmp_path: Path) -> None:
    arn = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"
    async with scheduling_world(tmp_path, new_clock()) as one:
        parts = ("schedule-arn", "scheduled-time", "execution-id", "attempt-number")
        text = " ".join(f"<aws.scheduler.{part}>" for part in parts)
        await create(one, "rate(1 minute)", Target={"Input": text})
        [body] = await one.bodies()
        told = body.split()
        assert told[:2] == [arn, "2026-01-01T00:00:00Z"]
        assert (len(told[2]), told[3]) == (16, "1")
        await one.scheduler("DeleteSchedule", Name="s")
        function = "arn:aws:lambda:us-east-1:000000000000:function:f"
        await one.scheduler(
            "CreateSchedule",
            Name="s",
            ScheduleExpression="rate(1 minute)",
            FlexibleTimeWindow=OFF,
            Target={"Arn": function, "RoleArn": ROLE},
        )
        await one.run()
        [body] = await one.bodies(function)
        event = json.loads(body)
        assert len(event.pop("id")) == 36
        # As quoted from AWS, e.g. in a test event that was copied from a log of June 2024.
        assert event == {
            "version": "0",
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": "000000000000",
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": [arn],
            "detail": "{}",
        }


async def test_universal_targets_send_and_invoke_and_others_are_refused(tmp_path: Path) -> None:
    async with scheduling_world(tmp_path, new_clock()) as one:
        sdk = "arn:aws:scheduler:::aws-sdk"
        send = {
            "QueueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/q",
            "MessageBody": f"at {TIME}",
            "MessageGroupId": "g",
        }
        await create(
            one, "rate(1 hour)", Target={"Arn": f"{sdk}:sqs:sendMessage", "Input": json.dumps(send)}
        )
        assert await one.bodies() == ["at 2026-01-01T00:00:00Z"]
        assert one.letters.letters[0].group_id == "g"
        call = {"FunctionName": "f", "InvocationType": "Event", "Payload": '{"n": 1}'}
        await create(
            one,
            "rate(1 hour)",
            "i",
            Target={"Arn": f"{sdk}:lambda:invoke", "Input": json.dumps(call)},
        )
        function = "arn:aws:lambda:us-east-1:000000000000:function:f"
        assert await one.bodies(function) == ['{"n": 1}']
        for text in (
            '{"QueueUrl": "/q", "MessageBody": "\\ud83d"}',
            '{"QueueUrl": "/q", "MessageBody": 7}',
            '{"QueueUrl": "/q", "MessageBody": "m", "MessageGroupId": [1]}',
            '{"QueueUrl": "/q", "MessageBody": "m", "MessageAttributes": {"a": 7}}',
            '{"MessageBody": "m"}',
            "[]",
            "{",
        ):
            code, _ = await one.scheduler.refused(
                "CreateSchedule",
                Name="x",
                ScheduleExpression="rate(1 hour)",
                FlexibleTimeWindow=OFF,
                Target={"Arn": f"{sdk}:sqs:sendMessage", "RoleArn": ROLE, "Input": text},
            )
            assert code == "ValidationException"
        for arn, text in (
            (f"{sdk}:ec2:stopInstances", "{}"),
            ("arn:aws:kinesis:us-east-1:000000000000:stream/s", "x"),
            (f"{sdk}:sqs:sendMessage", json.dumps({**send, "DelaySeconds": 3})),
        ):
            code, _ = await one.scheduler.refused(
                "CreateSchedule",
                Name="x",
                ScheduleExpression="rate(1 hour)",
                FlexibleTimeWindow=OFF,
                Target={"Arn": arn, "RoleArn": ROLE, "Input": text},
            )
            assert code == "UnsupportedOperationException"


async def test_a_bus_gets_an_event_and_a_dead_letter_tells_of_the_instant(tmp_path: Path) -> None:
    async with scheduling_world(tmp_path, new_clock()) as one:
        await one.events("PutRule", Name="r", EventPattern='{"source": ["jobs"]}')
        await one.events("PutTargets", Rule="r", Targets=[{"Id": "one", "Arn": QUEUE}])
        bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
        parameters = {"DetailType": "tick", "Source": "jobs"}
        await create(
            one,
            "rate(1 hour)",
            Target={"Arn": bus, "EventBridgeParameters": parameters, "Input": '{"n": 1}'},
        )
        [body] = await one.bodies()
        assert json.loads(body)["detail"] == {"n": 1}
        gone = "arn:aws:sqs:us-east-1:000000000000:gone"
        one.letters.gone.add(gone)
        dead = "arn:aws:sqs:us-east-1:000000000000:dead"
        await create(
            one, "rate(1 hour)", "lost", Target={"Arn": gone, "DeadLetterConfig": {"Arn": dead}}
        )
        assert await one.bodies(dead) == ["2026-01-01T00:00:00Z"]
        told = {
            name: value["StringValue"] for name, value in one.letters.letters[-1].attributes.items()
        }
        assert len(told.pop("EXECUTION_ID")) == 16
        assert told == {
            "SCHEDULE_ARN": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/lost",
            "SCHEDULED_TIME": "2026-01-01T00:00:00Z",
            "IS_PAYLOAD_TRUNCATED": "false",
            "TARGET_ARN": gone,
            "ERROR_CODE": "NO_RESOURCE",
            "ERROR_MESSAGE": "The target does not exist",
            "RETRY_ATTEMPTS": "0",
        }


async def test_hundreds_of_schedules_of_one_instant_fire_together(tmp_path: Path) -> None:
    async with scheduling_world(tmp_path, new_clock()) as one:
        for number in range(300):
            await one.scheduler(
                "CreateSchedule",
                Name=f"s{number}",
                ScheduleExpression="cron(0 1 * * ? *)",
                FlexibleTimeWindow=OFF,
                Target={"Arn": QUEUE, "RoleArn": ROLE, "Input": TIME},
            )
        await one.until("2026-01-01T01:00:00", step_s=3600)
        assert await one.times() == ["01-01T01:00"] * 300


# The decision alone

ROW = ScheduleRow(
    name="s",
    expression="rate(5 minutes)",
    target={"Arn": QUEUE, "RoleArn": ROLE},
    created_s=0,
    modified_s=0,
    anchor_s=seconds(START),
)


@given(
    st.sampled_from(["rate(5 minutes)", "cron(*/7 * * * ? *)", "cron(0 */3 * * ? *)"]),
    st.integers(0, 45),
    st.lists(st.integers(1, 5_000), min_size=1, max_size=30),
)
def test_whenever_it_is_asked_each_instant_is_served_once_at_most_and_in_order(
    expression: str, window_min: int, steps: list[int]
) -> None:
    now_s = seconds(START)
    row: ScheduleRow | None = arrange(
        replace(ROW, expression=expression, window_min=window_min), now_s
    )
    served: list[float] = []
    for step in steps:
        now_s += step
        while row is not None and (firing := decide(row, "arn", now_s)) is not None:
            if firing.instant_s is not None:
                assert firing.instant_s <= now_s
                served.append(firing.instant_s)
            row = firing.following
    assert served == sorted(set(served))
    assert row is not None
    following = fire_at_s(row, "arn")
    assert following is not None
    assert following > now_s


@pytest.mark.parametrize("late_s", [0, 59, 61, 86_399, 86_401])
def test_a_one_time_schedule_is_made_up_for_within_its_age(late_s: int) -> None:
    row = arrange(replace(ROW, expression="at(2026-01-01T01:00:00)"), seconds(START))
    due_s = seconds("2026-01-01T01:00:00")
    firing = decide(row, "arn", due_s + late_s)
    assert firing is not None
    assert firing.instant_s == (due_s if late_s <= 86_400 else None)
    assert firing.following is not None
    assert firing.following.due_s is None
