"""Provisioned concurrency by boto3, with real environments. Texts [LS], unless marked."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.answers import refused
from tests.api.seen import recording
from tests.conftest import RunningServer
from tests.gate import WAIT, Gate
from tests.system.host import wait_for
from tests.system.sleepy import begun

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
TELLS = f"""{WAIT}
import uuid
ID = uuid.uuid4().hex

def handler(event, context):
    if "gate" in event:
        print("began")
        wait_at(event["gate"])
    if event.get("exit"):
        os._exit(1)
    return {{"id": ID, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}}
"""


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Any:
    return recording(server.client("lambda", parameter_validation=False))


def publish(server: RunningServer, client: Any, name: str, source: str = TELLS) -> None:
    """A function with version 1."""
    server.create(name, source, Timeout=60)
    client.publish_version(FunctionName=name)


def provision(client: Any, name: str, qualifier: str, units: int) -> Any:
    answer = client.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=units
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    return answer


def wait(
    client: Any, name: str, qualifier: str, reached: Callable[[Any], bool] | str = "READY"
) -> Any:
    """The config once it has that status, or once `reached` holds."""
    deadline = time.monotonic() + 90
    while True:
        found = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)
        done = found["Status"] == reached if isinstance(reached, str) else reached(found)
        if done:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def invoke(client: Any, name: str, qualifier: str, **event: Any) -> dict[str, Any]:
    answer = client.invoke(
        FunctionName=name, Qualifier=qualifier, Payload=json.dumps(event), LogType="Tail"
    )
    payload: dict[str, Any] = json.load(answer["Payload"])
    return {**payload, "log": answer["LogResult"]}


def at_once(server: RunningServer, client: Any, name: str, count: int) -> list[dict[str, Any]]:
    """So many invocations of version 1 that run at the same time."""
    gate = Gate(server)
    with ThreadPoolExecutor(count) as threads:
        calls = [threads.submit(invoke, client, name, "1", gate=gate.url) for _ in range(count)]
        try:
            wait_for(lambda: begun(server, name) == count, "all of them to run")
        finally:
            gate.open(count)
        return [one.result() for one in calls]


def test_it_is_in_progress_and_then_ready_with_environments_that_are_initialised(
    server: RunningServer, client: Any
) -> None:
    publish(server, client, "prov-ready")
    answer = provision(client, "prov-ready", "1", 3)
    assert answer["Status"] == "IN_PROGRESS"
    assert answer["RequestedProvisionedConcurrentExecutions"] == 3
    assert answer["AllocatedProvisionedConcurrentExecutions"] == 0
    found = wait(client, "prov-ready", "1")
    assert found["RequestedProvisionedConcurrentExecutions"] == 3
    assert found["AllocatedProvisionedConcurrentExecutions"] == 3
    assert found["AvailableProvisionedConcurrentExecutions"] == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", found["LastModified"])
    told = at_once(server, client, "prov-ready", 3)
    assert {one["type"] for one in told} == {"provisioned-concurrency"}
    assert len({one["id"] for one in told}) == 3


def test_its_report_has_no_init_duration_and_what_spills_over_has(
    server: RunningServer, client: Any
) -> None:
    import base64

    publish(server, client, "prov-spill")
    provision(client, "prov-spill", "1", 1)
    wait(client, "prov-spill", "1")
    told = at_once(server, client, "prov-spill", 2)
    by_type = {one["type"]: base64.b64decode(one["log"]).decode() for one in told}
    assert "Init Duration" not in by_type["provisioned-concurrency"]
    assert "Init Duration" in by_type["on-demand"]


def test_an_environment_that_dies_is_replaced(server: RunningServer, client: Any) -> None:
    publish(server, client, "prov-dies")
    provision(client, "prov-dies", "1", 2)
    wait(client, "prov-dies", "1")
    answer = client.invoke(
        FunctionName="prov-dies", Qualifier="1", Payload=json.dumps({"exit": True})
    )
    assert "Runtime.ExitError" in answer["Payload"].read().decode()
    wait(client, "prov-dies", "1")
    told = [invoke(client, "prov-dies", "1") for _ in range(2)]
    assert {one["type"] for one in told} == {"provisioned-concurrency"}


def test_an_init_that_fails_is_told_as_failed(server: RunningServer, client: Any) -> None:
    publish(server, client, "prov-broken", "raise ValueError('no')\n")
    provision(client, "prov-broken", "1", 2)
    found = wait(client, "prov-broken", "1", "FAILED")
    assert found["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert found["AllocatedProvisionedConcurrentExecutions"] == 0


def test_it_follows_its_alias_and_the_old_version_keeps_its_until_the_new_ones_are_ready(
    server: RunningServer, client: Any
) -> None:
    publish(server, client, "prov-alias")
    client.update_function_configuration(FunctionName="prov-alias", Description="second")
    client.publish_version(FunctionName="prov-alias")
    client.create_alias(FunctionName="prov-alias", Name="live", FunctionVersion="1")
    provision(client, "prov-alias", "live", 2)
    wait(client, "prov-alias", "live")
    assert invoke(client, "prov-alias", "1")["type"] == "provisioned-concurrency"
    client.update_alias(FunctionName="prov-alias", Name="live", FunctionVersion="2")
    wait(client, "prov-alias", "live")
    assert invoke(client, "prov-alias", "live")["type"] == "provisioned-concurrency"
    deadline = time.monotonic() + 90
    while invoke(client, "prov-alias", "1")["type"] != "on-demand":
        assert time.monotonic() < deadline


def test_more_and_fewer_can_be_asked_for(server: RunningServer, client: Any) -> None:
    publish(server, client, "prov-more")
    for units in (1, 4, 2):
        provision(client, "prov-more", "1", units)
        found = wait(client, "prov-more", "1")
        assert found["AllocatedProvisionedConcurrentExecutions"] == units


def test_without_it_there_is_none(server: RunningServer, client: Any) -> None:
    publish(server, client, "prov-delete")
    provision(client, "prov-delete", "1", 1)
    wait(client, "prov-delete", "1")
    for _ in range(2):  # the second finds nothing, and is quiet
        client.delete_provisioned_concurrency_config(FunctionName="prov-delete", Qualifier="1")
    assert refused(
        client.get_provisioned_concurrency_config, FunctionName="prov-delete", Qualifier="1"
    ) == (
        "ProvisionedConcurrencyConfigNotFoundException",
        404,
        "No Provisioned Concurrency Config found for this function",
    )
    assert invoke(client, "prov-delete", "1")["type"] == "on-demand"


def test_the_configs_of_a_function_are_listed_in_pages(server: RunningServer, client: Any) -> None:
    publish(server, client, "prov-list")
    client.update_function_configuration(FunctionName="prov-list", Description="second")
    client.publish_version(FunctionName="prov-list")
    client.create_alias(FunctionName="prov-list", Name="live", FunctionVersion="2")
    provision(client, "prov-list", "1", 1)
    provision(client, "prov-list", "live", 2)
    pages = client.get_paginator("list_provisioned_concurrency_configs").paginate(
        FunctionName="prov-list", PaginationConfig={"PageSize": 1}
    )
    found = [one for page in pages for one in page["ProvisionedConcurrencyConfigs"]]
    assert [
        (one["FunctionArn"], one["RequestedProvisionedConcurrentExecutions"]) for one in found
    ] == [(f"{ARN}prov-list:1", 1), (f"{ARN}prov-list:live", 2)]


def test_it_goes_with_its_version_and_its_alias(server: RunningServer, client: Any) -> None:
    publish(server, client, "prov-gone")
    client.create_alias(FunctionName="prov-gone", Name="live", FunctionVersion="1")
    provision(client, "prov-gone", "live", 1)
    client.delete_alias(FunctionName="prov-gone", Name="live")
    listed = client.list_provisioned_concurrency_configs(FunctionName="prov-gone")
    assert listed["ProvisionedConcurrencyConfigs"] == []
    provision(client, "prov-gone", "1", 1)
    client.delete_function(FunctionName="prov-gone", Qualifier="1")
    listed = client.list_provisioned_concurrency_configs(FunctionName="prov-gone")
    assert listed["ProvisionedConcurrencyConfigs"] == []


@pytest.fixture(scope="module")
def plain(server: RunningServer, client: Any) -> str:
    """A function with version 1 and the alias `live` to it."""
    publish(server, client, "prov-plain")
    client.create_alias(FunctionName="prov-plain", Name="live", FunctionVersion="1")
    client.create_alias(FunctionName="prov-plain", Name="latest", FunctionVersion="$LATEST")
    return "prov-plain"


UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."


@pytest.mark.parametrize("qualifier", ["$LATEST", "latest"])
def test_latest_takes_none(client: Any, plain: str, qualifier: str) -> None:
    assert refused(
        client.put_provisioned_concurrency_config,
        FunctionName=plain,
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=1,
    ) == ("InvalidParameterValueException", 400, UNPUBLISHED)
    for call in (
        client.get_provisioned_concurrency_config,
        client.delete_provisioned_concurrency_config,
    ):
        assert refused(call, FunctionName=plain, Qualifier=qualifier)[0] == (
            "InvalidParameterValueException"
        )


def test_a_version_has_one_config(client: Any, plain: str) -> None:
    provision(client, plain, "1", 1)
    assert refused(
        client.put_provisioned_concurrency_config,
        FunctionName=plain,
        Qualifier="live",
        ProvisionedConcurrentExecutions=1,
    ) == (
        "ResourceConflictException",
        409,
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned "
        "version",
    )
    client.delete_provisioned_concurrency_config(FunctionName=plain, Qualifier="1")
    provision(client, plain, "live", 1)
    code, status, message = refused(
        client.put_provisioned_concurrency_config,
        FunctionName=plain,
        Qualifier="1",
        ProvisionedConcurrentExecutions=1,
    )
    assert (code, status) == ("ResourceConflictException", 409)
    assert message == "Version is pointed by a Provisioned Concurrency alias"
    client.delete_provisioned_concurrency_config(FunctionName=plain, Qualifier="live")


def test_it_must_fit_into_what_is_unreserved_and_into_what_is_reserved(
    client: Any, plain: str
) -> None:
    put = client.put_provisioned_concurrency_config
    wanted = {"FunctionName": plain, "Qualifier": "1"}
    code, _, message = refused(put, **wanted, ProvisionedConcurrentExecutions=1001)
    assert code == "InvalidParameterValueException"
    assert message.startswith(
        "Specified ConcurrentExecutions for function is greater than account's unreserved "
        "concurrency ["
    )
    code, _, message = refused(put, **wanted, ProvisionedConcurrentExecutions=950)
    assert code == "InvalidParameterValueException"
    assert message == (
        "Specified ConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )
    client.put_function_concurrency(FunctionName=plain, ReservedConcurrentExecutions=2)
    assert refused(put, **wanted, ProvisionedConcurrentExecutions=3) == (
        "InvalidParameterValueException",
        400,
        "Requested Provisioned Concurrency should not be greater than the "
        "reservedConcurrentExecution for function",
    )
    client.delete_function_concurrency(FunctionName=plain)
    assert refused(put, **wanted, ProvisionedConcurrentExecutions=0)[0] == "ValidationException"


def test_what_is_not_there_is_not_found(client: Any, plain: str) -> None:
    for call, more in (
        (client.put_provisioned_concurrency_config, {"ProvisionedConcurrentExecutions": 1}),
        (client.get_provisioned_concurrency_config, {}),
        (client.delete_provisioned_concurrency_config, {}),
    ):
        code, status, message = refused(call, FunctionName="prov-none", Qualifier="1", **more)
        assert (code, status) == ("ResourceNotFoundException", 404)
        assert message == f"Function not found: {ARN}prov-none:1"
        code, _, message = refused(call, FunctionName=plain, Qualifier="7", **more)
        assert (code, message) == (
            "ResourceNotFoundException",
            f"Function not found: {ARN}{plain}:7",
        )
        code, _, message = refused(call, FunctionName=plain, Qualifier="nobody", **more)
        assert (code, message) == (
            "ResourceNotFoundException",
            f"Cannot find alias arn: {ARN}{plain}:nobody",
        )
    code, status, _ = refused(client.list_provisioned_concurrency_configs, FunctionName="prov-none")
    assert (code, status) == ("ResourceNotFoundException", 404)
    code, status, _ = refused(
        client.list_provisioned_concurrency_configs, FunctionName=f"{plain}:1"
    )
    assert (code, status) == ("InvalidParameterValueException", 400)


CANNOT_OCCUR = {
    ("DeleteProvisionedConcurrencyConfig", "ResourceConflictException"): (
        "a config can be deleted at any time"
    ),
}
