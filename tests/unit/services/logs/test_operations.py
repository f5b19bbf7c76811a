"""CloudWatch Logs' operations.

Texts and fields [LS]: LocalStack's recordings of AWS, tests/aws/services/logs/*.snapshot.json,
2026-02-03 to 2026-02-11; [B]: botocore's model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lambent.store.logs import LogStore
from tests.unit.services.calling import Caller
from tests.unit.services.logs.world import logs_world

NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")
NO_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")
BAD_TOKEN = ("InvalidParameterException", "The specified nextToken is invalid.")
ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"

Scenario = Callable[[Caller, LogStore], Awaitable[None]]


def run(folder: Path, scenario: Scenario) -> None:
    async def main() -> None:
        async with logs_world(folder, NOW_MS / 1000) as world:
            await scenario(world.call, world.store)

    asyncio.run(main())


async def with_stream(call: Caller) -> dict[str, Any]:
    await call("CreateLogGroup", logGroupName="g")
    await call("CreateLogStream", logGroupName="g", logStreamName="s")
    return {"logGroupName": "g", "logStreamName": "s"}


def event(offset_ms: int, message: str) -> dict[str, Any]:
    return {"timestamp": NOW_MS + offset_ms, "message": message}


def texts(result: dict[str, Any]) -> list[str]:
    return [item["message"] for item in result["events"]]


def test_log_group_lives_from_create_to_delete(tmp_path: Path) -> None:
    """[LS] test_logs_groups."""

    async def scenario(call: Caller, _: LogStore) -> None:
        await call("CreateLogGroup", logGroupName="g", tags={"a": "b"})
        assert await call("DescribeLogGroups", logGroupNamePrefix="g") == {
            "logGroups": [
                {
                    "logGroupName": "g",
                    "creationTime": NOW_MS,
                    "metricFilterCount": 0,
                    "arn": f"{ARN}g:*",
                    "logGroupArn": f"{ARN}g",
                    "logGroupClass": "STANDARD",
                    "storedBytes": 0,
                    "deletionProtectionEnabled": False,
                }
            ]
        }
        assert await call.refused("CreateLogGroup", logGroupName="g") == (
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        )
        await call("DeleteLogGroup", logGroupName="g")
        assert await call.refused("DeleteLogGroup", logGroupName="g") == NO_GROUP

    run(tmp_path, scenario)


def test_log_groups_are_found_by_prefix_pattern_and_identifier(tmp_path: Path) -> None:
    """[LS] test_logs_groups; a search by pattern shows less."""

    async def scenario(call: Caller, _: LogStore) -> None:
        for name in ("/b/two", "/a/one", "/a/two"):
            await call("CreateLogGroup", logGroupName=name)

        async def names(**params: Any) -> list[str]:
            found = (await call("DescribeLogGroups", **params))["logGroups"]
            return [group["logGroupName"] for group in found]

        assert await names() == ["/a/one", "/a/two", "/b/two"]
        assert await names(logGroupNamePrefix="/a/") == ["/a/one", "/a/two"]
        assert await names(logGroupNamePattern="two") == ["/a/two", "/b/two"]
        assert await names(logGroupNamePattern="TWO") == []
        assert await names(logGroupIdentifiers=["/b/two", f"{ARN}/a/one"]) == ["/a/one", "/b/two"]
        assert await names(logGroupClass="DELIVERY") == []
        brief = await call("DescribeLogGroups", logGroupNamePattern="one")
        assert "storedBytes" not in brief["logGroups"][0]
        assert await call.refused(
            "DescribeLogGroups", logGroupNamePrefix="a", logGroupNamePattern="b"
        ) == (
            "InvalidParameterException",
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        )

    run(tmp_path, scenario)


def test_log_groups_come_in_pages(tmp_path: Path) -> None:
    async def scenario(call: Caller, _: LogStore) -> None:
        for index in range(5):
            await call("CreateLogGroup", logGroupName=f"g{index}")
        found, params = [], {"limit": 2}
        while True:
            page = await call("DescribeLogGroups", **params)
            found += [group["logGroupName"] for group in page["logGroups"]]
            if "nextToken" not in page:
                break
            params["nextToken"] = page["nextToken"]
        assert found == [f"g{index}" for index in range(5)]
        assert await call.refused("DescribeLogGroups", nextToken="é") == BAD_TOKEN

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "option",
    [{"kmsKeyId": "k"}, {"logGroupClass": "DELIVERY"}, {"deletionProtectionEnabled": True}],
)
def test_option_of_groups_that_is_absent_is_refused(tmp_path: Path, option: dict[str, Any]) -> None:
    """Never dropped in silence."""

    async def scenario(call: Caller, _: LogStore) -> None:
        code, message = await call.refused("CreateLogGroup", logGroupName="g", **option)
        assert code == "UnsupportedOperationException"
        assert "does not support" in message

    run(tmp_path, scenario)


def test_log_stream_lives_from_create_to_delete(tmp_path: Path) -> None:
    """[LS] test_logs_streams."""

    async def scenario(call: Caller, _: LogStore) -> None:
        key = {"logGroupName": "g", "logStreamName": "s"}
        assert await call.refused("CreateLogStream", **key) == NO_GROUP
        await with_stream(call)
        stream = {
            "arn": f"{ARN}g:log-stream:s",
            "creationTime": NOW_MS,
            "logStreamName": "s",
            "storedBytes": 0,
        }
        for group in ({"logGroupName": "g"}, {"logGroupIdentifier": "g"}):
            assert await call("DescribeLogStreams", **group) == {"logStreams": [stream]}
        for arn in (f"{ARN}g", f"{ARN}g:*"):
            found = await call("DescribeLogStreams", logGroupIdentifier=arn)
            assert found == {"logStreams": [stream]}
        assert await call.refused("CreateLogStream", **key) == (
            "ResourceAlreadyExistsException",
            "The specified log stream already exists",
        )
        await call("PutLogEvents", **key, logEvents=[event(-5, "a"), event(0, "b")])
        (stream,) = (await call("DescribeLogStreams", logGroupName="g"))["logStreams"]
        assert stream["firstEventTimestamp"] == NOW_MS - 5
        assert stream["lastEventTimestamp"] == stream["lastIngestionTime"] == NOW_MS
        await call("DeleteLogStream", **key)
        assert await call.refused("DeleteLogStream", **key) == NO_STREAM

    run(tmp_path, scenario)


def test_log_streams_are_ordered_by_name_or_by_last_event(tmp_path: Path) -> None:
    async def scenario(call: Caller, store: LogStore) -> None:
        for name, time in (("a", 3), ("b", 1), ("c", 2)):
            store.open_stream("g", name).write(NOW_MS + time, "x")

        async def names(**params: Any) -> list[str]:
            found = await call("DescribeLogStreams", logGroupName="g", **params)
            return [stream["logStreamName"] for stream in found["logStreams"]]

        assert await names() == ["a", "b", "c"]
        assert await names(descending=True) == ["c", "b", "a"]
        assert await names(orderBy="LastEventTime", descending=True) == ["a", "c", "b"]
        assert await names(logStreamNamePrefix="b") == ["b"]
        page = await call("DescribeLogStreams", logGroupName="g", limit=2)
        assert await names(limit=2, nextToken=page["nextToken"]) == ["c"]
        assert await call.refused("DescribeLogStreams", logGroupName="g", nextToken="x") == (
            BAD_TOKEN
        )
        assert await call.refused(
            "DescribeLogStreams",
            logGroupName="g",
            orderBy="LastEventTime",
            logStreamNamePrefix="a",
        ) == (
            "InvalidParameterException",
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        )

    run(tmp_path, scenario)


def test_group_is_named_in_exactly_one_way(tmp_path: Path) -> None:
    """[LS] test_describe_log_streams_with_log_group_identifier: ValidationException for both."""

    async def scenario(call: Caller, _: LogStore) -> None:
        both = {"logGroupName": "g", "logGroupIdentifier": "g"}
        assert await call.refused("DescribeLogStreams", **both) == (
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )
        assert (await call.refused("FilterLogEvents"))[0] == "InvalidParameterException"
        elsewhere = "arn:aws:logs:eu-west-1:000000000000:log-group:g"
        assert await call.refused("FilterLogEvents", logGroupIdentifier=elsewhere) == NO_GROUP

    run(tmp_path, scenario)


@pytest.mark.parametrize("operation", ["GetLogEvents", "PutLogEvents", "FilterLogEvents"])
def test_missing_group_and_stream_are_told_apart(tmp_path: Path, operation: str) -> None:
    """[LS] test_resource_does_not_exist, test_put_log_events_to_invalid_stream."""

    async def scenario(call: Caller, _: LogStore) -> None:
        params: dict[str, Any] = {"logGroupName": "g", "logStreamName": "s"}
        if operation == "PutLogEvents":
            params["logEvents"] = [event(0, "a")]
        if operation == "FilterLogEvents":
            params = {"logGroupName": "g", "logStreamNames": ["s"]}
        assert await call.refused(operation, **params) == NO_GROUP
        await call("CreateLogGroup", logGroupName="g")
        assert await call.refused(operation, **params) == NO_STREAM

    run(tmp_path, scenario)


def test_put_events_are_on_disk_before_the_answer(tmp_path: Path) -> None:
    """Seen by a store that shares nothing but the file."""

    async def scenario(call: Caller, _: LogStore) -> None:
        key = await with_stream(call)
        result = await call("PutLogEvents", **key, logEvents=[event(0, "a")])
        assert len(result.pop("nextSequenceToken")) == 56
        assert result == {}
        other = LogStore(tmp_path / "logs.db")
        streams, _more = await other.describe_streams("g")
        assert streams[0].last_ts == NOW_MS
        await other.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (
            [event(1, "b"), event(0, "a")],
            "Log events in a single PutLogEvents request must be in chronological order.",
        ),
        (
            [event(-25 * HOUR_MS, "a"), event(0, "b")],
            "The batch of log events in a single PutLogEvents request cannot span more than 24"
            " hours.",
        ),
        (
            [event(0, "é" * 262_144), event(0, "é" * 262_144)],
            "Upload too large: 1048628 bytes exceeds limit of 1048576",
        ),
    ],
)
def test_batch_against_the_rules_is_refused_whole(
    tmp_path: Path, events: list[dict[str, Any]], message: str
) -> None:
    """[LS] test_put_log_events_wrong_order; aws-greengrass-log-manager#59 (span);
    nhs-england-tools/terraform-aws-opennext#27 (size); limits [B] PutLogEvents."""

    async def scenario(call: Caller, _: LogStore) -> None:
        key = await with_stream(call)
        refused = await call.refused("PutLogEvents", **key, logEvents=events)
        assert refused == ("InvalidParameterException", message)
        assert texts(await call("GetLogEvents", **key)) == []

    run(tmp_path, scenario)


