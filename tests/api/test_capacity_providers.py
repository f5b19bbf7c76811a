"""Capacity providers, against the running server. Golden texts: none are known of AWS."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import RUNTIME, RunningServer, make_zip
from tests.system.host import wait_for

CANNOT_OCCUR = {
    ("PutFunctionScalingConfig", "ResourceConflictException"): (
        "a published version is Active, and a change waits for the one before it"
    ),
    ("UpdateCapacityProvider", "ResourceConflictException"): (
        "a provider is Active as soon as it is on disk, so no change of it is ever under way"
    ),
}
ROLE = {"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/operator"}
VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
GIVEN: dict[str, Any] = {"VpcConfig": VPC, "PermissionsConfig": ROLE}
ARN = "arn:aws:lambda:us-east-1:000000000000:capacity-provider:"
ELSEWHERE = "arn:aws:lambda:eu-west-1:000000000000:capacity-provider:x"


def create(api: Any, name: str, **more: Any) -> dict[str, Any]:
    """What CreateCapacityProvider shows; one of an earlier test is replaced."""
    try:
        api.delete_capacity_provider(CapacityProviderName=name)
    except api.exceptions.ResourceNotFoundException:
        pass
    answer = api.create_capacity_provider(CapacityProviderName=name, **GIVEN, **more)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    provider: dict[str, Any] = answer["CapacityProvider"]
    return provider


def test_a_capacity_provider_is_created_read_changed_and_deleted(api: Any) -> None:
    scaling = {"MaxVCpuCount": 16, "ScalingMode": "Auto"}
    created = create(api, "policy-lifecycle", CapacityProviderScalingConfig=scaling)
    assert (created["State"], created["CapacityProviderArn"]) == (
        "Pending",
        ARN + "policy-lifecycle",
    )
    found = api.get_capacity_provider(CapacityProviderName=ARN + "policy-lifecycle")
    assert found["CapacityProvider"] == {**created, "State": "Active"}
    manual = {
        "ScalingMode": "Manual",
        "ScalingPolicies": [
            {
                "PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization",
                "TargetValue": 50.0,
            }
        ],
    }
    updated = api.update_capacity_provider(
        CapacityProviderName="policy-lifecycle",
        CapacityProviderScalingConfig=manual,
        PropagateTags={"Mode": "Explicit", "ExplicitTags": {"team": "a"}},
        TelemetryConfig={"LoggingConfig": {"SystemLogLevel": "INFO"}},
    )["CapacityProvider"]
    assert updated["CapacityProviderScalingConfig"] == manual
    assert updated["PropagateTags"]["ExplicitTags"] == {"team": "a"}
    assert updated["VpcConfig"] == VPC
    deleted = api.delete_capacity_provider(CapacityProviderName="policy-lifecycle")
    assert deleted["CapacityProvider"]["State"] == "Deleting"
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_capacity_provider(CapacityProviderName="policy-lifecycle")


def test_capacity_providers_have_tags(api: Any) -> None:
    arn = create(api, "policy-tagged", Tags={"a": "1"})["CapacityProviderArn"]
    api.tag_resource(Resource=arn, Tags={"b": "2"})
    api.untag_resource(Resource=arn, TagKeys=["a"])
    assert api.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    api.delete_capacity_provider(CapacityProviderName="policy-tagged")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.list_tags(Resource=arn)


def test_capacity_providers_are_listed_in_pages_up_to_the_limit(api: Any) -> None:
    """[DG] 1,000 in an account."""
    there = len(listed(api))
    names = [f"policy-many-{number:04d}" for number in range(1_000 - there)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: api.create_capacity_provider(**named(name)), names))
    with pytest.raises(api.exceptions.CapacityProviderLimitExceededException):
        api.create_capacity_provider(CapacityProviderName="policy-one-too-many", **GIVEN)
    found = listed(api)
    assert len(found) == 1_000
    assert set(names) <= {arn.rpartition(":")[2] for arn in found}
    assert api.list_capacity_providers(State="Failed")["CapacityProviders"] == []
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(lambda name: api.delete_capacity_provider(CapacityProviderName=name), names)
        )
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        api.list_capacity_providers(Marker="?")


def named(name: str) -> dict[str, Any]:
    return {"CapacityProviderName": name, **GIVEN}


def listed(api: Any) -> list[str]:
    pages = api.get_paginator("list_capacity_providers").paginate(MaxItems=50)
    return [one["CapacityProviderArn"] for page in pages for one in page["CapacityProviders"]]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"CapacityProviderName": "policy-there"}, "ResourceConflictException"),
        ({"CapacityProviderName": ELSEWHERE}, "InvalidParameterValueException"),
        ({"CapacityProviderName": "a b"}, "ValidationException"),
        ({"VpcConfig": None}, "ValidationException"),
        ({"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}}, "ValidationException"),
        (
            {"InstanceRequirements": {"Architectures": ["mips"]}},
            "ValidationException",
        ),
        (
            {
                "InstanceRequirements": {
                    "AllowedInstanceTypes": ["m8g.large"],
                    "ExcludedInstanceTypes": ["c8g.large"],
                }
            },
            "InvalidParameterValueException",
        ),
        (
            {"CapacityProviderScalingConfig": {"ScalingMode": "Manual"}},
            "InvalidParameterValueException",
        ),
        ({"CapacityProviderScalingConfig": {"MaxVCpuCount": 1}}, "ValidationException"),
        ({"PropagateTags": {"Mode": "Explicit"}}, "InvalidParameterValueException"),
        (
            {"PropagateTags": {"Mode": "None", "ExplicitTags": {"a": "1"}}},
            "InvalidParameterValueException",
        ),
        ({"Tags": {f"k{n}": "v" for n in range(51)}}, "InvalidParameterValueException"),
    ],
)
def test_a_wrong_capacity_provider_is_refused(api: Any, given: dict[str, Any], code: str) -> None:
    create(api, "policy-there")
    asked = {"CapacityProviderName": "policy-wrong", **GIVEN, **given}
    with pytest.raises(api.exceptions.ClientError) as refused:
        api.create_capacity_provider(**{k: v for k, v in asked.items() if v is not None})
    assert refused.value.response["Error"]["Code"] == code
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_capacity_provider(CapacityProviderName="policy-wrong")


@pytest.mark.parametrize(
    "operation",
    [
        "get_capacity_provider",
        "update_capacity_provider",
        "delete_capacity_provider",
        "list_function_versions_by_capacity_provider",
    ],
)
def test_errors_of_capacity_providers_that_are_not_there(api: Any, operation: str) -> None:
    call = getattr(api, operation)
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        call(CapacityProviderName="policy-missing")
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        call(CapacityProviderName=ELSEWHERE)


def test_a_wrong_change_of_a_capacity_provider_is_refused(api: Any) -> None:
    create(api, "policy-changed")
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        api.update_capacity_provider(
            CapacityProviderName="policy-changed", PropagateTags={"Mode": "Explicit"}
        )
    found = api.get_capacity_provider(CapacityProviderName="policy-changed")
    assert "PropagateTags" not in found["CapacityProvider"]


PUBLISHED = "$LATEST.PUBLISHED"
HANDLER = """
def handler(event, context):
    return event
