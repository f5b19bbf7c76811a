"""Rules with a schedule, in virtual time. Golden event: LocalStack's recordings of AWS,
test_events_schedule.snapshot.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.services.scheduling import QUEUE, World, new_clock, scheduling_world


async def put(one: World, expression: str, name: str = "tick") -> None:
    await one.events("PutRule", Name=name, ScheduleExpression=expression)
    await one.events("PutTargets", Rule=name, Targets=[{"Id": "one", "Arn": QUEUE}])


async def test_a_scheduled_rule_sends_aws_own_event(tmp_path: Path) -> None:
    async with scheduling_world(tmp_path, new_clock()) as one:
        await put(one, "rate(1 minute)")
        await one.until("2026-01-01T00:01:00")
        [body] = await one.bodies()
        event = json.loads(body)
        assert len(event.pop("id")) == 36
        assert list(event.items()) == [
            ("version", "0"),
            ("detail-type", "Scheduled Event"),
            ("source", "aws.events"),
            ("account", "000000000000"),
            ("time", "2026-01-01T00:01:00Z"),
            ("region", "us-east-1"),
            ("resources", ["arn:aws:events:us-east-1:000000000000:rule/tick"]),
            ("detail", {}),
        ]
        shown = await one.events("DescribeRule", Name="tick")
        assert (shown["ScheduleExpression"], shown["State"]) == ("rate(1 minute)", "ENABLED")


async def test_rates_begin_with_their_rule_and_crons_are_in_utc(tmp_path: Path) -> None:
    async with scheduling_world(tmp_path, new_clock("2026-01-01T00:10:00")) as one:
        await put(one, "rate(15 minutes)", "rate")
        await put(one, "cron(0 * * * ? *)", "cron")
        await one.until("2026-01-01T01:00:00")
        assert sorted(await one.times()) == [
            *("01-01T00:25", "01-01T00:40", "01-01T00:55", "01-01T01:00")
        ]


async def test_a_disabled_rule_is_silent_and_one_that_is_put_again_keeps_its_pace(
    tmp_path: Path,
) -> None:
    async with scheduling_world(tmp_path, new_clock()) as one:
        await put(one, "rate(10 minutes)")
        await one.until("2026-01-01T00:05:00")
        await one.events("PutRule", Name="tick", ScheduleExpression="rate(10 minutes)")
        await one.until("2026-01-01T00:12:00")
        assert await one.times() == ["01-01T00:10"]
        await one.events("DisableRule", Name="tick")
        await one.until("2026-01-01T00:35:00")
        assert len(await one.times()) == 1
        await one.events("EnableRule", Name="tick")
        await one.until("2026-01-01T00:45:00")
        assert (await one.times())[1:] == ["01-01T00:45"]
        await one.events("RemoveTargets", Rule="tick", Ids=["one"])
        await one.events("DeleteRule", Name="tick")
        await one.until("2026-01-01T02:00:00")
        assert len(await one.times()) == 2


async def test_rules_serve_no_instant_twice_and_skip_what_they_missed(tmp_path: Path) -> None:
    clock = new_clock()
    async with scheduling_world(tmp_path, clock) as one:
        await put(one, "cron(0 * * * ? *)")
        await one.until("2026-01-01T01:00:00")
    async with scheduling_world(tmp_path, clock) as one:
        await one.run()
        assert await one.times() == ["01-01T01:00"]
    clock.advance(2.5 * 3600)
    async with scheduling_world(tmp_path, clock) as one:
        await one.until("2026-01-01T04:00:00")
        assert await one.times() == ["01-01T01:00", "01-01T04:00"]


@pytest.mark.parametrize(
    "expression",
    [
        *("rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "cron(0 0 * * * *)"),
        *("at(2026-01-01T00:00:00)", "every day", "rate(5 minutes) "),
    ],
)
async def test_what_is_no_schedule_of_a_rule_is_refused(tmp_path: Path, expression: str) -> None:
    """EventBridge User Guide, "Rate expressions reference": the unit fits the value."""
    async with scheduling_world(tmp_path, new_clock()) as one:
        assert await one.events.refused("PutRule", Name="r", ScheduleExpression=expression) == (
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        )
        await one.events("CreateEventBus", Name="b")
        assert await one.events.refused(
            "PutRule", Name="r", EventBusName="b", ScheduleExpression="rate(5 minutes)"
        ) == (
            "ValidationException",
            "ScheduleExpression is supported only on the default event bus.",
        )
