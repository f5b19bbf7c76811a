"""Capacity providers, against the running server. Golden texts: none are known of AWS."""

from __future__ import annotations

from typing import Any

import pytest

CANNOT_OCCUR = {
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
    for name in names:
        api.create_capacity_provider(CapacityProviderName=name, **GIVEN)
    with pytest.raises(api.exceptions.CapacityProviderLimitExceededException):
        api.create_capacity_provider(CapacityProviderName="policy-one-too-many", **GIVEN)
    found = listed(api)
    assert len(found) == 1_000
    assert set(names) <= {arn.rpartition(":")[2] for arn in found}
    assert api.list_capacity_providers(State="Failed")["CapacityProviders"] == []
    for name in names:
        api.delete_capacity_provider(CapacityProviderName=name)
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        api.list_capacity_providers(Marker="?")


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
