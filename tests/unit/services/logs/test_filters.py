"""Subscription filters, metric filters, retention and tags, in virtual time.

[B]: botocore's model; [UG]: CloudWatch Logs User Guide, "Log group-level subscription filters".
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.services.logs.world import LogsWorld, logs_world

NOW_S = 1_700_000_000
DAY_MS = 86_400_000
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:watcher"
GROUP = {"logGroupName": "g"}
STREAM = {"logGroupName": "g", "logStreamName": "s"}
FILTER = {**GROUP, "filterName": "f", "filterPattern": "", "destinationArn": FUNCTION}
METRIC = {
    **GROUP,
    "filterName": "m",
    "filterPattern": "ERROR",
    "metricTransformations": [
        {"metricName": "Errors", "metricNamespace": "Mine", "metricValue": "1"}
    ],
}
FULL = """
    CREATE TEMP TRIGGER full BEFORE INSERT ON main.outbox
    BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END
"""

Scenario = Callable[[LogsWorld], Awaitable[None]]


def run(folder: Path, *scenarios: Scenario) -> None:
    """Each scenario on a server of its own, one after the other on the same files."""

    async def main() -> None:
        for scenario in scenarios:
            async with logs_world(folder, NOW_S) as world:
                await scenario(world)

    asyncio.run(main())


async def begin(world: LogsWorld) -> None:
    await world.call("CreateLogGroup", **GROUP)
    await world.call("CreateLogStream", **STREAM)


async def put(world: LogsWorld, *messages: str, at_ms: int = 0) -> dict[str, Any]:
    stamp = NOW_S * 1000 + at_ms
    events = [{"timestamp": stamp, "message": message} for message in messages]
    return await world.call("PutLogEvents", **STREAM, logEvents=events)


async def received(world: LogsWorld, count: int) -> list[dict[str, Any]]:
    """The records that came, once so many log events are among them."""
    while True:
        records = [unpack(body) for _, body in world.received.bodies]
        if sum(len(record["logEvents"]) for record in records) >= count:
            return records
        await asyncio.sleep(0.001)


def unpack(body: str) -> dict[str, Any]:
    data = base64.b64decode(json.loads(body)["awslogs"]["data"])
    record: dict[str, Any] = json.loads(gzip.decompress(data))
    return record


async def fails(
    world: LogsWorld, operation: str, expected: str | tuple[str, str], **params: Any
) -> None:
    """`expected`: the code, or code and message."""
    code, message = await world.call.refused(operation, **params)
    assert expected in (code, (code, message))


def looking() -> bool:
    """Whether a subscription is looking at what is new."""
    return any(task.get_name().startswith("subscriptions of") for task in asyncio.all_tasks())


def texts(records: list[dict[str, Any]]) -> list[str]:
    return [event["message"] for record in records for event in record["logEvents"]]


def test_a_subscriber_gets_what_matches_from_then_on_as_aws_packs_it(tmp_path: Path) -> None:
    """The record: Lambda Developer Guide, "Process Amazon CloudWatch Logs with Lambda"."""

    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        await put(world, "ERROR before")
        await world.call("PutSubscriptionFilter", **{**FILTER, "filterPattern": "ERROR"})
        await put(world, "fine", "ERROR one", "fine", "ERROR two")
        records = await received(world, 2)
        found = (await world.call("FilterLogEvents", **GROUP, filterPattern="ERROR"))["events"]
        assert records == [
            {
                "messageType": "DATA_MESSAGE",
                "owner": "000000000000",
                "logGroup": "g",
                "logStream": "s",
                "subscriptionFilters": ["f"],
                "logEvents": [
                    {"id": event["eventId"], "timestamp": NOW_S * 1000, "message": event["message"]}
                    for event in found[1:]
                ],
            }
        ]
        assert texts(records) == ["ERROR one", "ERROR two"]
        assert world.received.bodies[0][0] == FUNCTION

    run(tmp_path, scenario)


def test_what_functions_print_goes_to_subscribers_too_by_stream_and_in_order(
    tmp_path: Path,
) -> None:
    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        await world.call("PutSubscriptionFilter", **FILTER)
        streams = [world.store.open_stream("g", name) for name in ("a", "b")]
        for number in range(200):
            for stream in streams:
                stream.write(NOW_S * 1000 + number, f"{stream.key[1]} {number}")
            if number % 50 == 0:
                await world.store.flush()
        await world.store.flush()
        records = await received(world, 400)
        for name in "ab":
            of = [record for record in records if record["logStream"] == name]
            assert texts(of) == [f"{name} {number}" for number in range(200)]

    run(tmp_path, scenario)


def test_what_was_not_sent_before_the_end_is_sent_after_it_and_nothing_twice(
    tmp_path: Path,
) -> None:
    async def first(world: LogsWorld) -> None:
        await begin(world)
        await world.call("PutSubscriptionFilter", **FILTER)
        await put(world, "sent")
        await received(world, 1)
        world.courier.stop()  # from here on the outbox is not emptied
        await put(world, "in the outbox")
        world.store.on_grown = lambda group: None  # and from here on nobody looks
        await put(world, "in the file")

    async def second(world: LogsWorld) -> None:
        assert texts(await received(world, 2)) == ["in the outbox", "in the file"]
        await put(world, "new")
        assert texts(await received(world, 3))[2:] == ["new"]

    run(tmp_path, first, second)


def test_what_is_printed_while_the_server_stops_is_sent_after_the_next_start(
    tmp_path: Path,
) -> None:
    """The store's last flush comes when its readers are about to go: nobody may look then."""

    async def first(world: LogsWorld) -> None:
        await begin(world)
        await world.call("PutSubscriptionFilter", **FILTER)
        await put(world, "sent")
        await received(world, 1)
        while looking():
            await asyncio.sleep(0.001)
        world.logs.stop()
        world.store.open_stream("g", "s").write(NOW_S * 1000, "last words")
        await world.store.flush()
        assert not looking()

    async def second(world: LogsWorld) -> None:
        assert texts(await received(world, 1)) == ["last words"]

    run(tmp_path, first, second)