def test_events_too_old_and_too_new_are_rejected_and_the_rest_taken(tmp_path: Path) -> None:
    """[B] RejectedLogEventsInfo: the old index is exclusive, the new one inclusive."""

    async def scenario(call: Caller, _: LogStore) -> None:
        key = await with_stream(call)
        old, new = -14 * 24 * HOUR_MS - 1, 2 * HOUR_MS + 1
        events = [event(old, "old"), event(0, "a"), event(1, "b"), event(new, "new")]
        result = await call("PutLogEvents", **key, logEvents=events)
        assert result["rejectedLogEventsInfo"] == {
            "tooOldLogEventEndIndex": 1,
            "tooNewLogEventStartIndex": 3,
        }
        assert texts(await call("GetLogEvents", **key)) == ["a", "b"]
        only_old = await call("PutLogEvents", **key, logEvents=[event(old, "old")])
        assert only_old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}

    run(tmp_path, scenario)


def test_get_log_events_walks_forward_and_repeats_its_token_at_the_end(tmp_path: Path) -> None:
    """[B] GetLogEvents: the end is where the token returned equals the one passed."""

    async def scenario(call: Caller, store: LogStore) -> None:
        stream = store.open_stream("g", "s")
        stream.write_many((NOW_MS + index, f"m{index}") for index in range(5))
        key = {"logGroupName": "g", "logStreamName": "s", "startFromHead": True, "limit": 2}
        page = await call("GetLogEvents", **key)
        found = texts(page)
        assert page["events"][0] == {
            "timestamp": NOW_MS,
            "message": "m0",
            "ingestionTime": NOW_MS,
        }
        token = ""
        while token != page["nextForwardToken"]:
            token = page["nextForwardToken"]
            page = await call("GetLogEvents", **key, nextToken=token)
            found += texts(page)
        assert found == [f"m{index}" for index in range(5)]
        stream.write(NOW_MS + 9, "later")  # a follower goes on with the same token
        page = await call("GetLogEvents", **key, nextToken=token)
        assert texts(page) == ["later"]

    run(tmp_path, scenario)


