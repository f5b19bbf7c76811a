"""Event-invoke configs, against the running server. Golden texts: see tests/control."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer

_QUEUED = "a change that comes during another waits for it instead of being refused"
CANNOT_OCCUR = {
    (operation, "ResourceConflictException"): _QUEUED
    for operation in (
        "PutFunctionEventInvokeConfig",
        "UpdateFunctionEventInvokeConfig",
        "DeleteFunctionEventInvokeConfig",
    )
}
HANDLER = "def handler(event, context): return event"
NAME = "configs-event-invoke"


@pytest.fixture
def function(server: RunningServer) -> str:
    client = server.client("lambda")
    try:
        client.get_function(FunctionName=NAME)
    except client.exceptions.ResourceNotFoundException:
        server.create(NAME, HANDLER)
    return NAME


def test_an_event_invoke_config_is_put_changed_read_and_deleted(api: Any, function: str) -> None:
    put = api.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=1)
    assert put["FunctionArn"].endswith(f":function:{function}:$LATEST")
    again = api.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=1)
    assert again["MaximumRetryAttempts"] == put["MaximumRetryAttempts"]
    api.update_function_event_invoke_config(FunctionName=function, MaximumEventAgeInSeconds=60)
    found = api.get_function_event_invoke_config(FunctionName=function, Qualifier="$LATEST")
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (1, 60)
    assert found["LastModified"].year > 2000
    listed = api.list_function_event_invoke_configs(FunctionName=function)
    assert [one["FunctionArn"] for one in listed["FunctionEventInvokeConfigs"]] == [
        found["FunctionArn"]
    ]
    assert "NextMarker" not in listed
    api.delete_function_event_invoke_config(FunctionName=function)
    with pytest.raises(ClientError, match="doesn't have an EventInvokeConfig"):
        api.get_function_event_invoke_config(FunctionName=function)


@pytest.mark.parametrize(
    "operation",
    [
        "put_function_event_invoke_config",
        "update_function_event_invoke_config",
        "get_function_event_invoke_config",
        "delete_function_event_invoke_config",
        "list_function_event_invoke_configs",
    ],
)
def test_errors_of_event_invoke_configs(api: Any, function: str, operation: str) -> None:
    call = getattr(api, operation)
    given = {"MaximumRetryAttempts": 1} if operation.startswith(("put", "update")) else {}
    with pytest.raises(api.exceptions.ResourceNotFoundException) as caught:
        call(FunctionName="configs-missing", **given)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    wrong = {"FunctionName": f"{function}:1", "Qualifier": "2", **given}
    if operation.startswith("list"):
        wrong = {"FunctionName": function, "Marker": "?"}
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        call(**wrong)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("MaximumRetryAttempts", 3),
        ("MaximumRetryAttempts", -1),
        ("MaximumEventAgeInSeconds", 59),
        ("MaximumEventAgeInSeconds", 21_601),
        ("DestinationConfig", {"OnFailure": {"Destination": "arn:aws:_-/!lambda:x"}}),
    ],
)
def test_values_out_of_the_models_bounds_are_refused(
    api: Any, function: str, member: str, value: Any
) -> None:
    with pytest.raises(ClientError, match="validation error detected") as caught:
        api.put_function_event_invoke_config(FunctionName=function, **{member: value})
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_event_invoke_configs_of_versions_come_in_pages_and_go_with_them(
    api: Any, server: RunningServer
) -> None:
    name = "configs-event-invoke-versions"
    client = server.create(name, HANDLER)
    for number in ("1", "2", "3"):
        client.update_function_configuration(FunctionName=name, Description=number)
        assert client.publish_version(FunctionName=name)["Version"] == number
        api.put_function_event_invoke_config(
            FunctionName=name, Qualifier=number, MaximumRetryAttempts=int(number) - 1
        )
    pages = api.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 2}
    )
    listed = [[one["FunctionArn"] for one in page["FunctionEventInvokeConfigs"]] for page in pages]
    assert [len(page) for page in listed] == [2, 1]
    assert {arn[-1] for page in listed for arn in page} == {"1", "2", "3"}
    client.delete_function(FunctionName=name, Qualifier="2")
    left = api.list_function_event_invoke_configs(FunctionName=name)
    assert {one["FunctionArn"][-1] for one in left["FunctionEventInvokeConfigs"]} == {"1", "3"}
