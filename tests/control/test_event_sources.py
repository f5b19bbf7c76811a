"""What AWS's operations on event source mappings do.

Golden texts: LocalStack's tests/aws/services/lambda_/test_lambda_api.snapshot.json and
event_source_mapping/test_api.snapshot.json, recorded from AWS.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.control.scene import ARN, Scene, play

INVALID = "InvalidParameterValueException"
NOT_THERE = ("ResourceNotFoundException", "The resource you requested does not exist.")
QUEUE = "arn:aws:sqs:us-east-1:000000000000:queue"
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2025-02-17T16:33:01.784"
CLUSTER = "arn:aws:kafka:us-east-1:000000000000:cluster/c/00000000-0000-0000-0000-000000000000-1"
LATEST: dict[str, Any] = {"EventSourceArn": STREAM, "StartingPosition": "LATEST"}


async def _create(scene: Scene, **params: Any) -> dict[str, Any]:
    given = {"FunctionName": "f", "EventSourceArn": QUEUE, **params}
    return await scene.call("CreateEventSourceMapping", **given)


async def _refused(scene: Scene, **params: Any) -> tuple[str, str]:
    given = {"FunctionName": "f", "EventSourceArn": QUEUE, **params}
    return await scene.refused("CreateEventSourceMapping", **given)


def test_a_mapping_of_a_queue_lives_as_on_aws(tmp_path: Path) -> None:
    made: dict[str, Any] = {}

    async def act(scene: Scene) -> None:
        await scene.create()
        answer = await _create(scene)
        assert answer.pop("LastModified") >= 0
        made.update(answer)
        key = answer["UUID"]
        assert answer == {
            "UUID": str(uuid.UUID(key)),
            "BatchSize": 10,
            "EventSourceArn": QUEUE,
            "EventSourceMappingArn": (
                f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{key}"
            ),
            "FunctionArn": f"{ARN}f",
            "FunctionResponseTypes": [],
            "MaximumBatchingWindowInSeconds": 0,
            "State": "Creating",
            "StateTransitionReason": "USER_INITIATED",
        }

    async def change(scene: Scene) -> None:
        key = {"UUID": made["UUID"]}
        found = await scene.call("GetEventSourceMapping", **key)
        found.pop("LastModified")
        assert found == {**made, "State": "Enabled"}
        answer = await scene.call("UpdateEventSourceMapping", **key, Enabled=False, BatchSize=1)
        assert (answer["State"], answer["BatchSize"]) == ("Disabling", 1)
        assert (await scene.call("GetEventSourceMapping", **key))["State"] == "Disabled"
        answer = await scene.call("UpdateEventSourceMapping", **key, BatchSize=2)
        assert answer["State"] == "Updating"
        answer = await scene.call("UpdateEventSourceMapping", **key, Enabled=True)
        assert (answer["State"], answer["BatchSize"]) == ("Enabling", 2)
        assert (await scene.call("DeleteEventSourceMapping", **key))["State"] == "Deleting"
        for operation in ("Get", "Update", "Delete"):
            assert await scene.refused(f"{operation}EventSourceMapping", **key) == NOT_THERE

    play(tmp_path, act)
    play(tmp_path, change)


def test_a_mapping_of_a_stream_shows_awss_defaults(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        for arn in (STREAM, TABLE):
            answer = await _create(scene, EventSourceArn=arn, StartingPosition="TRIM_HORIZON")
            for member in ("UUID", "EventSourceMappingArn", "LastModified"):
                del answer[member]
            assert answer == {
                "BatchSize": 100,
                "BisectBatchOnFunctionError": False,
                "DestinationConfig": {"OnFailure": {}},
                "EventSourceArn": arn,
                "FunctionArn": f"{ARN}f",
                "FunctionResponseTypes": [],
                "LastProcessingResult": "No records processed",
                "MaximumBatchingWindowInSeconds": 0,
                "MaximumRecordAgeInSeconds": -1,
                "MaximumRetryAttempts": -1,
                "ParallelizationFactor": 1,
                "StartingPosition": "TRIM_HORIZON",
                "State": "Creating",
                "StateTransitionReason": "User action",
                "TumblingWindowInSeconds": 0,
            }

    play(tmp_path, act)


def test_one_source_has_one_mapping_to_a_function(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await scene.create("g")
        first = (await _create(scene))["UUID"]
        assert await _refused(scene, FunctionName=f"{ARN}f") == (
            "ResourceConflictException",
            f'An event source mapping with SQS arn (" {QUEUE} ") and function (" f ") already '
            f"exists. Please update or delete the existing mapping with UUID {first}",
        )
        second = await _create(scene, FunctionName="f:$LATEST")
        assert second["FunctionArn"] == f"{ARN}f:$LATEST"
        third = await _create(scene, FunctionName="g")
        code, _ = await scene.refused(
            "UpdateEventSourceMapping", UUID=third["UUID"], FunctionName="f"
        )
        assert code == "ResourceConflictException"
        stream = (await _create(scene, **LATEST))["UUID"]
        code, text = await _refused(scene, **LATEST)
        assert text.endswith(f"provided mapping already exists. Please update or delete the "
                             f"existing mapping with UUID {stream}")  # fmt: skip

    play(tmp_path, act)


def test_mappings_are_listed_by_source_by_function_and_in_pages(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await scene.create("g")
        keys = [
            (await _create(scene, FunctionName=name, EventSourceArn=f"{QUEUE}{number}"))["UUID"]
            for name in ("f", "g", "f:$LATEST")
            for number in range(2)
        ]

        async def listed(**params: Any) -> list[str]:
            answer = await scene.call("ListEventSourceMappings", **params)
            return [one["UUID"] for one in answer["EventSourceMappings"]]

        assert set(await listed()) == set(keys)
        assert set(await listed(FunctionName="f")) == set(keys[:2])
        assert set(await listed(FunctionName="f:$LATEST")) == set(keys[4:])
        assert set(await listed(EventSourceArn=f"{QUEUE}0")) == set(keys[::2])
        assert await listed(EventSourceArn=f"{QUEUE}0", FunctionName="g") == [keys[2]]
        seen: list[str] = []
        marker: dict[str, str] = {}
        while True:
            page = await scene.call("ListEventSourceMappings", MaxItems=4, **marker)
            seen += [one["UUID"] for one in page["EventSourceMappings"]]
            if "NextMarker" not in page:
                break
            marker = {"Marker": page["NextMarker"]}
        assert sorted(keys) == seen

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"EventSourceArn": None}, "Unrecognized event source."),
        (
            {"EventSourceArn": "arn:aws:s3:us-east-1:000000000000:b"},
            "Unrecognized event source.",
        ),
        ({"FunctionName": "missing"}, "Function does not exist"),
        ({"FunctionName": "f:missing"}, "Function does not exist"),
        (
            {"StartingPosition": "LATEST"},
            "StartingPosition is not valid for SQS event sources.",
        ),
        (
            {"BatchSize": 11},
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10",
        ),
        (
            {**LATEST, "StartingPositionTimestamp": datetime(2020, 1, 1, tzinfo=UTC)},
            "Timestamp only valid with StartingPosition AT_TIMESTAMP",
        ),
        ({**LATEST, "StartingPosition": "AT_TIMESTAMP"}, "Need to specify a timestamp"),
        (
            {
                **LATEST,
                "StartingPosition": "AT_TIMESTAMP",
                "StartingPositionTimestamp": datetime(1960, 1, 1, tzinfo=UTC),
            },
            "Received Exception while reading from provided stream. class java.lang.Long can not "
            "be converted to a Timestamp",
        ),
        (
            {
                "EventSourceArn": TABLE,
                "StartingPosition": "AT_TIMESTAMP",
                "StartingPositionTimestamp": datetime(1960, 1, 1, tzinfo=UTC),
            },
            f"Unsupported starting position for arn type: {TABLE}",
        ),
        (
            {"EventSourceArn": STREAM},
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null.",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"a": "b"}'}]}},
            "Invalid filter pattern definition.",
        ),
        (
            {"BisectBatchOnFunctionError": True},
            "Unsupported 'bisectBatchOnFunctionError' parameter for given event source mapping "
            "type.",
        ),
    ],
)
def test_refusals_have_awss_text(tmp_path: Path, params: dict[str, Any], text: str) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        assert await _refused(scene, **params) == (INVALID, text)
        assert (await scene.call("ListEventSourceMappings"))["EventSourceMappings"] == []

    play(tmp_path, act)


@pytest.mark.parametrize(
    "params",
    [
        {"EventSourceArn": f"{QUEUE}.fifo", "BatchSize": 11, "MaximumBatchingWindowInSeconds": 1},
        {"EventSourceArn": f"{QUEUE}.fifo", "MaximumBatchingWindowInSeconds": 1},
        {"ParallelizationFactor": 2},
        {"TumblingWindowInSeconds": 2},
        {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}},
        {"Topics": ["t"]},
        {**LATEST, "ScalingConfig": {"MaximumConcurrency": 2}},
        {**LATEST, "MaximumRecordAgeInSeconds": 59},
        {**LATEST, "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}},
        {**LATEST, "DestinationConfig": {"OnFailure": {"Destination": f"{QUEUE}.fifo"}}},
        {**LATEST, "DestinationConfig": {"OnFailure": {"Destination": "kafka://t"}}},
        {**LATEST, "DestinationConfig": {"OnFailure": {"Destination": f"{ARN}f"}}},
        {"FilterCriteria": {"Filters": [{"Pattern": "{}"}] * 6}},
        {"ProvisionedPollerConfig": {"MinimumPollers": 3, "MaximumPollers": 2}},
        {
            "ScalingConfig": {"MaximumConcurrency": 2},
            "ProvisionedPollerConfig": {"MinimumPollers": 2},
        },
        {"EventSourceArn": CLUSTER, "StartingPosition": "LATEST"},
        {"EventSourceArn": "arn:aws:mq:us-east-1:000000000000:broker:b:b-1"},
        {
            "EventSourceArn": "arn:aws:rds:us-east-1:000000000000:cluster:c",
            "StartingPosition": "LATEST",
        },
        {"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["h:9092"]}}},
        {"Tags": {"aws:x": "y"}},
        {
            **LATEST,
            "StartingPosition": "AT_TIMESTAMP",
            "StartingPositionTimestamp": datetime(2100, 1, 1, tzinfo=UTC),
        },
    ],
)
def test_options_that_do_not_fit_the_source_are_refused(
    tmp_path: Path, params: dict[str, Any]
) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        assert (await _refused(scene, **params))[0] == INVALID
        assert (await scene.call("ListEventSourceMappings"))["EventSourceMappings"] == []

    play(tmp_path, act)


@pytest.mark.parametrize(
    "params",
    [
        {"BatchSize": 11, "MaximumBatchingWindowInSeconds": 1},
        {"ScalingConfig": {"MaximumConcurrency": 2}, "FunctionResponseTypes": []},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"a": ["b"]}'}]}},
        {
            **LATEST,
            "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
            "MaximumRecordAgeInSeconds": 60,
            "ParallelizationFactor": 10,
            "BisectBatchOnFunctionError": True,
        },
        {"EventSourceArn": CLUSTER, "StartingPosition": "LATEST", "Topics": ["t"]},
        {
            "EventSourceArn": None,
            "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["h:9092"]}},
            "StartingPosition": "TRIM_HORIZON",
            "Topics": ["t"],
        },
        {
            "EventSourceArn": "arn:aws:mq:us-east-1:000000000000:broker:b:b-1",
            "Queues": ["q"],
            "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:aws:x"}],
        },
        {
            "EventSourceArn": "arn:aws:rds:us-east-1:000000000000:cluster:c",
            "StartingPosition": "LATEST",
            "DocumentDBEventSourceConfig": {"DatabaseName": "d"},
            "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:aws:x"}],
        },
    ],
)
def test_what_fits_the_source_is_kept_and_shown(tmp_path: Path, params: dict[str, Any]) -> None:
    made: list[dict[str, Any]] = []

    async def act(scene: Scene) -> None:
        await scene.create()
        answer = await _create(scene, **params)
        for member, value in params.items():
            assert answer.get(member) == value
        made.append(answer)

    async def look(scene: Scene) -> None:
        found = await scene.call("GetEventSourceMapping", UUID=made[0]["UUID"])
        assert found == {**made[0], "State": "Enabled"}

    play(tmp_path, act)
    play(tmp_path, look)


def test_an_update_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        key = {"UUID": (await _create(scene))["UUID"]}
        before = await scene.call("GetEventSourceMapping", **key)
        for params in (
            {"BatchSize": 11},
            {"FunctionName": "missing"},
            {"TumblingWindowInSeconds": 1},
        ):
            code, _ = await scene.refused("UpdateEventSourceMapping", **key, **params)
            assert code == INVALID
        assert await scene.call("GetEventSourceMapping", **key) == before
        pattern = {"Filters": [{"Pattern": '{"a": ["b"]}'}]}
        answer = await scene.call("UpdateEventSourceMapping", **key, FilterCriteria=pattern)
        assert answer["FilterCriteria"] == pattern
        answer = await scene.call("UpdateEventSourceMapping", **key, FilterCriteria={})
        assert "FilterCriteria" not in answer

    play(tmp_path, act)