def test_get_log_events_starts_with_the_latest_and_walks_back(tmp_path: Path) -> None:
    """Each page is in ascending order; tokens as AWS's: f/ or b/ and 56 digits."""

    async def scenario(call: Caller, store: LogStore) -> None:
        stream = store.open_stream("g", "s")
        stream.write_many((NOW_MS + index, f"m{index}") for index in range(5))
        key = {"logGroupName": "g", "logStreamName": "s", "limit": 2}
        last = await call("GetLogEvents", **key)
        assert texts(last) == ["m3", "m4"]
        assert len(last["nextForwardToken"]) == len(last["nextBackwardToken"]) == 58
        before = await call("GetLogEvents", **key, nextToken=last["nextBackwardToken"])
        assert texts(before) == ["m1", "m2"]
        again = await call("GetLogEvents", **key, nextToken=before["nextForwardToken"])
        assert texts(again) == ["m3", "m4"]
        first = await call("GetLogEvents", **key, nextToken=before["nextBackwardToken"])
        assert texts(first) == ["m0"]
        none = await call("GetLogEvents", **key, nextToken=first["nextBackwardToken"])
        assert none["events"] == []
        assert none["nextBackwardToken"] == first["nextBackwardToken"]

    run(tmp_path, scenario)


def test_follower_of_an_empty_stream_sees_the_first_event(tmp_path: Path) -> None:
    async def scenario(call: Caller, store: LogStore) -> None:
        stream = store.open_stream("g", "s")
        key = {"logGroupName": "g", "logStreamName": "s"}
        empty = await call("GetLogEvents", **key)
        stream.write(NOW_MS, "first")
        page = await call("GetLogEvents", **key, nextToken=empty["nextForwardToken"])
        assert texts(page) == ["first"]

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "token", ["n/" + "0" * 56, "not-existing-token", "f/1", "f/" + "9" * 56, "f/" + "٣" * 56]
)
def test_token_of_nobodys_is_refused(tmp_path: Path, token: str) -> None:
    """[LS] test_get_log_events_invalid_token, test_filter_log_events_unknown_token."""

    async def scenario(call: Caller, _: LogStore) -> None:
        key = await with_stream(call)
        assert await call.refused("GetLogEvents", **key, nextToken=token) == BAD_TOKEN
        assert await call.refused("FilterLogEvents", logGroupName="g", nextToken=token) == (
            BAD_TOKEN
        )

    run(tmp_path, scenario)