"""


def put_on_provider(server: RunningServer, api: Any, name: str) -> None:
    """A function with version 1, on the provider of its name."""
    arn = create(api, name)["CapacityProviderArn"]
    config = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn}}
    server.create(name, HANDLER, MemorySize=2048, CapacityProviderConfig=config, Timeout=30)
    api.publish_version(FunctionName=name)


def test_a_version_has_no_more_environments_than_its_scaling_config_says(
    api: Any, server: RunningServer
) -> None:
    """Four clients at once: one environment serves them, or they are throttled."""
    name = "policy-scaled"
    put_on_provider(server, api, name)
    where = {"FunctionName": name, "Qualifier": "1"}
    limit = {"MinExecutionEnvironments": 0, "MaxExecutionEnvironments": 0}
    api.put_function_scaling_config(**where, FunctionScalingConfig=limit)
    with pytest.raises(api.exceptions.TooManyRequestsException):
        api.invoke(**where)
    limit["MaxExecutionEnvironments"] = 1
    put = api.put_function_scaling_config(**where, FunctionScalingConfig=limit)
    assert (put["FunctionState"], put["ResponseMetadata"]["HTTPStatusCode"]) == ("Active", 202)
    assert api.invoke(**where)["StatusCode"] == 200
    answers: list[int] = []
    barrier = threading.Barrier(4)

    def call() -> None:
        client = server.client("lambda")
        barrier.wait()
        for _ in range(10):
            try:
                answers.append(client.invoke(**where)["StatusCode"])
            except client.exceptions.TooManyRequestsException:
                answers.append(429)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 200 in answers
    streams = server.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")
    assert len(streams["logStreams"]) == 1  # one for each environment
    with pytest.raises(api.exceptions.ResourceConflictException):
        api.delete_capacity_provider(CapacityProviderName=name)
    found = api.get_function_scaling_config(**where)
    assert found["AppliedFunctionScalingConfig"] == limit
    listed_ = api.list_function_versions_by_capacity_provider(CapacityProviderName=name)
    assert [one["FunctionArn"][-2:] for one in listed_["FunctionVersions"]] == [":1"]


def test_errors_of_scaling_configs(api: Any, server: RunningServer) -> None:
    name = "policy-scaling-errors"
    put_on_provider(server, api, name)
    missing = {"FunctionName": name, "Qualifier": PUBLISHED}
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.put_function_scaling_config(**missing)
    api.publish_version(FunctionName=name, PublishTo="LATEST_PUBLISHED")
    server.create("policy-plain", HANDLER)
    api.publish_version(FunctionName="policy-plain")
    for call in (api.put_function_scaling_config, api.get_function_scaling_config):
        with pytest.raises(api.exceptions.ResourceNotFoundException):
            call(FunctionName="policy-missing", Qualifier="1")
        with pytest.raises(api.exceptions.InvalidParameterValueException):
            call(FunctionName="policy-plain", Qualifier="1")
        with pytest.raises(api.exceptions.ClientError, match="ValidationException"):
            call(FunctionName=name, Qualifier="live")
    with pytest.raises(api.exceptions.InvalidParameterValueException, match="below its minimum"):
        api.put_function_scaling_config(
            FunctionName=name,
            Qualifier=PUBLISHED,
            FunctionScalingConfig={"MinExecutionEnvironments": 901},
        )


def environments(server: RunningServer, name: str) -> set[str]:
    """The log streams of a function: one for each environment that there was."""
    client = server.client("logs")
    try:
        found = client.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    except client.exceptions.ResourceNotFoundException:
        return set()
    return {one["logStreamName"] for one in found}


def test_a_minimum_of_environments_is_held_before_anybody_calls(
    api: Any, server: RunningServer
) -> None:
    """Also of $LATEST.PUBLISHED, and of what takes its place."""
    name = "policy-minimum"
    put_on_provider(server, api, name)
    config = {"MinExecutionEnvironments": 2, "MaxExecutionEnvironments": 4}
    where = {"FunctionName": name, "Qualifier": PUBLISHED}
    api.publish_version(FunctionName=name, PublishTo="LATEST_PUBLISHED")
    api.put_function_scaling_config(**where, FunctionScalingConfig=config)
    wait_for(lambda: len(environments(server, name)) == 2, "two environments")
    answer = api.invoke(**where, Payload=b"1")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, PUBLISHED)
    assert len(environments(server, name)) == 2
    api.update_function_configuration(FunctionName=name, Description="another")
    api.publish_version(FunctionName=name, PublishTo="LATEST_PUBLISHED")
    wait_for(lambda: len(environments(server, name)) == 4, "two new environments")
    api.put_function_scaling_config(**where)
    api.delete_function(FunctionName=name)


def test_a_provider_holds_no_more_than_100_versions(api: Any, server: RunningServer) -> None:
    """[DG] Lambda Managed Instances quotas."""
    name = "policy-hundred"
    put_on_provider(server, api, name)
    latest = {"FunctionName": name, "MemorySize": 2048}
    for number in range(99):
        api.update_function_configuration(**latest, Description=str(number))
        api.publish_version(FunctionName=name)
    api.update_function_configuration(**latest, Description="one more")
    limit = api.exceptions.FunctionVersionsPerCapacityProviderLimitExceededException
    with pytest.raises(limit):
        api.publish_version(FunctionName=name)
    arn = api.get_capacity_provider(CapacityProviderName=name)["CapacityProvider"]
    on_it = {"CapacityProviderArn": arn["CapacityProviderArn"]}
    with pytest.raises(limit):
        api.create_function(
            FunctionName="policy-hundred-and-one",
            Runtime=RUNTIME,
            Handler="app.handler",
            Role=ROLE["CapacityProviderOperatorRoleArn"],
            Code={"ZipFile": make_zip({"app.py": HANDLER})},
            MemorySize=2048,
            Publish=True,
            CapacityProviderConfig={"LambdaManagedInstancesCapacityProviderConfig": on_it},
        )
    api.delete_function(FunctionName=name)