def test_a_subscription_that_met_a_full_disk_goes_on_by_itself_with_growing_delays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing more comes into the group: only its timer brings it back."""

    async def tried(world: LogsWorld, delays: int) -> None:
        while looking() or len(caplog.messages) < delays:
            await asyncio.sleep(0.001)

    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        await world.call("PutSubscriptionFilter", **FILTER)
        await world.database.write(lambda c: c.execute(FULL) and None)
        await put(world, "one")
        await tried(world, 1)
        await put(world, "two")  # what comes meanwhile waits with it
        for count, delay_s in enumerate((1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0), 1):
            assert f"are tried again in {delay_s:g} s" in caplog.messages[-1]
            world.clock.advance(delay_s - 0.01)
            world.logs.subscriptions.retries.pump()
            assert not looking()
            world.clock.advance(0.02)
            world.logs.subscriptions.retries.pump()
            await tried(world, count + 1)
        await world.database.write(lambda c: c.execute("DROP TRIGGER temp.full") and None)
        world.clock.advance(60.0)
        world.logs.subscriptions.retries.pump()
        assert texts(await received(world, 2)) == ["one", "two"]
        await put(world, "three")  # at once again
        assert texts(await received(world, 3)) == ["one", "two", "three"]

    run(tmp_path, scenario)


def test_long_events_are_split_over_records_that_an_invocation_can_take(tmp_path: Path) -> None:
    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        await world.call("PutSubscriptionFilter", **FILTER)
        messages = [f"{number} " + "é" * 100_000 for number in range(5)]
        await put(world, *messages)
        records = await received(world, 5)
        assert len(records) > 1
        assert texts(records) == messages

    run(tmp_path, scenario)


def test_filters_are_shown_changed_and_deleted(tmp_path: Path) -> None:
    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        await world.call("PutSubscriptionFilter", **FILTER)
        changed = {**FILTER, "filterPattern": "ERROR", "distribution": "Random"}
        await world.call("PutSubscriptionFilter", **changed)
        shown = await world.call("DescribeSubscriptionFilters", **GROUP)
        assert shown["subscriptionFilters"] == [
            {**changed, "applyOnTransformedLogs": False, "creationTime": NOW_S * 1000}
        ]
        await world.call("DeleteSubscriptionFilter", **GROUP, filterName="f")
        assert (await world.call("DescribeSubscriptionFilters", **GROUP)) == {
            "subscriptionFilters": []
        }
        await put(world, "ERROR for nobody")
        await fails(
            world,
            "DeleteSubscriptionFilter",
            ("ResourceNotFoundException", "The specified subscription filter does not exist."),
            **GROUP,
            filterName="f",
        )
        assert world.received.bodies == []

    run(tmp_path, scenario)


def test_filters_go_with_their_group(tmp_path: Path) -> None:
    async def first(world: LogsWorld) -> None:
        await begin(world)
        await world.call("PutSubscriptionFilter", **FILTER)
        await world.call("PutMetricFilter", **METRIC)
        await world.call("DeleteLogGroup", **GROUP)
        await world.call("CreateLogGroup", **GROUP)

    async def second(world: LogsWorld) -> None:
        assert not (await world.call("DescribeSubscriptionFilters", **GROUP))["subscriptionFilters"]
        assert not (await world.call("DescribeMetricFilters", **GROUP))["metricFilters"]

    run(tmp_path, first, second)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"logGroupName": "none"}, "ResourceNotFoundException"),
        ({"filterPattern": "{ $.a"}, "InvalidParameterException"),
        ({"roleArn": "arn:aws:iam::000000000000:role/r"}, "InvalidParameterException"),
        (
            {"destinationArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"},
            "UnsupportedOperationException",
        ),
        ({"destinationArn": "nonsense"}, "UnsupportedOperationException"),
        ({"applyOnTransformedLogs": True}, "UnsupportedOperationException"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        await fails(world, "PutSubscriptionFilter", code, **{**FILTER, **changes})

    run(tmp_path, scenario)


def test_a_group_has_two_subscriptions_and_five_filters_with_a_regular_expression(
    tmp_path: Path,
) -> None:
    """[B] PutSubscriptionFilter, PutMetricFilter."""
    full = ("LimitExceededException", "Resource limit exceeded.")

    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        for name in ("one", "two", "two"):
            await world.call("PutSubscriptionFilter", **{**FILTER, "filterName": name})
        await fails(world, "PutSubscriptionFilter", full, **{**FILTER, "filterName": "three"})
        for number in range(5):
            metric = {**METRIC, "filterName": f"m{number}", "filterPattern": "%x%"}
            await world.call("PutMetricFilter", **metric)
        await fails(
            world, "PutMetricFilter", full, **{**METRIC, "filterPattern": "%x%", "filterName": "m5"}
        )
        await world.call("PutMetricFilter", **METRIC)

    run(tmp_path, scenario)


def test_metric_filters_are_kept_listed_by_metric_and_counted(tmp_path: Path) -> None:
    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        for number in range(3):
            await world.call("PutMetricFilter", **{**METRIC, "filterName": f"m{number}"})
        page = await world.call("DescribeMetricFilters", limit=2)
        rest = await world.call("DescribeMetricFilters", limit=2, nextToken=page["nextToken"])
        names = [one["filterName"] for one in page["metricFilters"] + rest["metricFilters"]]
        assert names == ["m0", "m1", "m2"]
        assert "nextToken" not in rest
        by_metric = await world.call(
            "DescribeMetricFilters", metricName="Errors", metricNamespace="Mine"
        )
        assert len(by_metric["metricFilters"]) == 3
        none = await world.call("DescribeMetricFilters", metricName="x", metricNamespace="Mine")
        assert none == {"metricFilters": []}
        groups = (await world.call("DescribeLogGroups"))["logGroups"]
        assert groups[0]["metricFilterCount"] == 3
        await world.call("DeleteMetricFilter", **GROUP, filterName="m1")
        assert len((await world.call("DescribeMetricFilters", **GROUP))["metricFilters"]) == 2

    run(tmp_path, scenario)


def test_a_pattern_is_tried_on_messages(tmp_path: Path) -> None:
    """The API reference of TestMetricFilter, Examples: numbers count from 1."""

    async def scenario(world: LogsWorld) -> None:
        found = await world.call(
            "TestMetricFilter",
            filterPattern="{ $.code = 4* }",
            logEventMessages=['{"code": 200}', '{"code": 404}'],
        )
        assert found == {
            "matches": [
                {
                    "eventNumber": 2,
                    "eventMessage": '{"code": 404}',
                    "extractedValues": {"$.code": "404"},
                }
            ]
        }

    run(tmp_path, scenario)


def test_events_older_than_their_group_keeps_them_are_deleted(tmp_path: Path) -> None:
    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        await put(world, "old", at_ms=-4 * DAY_MS)
        await put(world, "young", at_ms=-DAY_MS)
        await world.call("PutRetentionPolicy", **GROUP, retentionInDays=3)
        assert (await world.call("DescribeLogGroups"))["logGroups"][0]["retentionInDays"] == 3
        found = (await world.call("FilterLogEvents", **GROUP))["events"]
        assert [event["message"] for event in found] == ["young"]
        answer = await put(world, "too old for this group", at_ms=-4 * DAY_MS)
        assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
        world.clock.advance(3 * DAY_MS / 1000)
        await world.store.expire()
        assert (await world.call("FilterLogEvents", **GROUP))["events"] == []
        await world.call("DeleteRetentionPolicy", **GROUP)
        assert "retentionInDays" not in (await world.call("DescribeLogGroups"))["logGroups"][0]

    run(tmp_path, scenario)


def test_a_retention_that_aws_does_not_have_is_refused(tmp_path: Path) -> None:
    async def scenario(world: LogsWorld) -> None:
        await begin(world)
        await fails(
            world, "PutRetentionPolicy", "InvalidParameterException", **GROUP, retentionInDays=2
        )
        await fails(
            world,
            "PutRetentionPolicy",
            "ResourceNotFoundException",
            logGroupName="x",
            retentionInDays=3,
        )

    run(tmp_path, scenario)


def test_tags_of_a_group_by_name_and_by_arn(tmp_path: Path) -> None:
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:g"

    async def scenario(world: LogsWorld) -> None:
        await world.call("CreateLogGroup", **GROUP, tags={"a": "1"})
        await world.call("TagResource", resourceArn=arn, tags={"b": "2"})
        await world.call("TagLogGroup", **GROUP, tags={"c": "3"})
        assert await world.call("ListTagsForResource", resourceArn=f"{arn}:*") == {
            "tags": {"a": "1", "b": "2", "c": "3"}
        }
        await world.call("UntagResource", resourceArn=arn, tagKeys=["a"])
        await world.call("UntagLogGroup", **GROUP, tags=["b"])
        assert await world.call("ListTagsLogGroup", **GROUP) == {"tags": {"c": "3"}}
        many = {f"key{number}": "" for number in range(50)}
        await fails(world, "TagResource", "TooManyTagsException", resourceArn=arn, tags=many)
        await fails(world, "ListTagsLogGroup", "ResourceNotFoundException", logGroupName="x")

    run(tmp_path, scenario)
