"""Event source mappings, against the running server. Golden texts: see tests/control."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer

_QUEUED = "a change that comes during another waits for it instead of being refused"
CANNOT_OCCUR = {
    ("DeleteEventSourceMapping", "ResourceConflictException"): _QUEUED,
    ("GetEventSourceMapping", "InvalidParameterValueException"): "any 36 characters are an id",
    ("DeleteEventSourceMapping", "InvalidParameterValueException"): "any 36 characters are an id",
}
NAME = "configs-event-source"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:configs-queue"
MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def function(server: RunningServer) -> str:
    client = server.client("lambda")
    try:
        client.get_function(FunctionName=NAME)
    except client.exceptions.ResourceNotFoundException:
        server.create(NAME, "def handler(event, context): return event")
    server.client("sqs").create_queue(QueueName=QUEUE.rpartition(":")[2])
    for one in client.list_event_source_mappings(FunctionName=NAME)["EventSourceMappings"]:
        client.delete_event_source_mapping(UUID=one["UUID"])
    return NAME


def test_a_mapping_is_created_read_listed_changed_and_deleted(api: Any, function: str) -> None:
    made = api.create_event_source_mapping(FunctionName=function, EventSourceArn=QUEUE)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (made["State"], made["BatchSize"]) == ("Creating", 10)
    key = made["UUID"]
    found = api.get_event_source_mapping(UUID=key)
    assert (found["State"], found["LastModified"].year > 2000) == ("Enabled", True)
    changed = api.update_event_source_mapping(UUID=key, Enabled=False)
    assert changed["State"] == "Disabling"
    assert api.get_event_source_mapping(UUID=key)["State"] == "Disabled"
    deleted = api.delete_event_source_mapping(UUID=key)
    assert (deleted["State"], deleted["ResponseMetadata"]["HTTPStatusCode"]) == ("Deleting", 202)
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_event_source_mapping(UUID=key)


def test_mappings_come_in_pages(server: RunningServer, api: Any, function: str) -> None:
    for number in range(5):
        server.client("sqs").create_queue(QueueName=f"{QUEUE.rpartition(':')[2]}{number}")
    made = {
        api.create_event_source_mapping(
            FunctionName=function, EventSourceArn=f"{QUEUE}{number}", Enabled=False
        )["UUID"]
        for number in range(5)
    }
    pages = api.get_paginator("list_event_source_mappings").paginate(
        FunctionName=function, PaginationConfig={"PageSize": 2}
    )
    listed = [[one["UUID"] for one in page["EventSourceMappings"]] for page in pages]
    assert [len(page) for page in listed] == [2, 2, 1]
    assert {key for page in listed for key in page} == made


def test_errors_of_event_source_mappings(api: Any, function: str) -> None:
    errors = api.exceptions
    for call in (
        api.get_event_source_mapping,
        api.update_event_source_mapping,
        api.delete_event_source_mapping,
    ):
        with pytest.raises(errors.ResourceNotFoundException):
            call(UUID=MISSING)
    with pytest.raises(errors.InvalidParameterValueException, match="Unrecognized event source"):
        api.create_event_source_mapping(FunctionName=function)
    with pytest.raises(errors.InvalidParameterValueException, match="NonExistentQueue"):
        api.create_event_source_mapping(FunctionName=function, EventSourceArn=f"{QUEUE}-not")
    elsewhere = "arn:aws:lambda:eu-west-1:000000000000:function:f"
    with pytest.raises(errors.ResourceNotFoundException):
        api.create_event_source_mapping(FunctionName=elsewhere, EventSourceArn=QUEUE)
    with pytest.raises(errors.ResourceNotFoundException):
        api.list_event_source_mappings(FunctionName=elsewhere)
    with pytest.raises(errors.InvalidParameterValueException):
        api.list_event_source_mappings(Marker="?")
    made = api.create_event_source_mapping(FunctionName=function, EventSourceArn=QUEUE)
    with pytest.raises(errors.ResourceConflictException, match=made["UUID"]):
        api.create_event_source_mapping(FunctionName=function, EventSourceArn=QUEUE)
    other = api.create_event_source_mapping(
        FunctionName=f"{function}:$LATEST", EventSourceArn=QUEUE
    )
    with pytest.raises(errors.ResourceConflictException, match=made["UUID"]):
        api.update_event_source_mapping(UUID=other["UUID"], FunctionName=function)
    with pytest.raises(errors.InvalidParameterValueException):
        api.update_event_source_mapping(UUID=made["UUID"], BatchSize=11)
    api.delete_event_source_mapping(UUID=other["UUID"])


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("BatchSize", 0),
        ("BatchSize", 10_001),
        ("MaximumBatchingWindowInSeconds", 301),
        ("ParallelizationFactor", 11),
        ("MaximumRecordAgeInSeconds", -2),
        ("MaximumRetryAttempts", 10_001),
        ("TumblingWindowInSeconds", 901),
        ("ScalingConfig", {"MaximumConcurrency": 1}),
        ("StartingPosition", "0"),
        ("EventSourceArn", "x"),
        ("FunctionResponseTypes", ["x"]),
        ("Topics", []),
        ("KMSKeyArn", "x"),
        ("MetricsConfig", {"Metrics": ["x"]}),
        ("ProvisionedPollerConfig", {"MinimumPollers": 201}),
    ],
)
def test_values_out_of_the_models_bounds_are_refused_for_mappings(
    api: Any, function: str, member: str, value: Any
) -> None:
    given = {"EventSourceArn": QUEUE, member: value}
    with pytest.raises(ClientError, match="validation error detected") as caught:
        api.create_event_source_mapping(FunctionName=function, **given)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