def test_time_ranges_end_exclusively_for_get_and_inclusively_for_filter(tmp_path: Path) -> None:
    """[B] GetLogEvents.endTime and FilterLogEvents.endTime."""

    async def scenario(call: Caller, store: LogStore) -> None:
        store.open_stream("g", "s").write_many((NOW_MS + i, f"m{i}") for i in range(5))
        window = {"startTime": NOW_MS + 1, "endTime": NOW_MS + 3}
        key = {"logGroupName": "g", "logStreamName": "s"}
        assert texts(await call("GetLogEvents", **key, **window)) == ["m1", "m2"]
        assert texts(await call("FilterLogEvents", logGroupName="g", **window)) == [
            "m1",
            "m2",
            "m3",
        ]
        huge = {"startTime": 0, "endTime": 2**63 - 1}
        assert len(texts(await call("FilterLogEvents", logGroupName="g", **huge))) == 5

    run(tmp_path, scenario)


def test_filter_interleaves_streams_with_stable_unique_ids(tmp_path: Path) -> None:
    """`aws logs tail --follow` tells seen events by eventId."""

    async def scenario(call: Caller, store: LogStore) -> None:
        a, b = store.open_stream("g", "a"), store.open_stream("g", "b")
        for index in range(3):
            a.write(NOW_MS + index, f"a{index}")
            b.write(NOW_MS + index, f"b{index}")
        first = await call("FilterLogEvents", logGroupName="g", interleaved=True)
        assert texts(first) == ["a0", "b0", "a1", "b1", "a2", "b2"]
        assert first["searchedLogStreams"] == []
        assert "nextToken" not in first
        assert first["events"][1] == {
            "logStreamName": "b",
            "timestamp": NOW_MS,
            "message": "b0",
            "ingestionTime": NOW_MS,
            "eventId": first["events"][1]["eventId"],
        }
        ids = [item["eventId"] for item in first["events"]]
        assert ids == sorted(set(ids))
        assert {len(item) for item in ids} == {56}
        a.write(NOW_MS + 9, "a9")
        again = await call("FilterLogEvents", logGroupName="g")
        assert [item["eventId"] for item in again["events"]][:6] == ids

    run(tmp_path, scenario)


