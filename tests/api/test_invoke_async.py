"""Asynchronous invocation through boto3: 202, the event runs, and what is refused.

Source: botocore's model, Invoke and InvokeAsync; texts [LS].
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.session import get_session

from tests.api.answers import refused
from tests.api.seen import recording
from tests.api.test_invoke import NOWHERE
from tests.conftest import RunningServer, missing_runtime

ECHO = """
def handler(event, context):
    print('ran', context.aws_request_id, event)
    return event
"""
MIB = 1024 * 1024

CANNOT_OCCUR = {
    ("InvokeAsync", error.name): NOWHERE[error.name]
    for error in get_session()
    .get_service_model("lambda")
    .operation_model("InvokeAsync")
    .error_shapes
    if error.name in NOWHERE
} | {("InvokeAsync", "ModeNotSupportedException"): "no function is for one mode of invocation only"}


def wait_for_log(server: RunningServer, name: str, text: str) -> str:
    """The function's log once `text` is in it."""
    logs = server.client("logs")
    deadline = time.monotonic() + 60
    while True:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            found = []
        told = "".join(event["message"] for event in found)
        if text in told:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.02)


def send(client: Any, name: str, **params: Any) -> Any:
    """The answer to an Event invocation, its body read."""
    answer = client.invoke(FunctionName=name, InvocationType="Event", **params)
    assert answer["Payload"].read() == b""
    return answer


@pytest.fixture(scope="module")
def lambda_(server: RunningServer) -> Any:
    server.create("async-echo", ECHO)
    return recording(server.client("lambda", parameter_validation=False))


def test_an_event_is_accepted_with_202_and_an_empty_body_and_runs(
    server: RunningServer, lambda_: Any
) -> None:
    answer = send(lambda_, "async-echo", Payload=b'{"n": "first"}')
    assert answer["StatusCode"] == 202
    assert "ExecutedVersion" not in answer
    request_id = answer["ResponseMetadata"]["RequestId"]
    wait_for_log(server, "async-echo", f"ran {request_id} {{'n': 'first'}}")


def test_invoke_async_of_2014_does_the_same(server: RunningServer, lambda_: Any) -> None:
    answer = lambda_.invoke_async(FunctionName="async-echo", InvokeArgs=b'{"n": "2014"}')
    assert answer["Status"] == 202
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    wait_for_log(server, "async-echo", "'n': '2014'")


def test_an_event_without_a_body_is_an_empty_object(server: RunningServer, lambda_: Any) -> None:
    send(lambda_, "async-echo")
    wait_for_log(server, "async-echo", "{}")


def test_an_event_may_have_one_mebibyte_and_not_one_byte_more(lambda_: Any) -> None:
    fits = json.dumps("x" * (MIB - 2)).encode()
    answer = send(lambda_, "async-echo", Payload=fits)
    assert answer["StatusCode"] == 202
    code, status, message = refused(
        lambda_.invoke, FunctionName="async-echo", InvocationType="Event", Payload=fits + b" "
    )
    assert (code, status) == ("RequestTooLargeException", 413)
    assert str(MIB) in message


def test_invoke_async_takes_256_kib(lambda_: Any) -> None:
    fits = json.dumps("x" * (MIB // 4 - 2)).encode()
    lambda_.invoke_async(FunctionName="async-echo", InvokeArgs=fits)
    code, status, _ = refused(
        lambda_.invoke_async, FunctionName="async-echo", InvokeArgs=fits + b" "
    )
    assert (code, status) == ("RequestTooLargeException", 413)


@pytest.mark.parametrize("operation", ["invoke", "invoke_async"])
def test_an_event_that_is_not_json_is_refused(lambda_: Any, operation: str) -> None:
    params = (
        {"InvocationType": "Event", "Payload": b"{no"}
        if operation == "invoke"
        else {"InvokeArgs": b"{no"}
    )
    code, status, message = refused(
        getattr(lambda_, operation), FunctionName="async-echo", **params
    )
    assert (code, status) == ("InvalidRequestContentException", 400)
    assert message.startswith("Could not parse request body into json: ")


def test_an_event_for_no_function_is_not_found(lambda_: Any) -> None:
    for call, params in (
        (lambda_.invoke, {"InvocationType": "Event"}),
        (lambda_.invoke_async, {"InvokeArgs": b"{}"}),
    ):
        code, status, message = refused(call, FunctionName="async-not-there", **params)
        assert (code, status) == ("ResourceNotFoundException", 404)
        assert message.startswith("Function not found: arn:aws:lambda:")


def test_a_function_that_cannot_run_takes_no_event(server: RunningServer, lambda_: Any) -> None:
    server.create("async-failed", ECHO, Runtime=missing_runtime(server))
    code, status, _ = refused(lambda_.invoke_async, FunctionName="async-failed", InvokeArgs=b"{}")
    assert (code, status) == ("ResourceConflictException", 409)


def test_on_success_the_destination_function_gets_the_record(
    server: RunningServer, lambda_: Any
) -> None:
    server.create("async-source", ECHO)
    server.create("async-target", ECHO)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:async-target"
    lambda_.put_function_event_invoke_config(
        FunctionName="async-source", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    send(lambda_, "async-source", Payload=b'{"n": 7}')
    told = wait_for_log(server, "async-target", "'condition': 'Success'")
    assert "'requestPayload': {'n': 7}" in told
    assert "'responsePayload': {'n': 7}" in told


def test_a_function_that_fails_is_recorded_at_its_on_failure_destination(
    server: RunningServer, lambda_: Any
) -> None:
    server.create("async-raises", "def handler(event, context):\n    raise ValueError('no')\n")
    server.create("async-failures", ECHO)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:async-failures"
    lambda_.put_function_event_invoke_config(
        FunctionName="async-raises",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    send(lambda_, "async-raises", Payload=b"{}")
    told = wait_for_log(server, "async-failures", "RetriesExhausted")
    assert "'functionError': 'Unhandled'" in told
    assert "'errorType': 'ValueError'" in told


def test_an_event_for_a_function_with_no_concurrency_is_recorded_at_once(
    server: RunningServer, lambda_: Any
) -> None:
    for name in ("async-blocked", "async-blocked-end"):
        server.create(name, ECHO)
    lambda_.put_function_concurrency(FunctionName="async-blocked", ReservedConcurrentExecutions=0)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:async-blocked-end"
    lambda_.put_function_event_invoke_config(
        FunctionName="async-blocked", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    assert send(lambda_, "async-blocked", Payload=b"{}")["StatusCode"] == 202
    told = wait_for_log(server, "async-blocked-end", "ZeroReservedConcurrency")
    assert "'approximateInvokeCount': 0" in told
    lambda_.delete_function_concurrency(FunctionName="async-blocked")
