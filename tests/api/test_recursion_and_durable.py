"""Recursion configs and durable executions, against the running server."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from lambent.domain.lineage import LOOP_INVOCATIONS_MAX, advance
from tests.api.seen import SUCCESS, recording
from tests.api.test_invoke_async import wait_for_log
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


LOOPS = """
import boto3

def handler(event, context):
    print('turn', event['turn'])
    boto3.client('lambda').invoke(
        FunctionName=context.function_name,
        InvocationType='Event',
        Payload='{"turn": %d}' % (event['turn'] + 1),
    )
"""


def test_a_function_that_invokes_itself_for_ever_is_stopped_after_16_turns(
    api: Any, server: RunningServer
) -> None:
    server.create("configs-loops-end", "def handler(event, context):\n    print(event)\n")
    client = server.create("configs-loops", LOOPS, Timeout=30, MemorySize=256)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:configs-loops-end"
    client.put_function_event_invoke_config(
        FunctionName="configs-loops", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    client.invoke(FunctionName="configs-loops", InvocationType="Event", Payload=b'{"turn": 1}')
    told = wait_for_log(server, "configs-loops-end", "RecursiveInvocation")
    assert "'requestPayload': {'turn': 17}" in told
    assert "turn 16" in wait_for_log(server, "configs-loops", "turn 16")
    assert "turn 17" not in wait_for_log(server, "configs-loops", "turn 16")


@pytest.mark.parametrize("operation", ["Invoke", "InvokeWithResponseStream"])
def test_a_synchronous_invocation_that_is_one_turn_too_many_is_refused(
    server: RunningServer, function: str, operation: str
) -> None:
    looped = b"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"
    for _ in range(LOOP_INVOCATIONS_MAX):
        looped = advance(looped, function)
    client = recording(server.client("lambda"))

    def name_the_chain(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = looped.decode()

    client.meta.events.register(f"before-sign.lambda.{operation}", name_the_chain)
    with pytest.raises(client.exceptions.RecursiveInvocationException) as caught:
        _call(client, operation, FunctionName=function, Payload=b"{}")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    client.put_function_recursion_config(FunctionName=function, RecursiveLoop="Allow")
    answer = _call(client, operation, FunctionName=function, Payload=b"1")
    assert answer["StatusCode"] == 200
    with contextlib.closing(answer["Payload" if operation == "Invoke" else "EventStream"]):
        pass
    client.put_function_recursion_config(FunctionName=function, RecursiveLoop="Terminate")
