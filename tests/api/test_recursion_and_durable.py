"""Recursion configs and durable executions, against the running server."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from tests.api.seen import SUCCESS
from tests.conftest import RunningServer

NAME = "configs-recursion"
EXECUTION = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}:1/durable-execution/name/id"

_NONE_EXISTS = "no durable execution ever exists: a function with a DurableConfig is refused"
_QUEUED = "a change that comes during another waits for it instead of being refused"
OF_AN_EXECUTION = (
    "GetDurableExecution",
    "GetDurableExecutionHistory",
    "StopDurableExecution",
    "DeleteDurableExecution",
    "PauseDurableExecution",
    "ResumeDurableExecution",
)
BY_TOKEN = ("CheckpointDurableExecution", "GetDurableExecutionState")
OF_A_CALLBACK = (
    "SendDurableExecutionCallbackSuccess",
    "SendDurableExecutionCallbackFailure",
    "SendDurableExecutionCallbackHeartbeat",
)
_ANSWERED = {"ResourceNotFoundException", "ServiceException", "TooManyRequestsException"}


def _cannot_occur() -> dict[tuple[str, str], str]:
    model = get_session().get_service_model("lambda")
    found = {("PutFunctionRecursionConfig", "ResourceConflictException"): _QUEUED}
    for operation in (*OF_AN_EXECUTION, *BY_TOKEN, *OF_A_CALLBACK):
        found[operation, SUCCESS] = _NONE_EXISTS
        for error in model.operation_model(operation).error_shapes:
            answered = error.name in _ANSWERED or (
                operation in BY_TOKEN and error.name == "InvalidParameterValueException"
            )
            if not answered:
                found[operation, error.name] = _NONE_EXISTS
    return found


CANNOT_OCCUR = _cannot_occur()


@pytest.fixture
def function(server: RunningServer) -> str:
    client = server.client("lambda")
    try:
        client.get_function(FunctionName=NAME)
    except client.exceptions.ResourceNotFoundException:
        server.create(NAME, "def handler(event, context): return event")
    return NAME


def test_a_recursion_config_is_put_and_read(api: Any, function: str) -> None:
    for value in ("Allow", "Allow", "Terminate"):
        put = api.put_function_recursion_config(FunctionName=function, RecursiveLoop=value)
        assert put["RecursiveLoop"] == value
        assert api.get_function_recursion_config(FunctionName=function)["RecursiveLoop"] == value


def test_errors_of_recursion_configs(api: Any, function: str) -> None:
    for call, given in (
        (api.get_function_recursion_config, {}),
        (api.put_function_recursion_config, {"RecursiveLoop": "Allow"}),
    ):
        with pytest.raises(api.exceptions.ResourceNotFoundException, match="Function not found"):
            call(FunctionName="configs-missing", **given)
        with pytest.raises(api.exceptions.InvalidParameterValueException):
            call(FunctionName="n" * 65, **given)
        with pytest.raises(ClientError, match="validation error detected"):
            call(FunctionName=f"{function}:1", **given)
    with pytest.raises(ClientError, match="enum value set"):
        api.put_function_recursion_config(FunctionName=function, RecursiveLoop="Maybe")


def test_a_function_has_no_durable_executions(api: Any, function: str) -> None:
    answer = api.list_durable_executions_by_function(FunctionName=function)
    assert answer["DurableExecutions"] == []
    assert "NextMarker" not in answer
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.list_durable_executions_by_function(FunctionName="configs-missing")
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        api.list_durable_executions_by_function(FunctionName=function, Marker="?")


@pytest.mark.parametrize("operation", OF_AN_EXECUTION)
def test_an_execution_that_nobody_started_is_not_found(api: Any, operation: str) -> None:
    with pytest.raises(ClientError) as caught:
        _call(api, operation, DurableExecutionArn=EXECUTION)
    error = caught.value.response
    assert error["Error"]["Code"] == "ResourceNotFoundException"
    assert EXECUTION in error["Error"]["Message"]
    with pytest.raises(ClientError, match="validation error detected"):
        _call(api, operation, DurableExecutionArn="arn:aws:lambda:x")


@pytest.mark.parametrize("operation", BY_TOKEN)
def test_a_checkpoint_token_that_nobody_gave_is_invalid(api: Any, operation: str) -> None:
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        _call(api, operation, DurableExecutionArn=EXECUTION, CheckpointToken="abcd")


@pytest.mark.parametrize("operation", OF_A_CALLBACK)
def test_a_callback_that_nobody_waits_for_is_not_found(api: Any, operation: str) -> None:
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        _call(api, operation, CallbackId="abcd")


def test_what_would_need_durable_executions_is_refused_by_name(
    api: Any, server: RunningServer, function: str
) -> None:
    with pytest.raises(ClientError, match="DurableConfig"):
        server.create(
            "configs-durable",
            "def handler(event, context): return event",
            DurableConfig={"ExecutionTimeout": 60, "RetentionPeriodInDays": 1},
        )
    with pytest.raises(ClientError, match="durable executions"):
        api.invoke(FunctionName=function, DurableExecutionName="one")


def _call(api: Any, operation: str, **params: Any) -> Any:
    names = {wire: method for method, wire in api.meta.method_to_api_mapping.items()}
    return getattr(api, names[operation])(**params)
