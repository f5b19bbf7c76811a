"""Tags of everything that can have them, against the running server.

Golden texts: see tests/control.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, RunningServer

NAME = "configs-tags"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:configs-tags"
MAPPINGS = "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:"
ROUNDS_MAX = 200


@pytest.fixture
def function_arn(server: RunningServer) -> str:
    client = server.client("lambda")
    try:
        found = client.get_function(FunctionName=NAME)
    except client.exceptions.ResourceNotFoundException:
        server.create(NAME, "def handler(event, context): return event")
        found = client.get_function(FunctionName=NAME)
    return str(found["Configuration"]["FunctionArn"])


@pytest.fixture
def mapping_arn(server: RunningServer, function_arn: str) -> str:
    client = server.client("lambda")
    for one in client.list_event_source_mappings(FunctionName=NAME)["EventSourceMappings"]:
        client.delete_event_source_mapping(UUID=one["UUID"])
    server.client("sqs").create_queue(QueueName="configs-tags")
    made = client.create_event_source_mapping(FunctionName=NAME, EventSourceArn=QUEUE)
    return str(made["EventSourceMappingArn"])


@pytest.fixture
def signing_arn(server: RunningServer) -> str:
    client = server.client("lambda")
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/configs_tags"
    made = client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [f"{profile}/0123456789"]}
    )
    return str(made["CodeSigningConfig"]["CodeSigningConfigArn"])


@pytest.fixture
def provider_arn(server: RunningServer) -> str:
    client = server.client("lambda")
    try:
        made = client.get_capacity_provider(CapacityProviderName="configs-tags")
    except client.exceptions.ResourceNotFoundException:
        made = client.create_capacity_provider(
            CapacityProviderName="configs-tags",
            VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
            PermissionsConfig={"CapacityProviderOperatorRoleArn": ROLE},
        )
    return str(made["CapacityProvider"]["CapacityProviderArn"])


@pytest.fixture(params=["function_arn", "mapping_arn", "signing_arn", "provider_arn"])
def resource(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_tags_are_added_changed_listed_and_removed(api: Any, resource: str) -> None:
    for _ in range(2):
        api.tag_resource(Resource=resource, Tags={"a": "1", "b": "2"})
    api.tag_resource(Resource=resource, Tags={"b": "3", "c d": "ü/:="})
    assert api.list_tags(Resource=resource)["Tags"] == {"a": "1", "b": "3", "c d": "ü/:="}
    for _ in range(2):
        api.untag_resource(Resource=resource, TagKeys=["a", "c d"])
    assert api.list_tags(Resource=resource)["Tags"] == {"b": "3"}
    api.untag_resource(Resource=resource, TagKeys=["b"])


def test_tags_that_are_not_taken_change_nothing(api: Any, resource: str) -> None:
    refused = api.exceptions.InvalidParameterValueException
    with pytest.raises(refused, match="Number of tags exceeds resource tag limit"):
        api.tag_resource(Resource=resource, Tags={str(number): "" for number in range(51)})
    with pytest.raises(refused, match="reserved"):
        api.tag_resource(Resource=resource, Tags={"aws:x": "y"})
    with pytest.raises(refused, match="An error occurred and the request cannot be processed"):
        api.tag_resource(Resource=resource, Tags={})
    with pytest.raises(ClientError, match="validation error detected"):
        api.untag_resource(Resource=resource, TagKeys=[])
    assert api.list_tags(Resource=resource)["Tags"] == {}


def test_what_cannot_have_tags_is_said(api: Any, function_arn: str) -> None:
    calls = (
        lambda arn: api.list_tags(Resource=arn),
        lambda arn: api.tag_resource(Resource=arn, Tags={"a": "b"}),
        lambda arn: api.untag_resource(Resource=arn, TagKeys=["a"]),
    )
    for call in calls:
        for arn in (
            f"{function_arn}-missing",
            f"{MAPPINGS}00000000-0000-4000-8000-000000000000",
            MAPPINGS.replace("us-east-1", "eu-west-1") + "00000000-0000-4000-8000-000000000000",
        ):
            with pytest.raises(api.exceptions.ResourceNotFoundException):
                call(arn)
        with pytest.raises(api.exceptions.InvalidParameterValueException, match="aliases"):
            call(f"{function_arn}:$LATEST")
        with pytest.raises(ClientError, match="validation error detected"):
            call("arn:aws:something")


@pytest.mark.parametrize("operation", ["tag_resource", "untag_resource"])
def test_two_changes_of_a_functions_tags_at_once_conflict(
    api: Any, function_arn: str, operation: str
) -> None:
    given = {"Tags": {"a": "b"}} if operation == "tag_resource" else {"TagKeys": ["a"]}

    def change(_: int) -> bool:
        try:
            getattr(api, operation)(Resource=function_arn, **given)
        except api.exceptions.ResourceConflictException:
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        for _ in range(ROUNDS_MAX):
            if any(pool.map(change, range(16))):
                break
        else:
            pytest.fail("no two changes met")
    api.untag_resource(Resource=function_arn, TagKeys=["a"])