def test_filter_pages_and_narrows_by_stream_and_pattern(tmp_path: Path) -> None:
    async def scenario(call: Caller, store: LogStore) -> None:
        for name in ("x/1", "x/2", "y"):
            store.open_stream("g", name).write_many((NOW_MS + i, f"{name} {i}") for i in range(3))
        group = {"logGroupName": "g"}
        named = await call("FilterLogEvents", **group, logStreamNames=["y", "x/1"], limit=2)
        assert texts(named) == ["x/1 0", "y 0"]
        rest = await call(
            "FilterLogEvents",
            **group,
            logStreamNames=["y", "x/1"],
            nextToken=named["nextToken"],
        )
        assert texts(rest) == ["x/1 1", "y 1", "x/1 2", "y 2"]
        assert "nextToken" not in rest
        under = await call("FilterLogEvents", **group, logStreamNamePrefix="x/", filterPattern="2")
        assert texts(under) == ["x/2 0", "x/2 1", "x/1 2", "x/2 2"]
        none = await call("FilterLogEvents", **group, logStreamNamePrefix="z")
        assert none["events"] == []
        assert (
            await call.refused(
                "FilterLogEvents", **group, logStreamNames=["y"], logStreamNamePrefix="x"
            )
        )[0] == "InvalidParameterException"

    run(tmp_path, scenario)


def test_filter_goes_from_the_newest_where_asked(tmp_path: Path) -> None:
    """[B] FilterLogEvents.startFromHead: needs a startTime since 2024; the token keeps it."""

    async def scenario(call: Caller, store: LogStore) -> None:
        base = 1_704_067_200_000
        store.open_stream("g", "s").write_many((base + i, f"m{i}") for i in range(3))
        params = {"logGroupName": "g", "startTime": base}
        page = await call("FilterLogEvents", **params, startFromHead=False, limit=2)
        assert texts(page) == ["m2", "m1"]
        rest = await call("FilterLogEvents", **params, nextToken=page["nextToken"])
        assert texts(rest) == ["m0"]
        refused = await call.refused("FilterLogEvents", logGroupName="g", startFromHead=False)
        assert refused[0] == "InvalidParameterException"

    run(tmp_path, scenario)
