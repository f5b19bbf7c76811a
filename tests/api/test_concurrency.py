"""Reserved concurrency and the account's settings by boto3. Texts [LS], unless marked."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.api.answers import refused
from tests.api.seen import recording
from tests.conftest import RunningServer, running
from tests.gate import WAIT, Gate
from tests.system.host import wait_for

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
SLEEPS = f"""{WAIT}
def handler(event, context):
    if "gate" in event:
        wait_at(event["gate"])
    return context.aws_request_id
"""
FUNCTIONS_ONLY = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support "
    "this operation. Please specify either a function name or an unqualified function ARN."
)


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Any:
    return recording(server.client("lambda", parameter_validation=False))


@pytest.fixture(scope="module")
def name(server: RunningServer) -> str:
    server.create("reserved", SLEEPS)
    return "reserved"


def test_what_is_reserved_is_told_everywhere_and_put_back(client: Any, name: str) -> None:
    before = client.get_account_settings()["AccountLimit"]
    answer = client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=7)
    assert answer["ReservedConcurrentExecutions"] == 7
    found = client.get_function_concurrency(FunctionName=name)
    assert found["ReservedConcurrentExecutions"] == 7
    assert client.get_function(FunctionName=name)["Concurrency"] == {
        "ReservedConcurrentExecutions": 7
    }
    after = client.get_account_settings()["AccountLimit"]
    assert after["ConcurrentExecutions"] == before["ConcurrentExecutions"] == 1000
    assert after["UnreservedConcurrentExecutions"] == before["UnreservedConcurrentExecutions"] - 7
    for _ in range(2):  # the second finds nothing, and is quiet
        answer = client.delete_function_concurrency(FunctionName=name)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)
    assert "Concurrency" not in client.get_function(FunctionName=name)


def test_a_reservation_of_zero_stops_the_function(client: Any, name: str) -> None:
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        client.invoke(FunctionName=name)
    answer = caught.value.response
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert answer["Error"]["Message"] == "Rate Exceeded."
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert "retryAfterSeconds" in answer
    client.delete_function_concurrency(FunctionName=name)
    assert client.invoke(FunctionName=name)["StatusCode"] == 200


def test_a_reservation_goes_with_its_function(server: RunningServer, client: Any) -> None:
    before = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    server.create("reserved-gone", SLEEPS)
    client.put_function_concurrency(FunctionName="reserved-gone", ReservedConcurrentExecutions=9)
    client.delete_function(FunctionName="reserved-gone")
    after = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert after == before


def test_a_hundred_stay_unreserved(client: Any, name: str) -> None:
    left = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert refused(
        client.put_function_concurrency,
        FunctionName=name,
        ReservedConcurrentExecutions=left - 99,
    ) == (
        "InvalidParameterValueException",
        400,
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
    )
    assert refused(
        client.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=-1
    )[:2] == ("ValidationException", 400)


def test_only_functions_have_a_reservation(client: Any, name: str) -> None:
    for call, more in (
        (client.put_function_concurrency, {"ReservedConcurrentExecutions": 1}),
        (client.get_function_concurrency, {}),
        (client.delete_function_concurrency, {}),
    ):
        assert refused(call, FunctionName=f"{name}:1", **more) == (
            "InvalidParameterValueException",
            400,
            FUNCTIONS_ONLY,
        )
        assert refused(call, FunctionName="reserved-none", **more) == (
            "ResourceNotFoundException",
            404,
            f"Function not found: {ARN}reserved-none",
        )


def run_many(
    server: RunningServer, client: Any, name: str, count: int, *, at_most: int
) -> Counter[str]:
    """What became of `count` invocations at once: "ran", or the Reason of the 429.

    Those that are let in run until all others are refused.
    """
    gate = Gate(server)

    def one(_: int) -> str:
        try:
            answer = client.invoke(FunctionName=name, Payload=json.dumps({"gate": gate.url}))
        except client.exceptions.TooManyRequestsException as error:
            return str(error.response["Reason"])
        assert "FunctionError" not in answer, answer["Payload"].read()
        answer["Payload"].read()
        return "ran"

    with ThreadPoolExecutor(count) as threads:
        calls = [threads.submit(one, number) for number in range(count)]
        try:
            wait_for(lambda: sum(call.done() for call in calls) >= count - at_most, "refusals")
        finally:
            gate.open(count)
        return Counter(call.result() for call in calls)


def test_a_reservation_is_a_ceiling_and_a_floor(tmp_path: Path) -> None:
    """Others cannot use what is reserved, and the function cannot use more."""
    with running(tmp_path / "data", "--concurrency", "110") as server:
        client = server.create("floor", SLEEPS, Timeout=120)
        server.create("other", SLEEPS, Timeout=120)
        client.put_function_concurrency(FunctionName="floor", ReservedConcurrentExecutions=10)
        assert run_many(server, client, "floor", 25, at_most=10) == {
            "ran": 10,
            "ReservedFunctionConcurrentInvocationLimitExceeded": 15,
        }
        told = run_many(server, client, "other", 120, at_most=100)
        assert told == {"ran": 100, "ConcurrentInvocationLimitExceeded": 20}
        settings = client.get_account_settings()["AccountLimit"]
        assert settings["UnreservedConcurrentExecutions"] == 100


CANNOT_OCCUR = {
    (operation, "ResourceConflictException"): "concurrency can be set while a function changes"
    for operation in ("PutFunctionConcurrency", "DeleteFunctionConcurrency")
}
