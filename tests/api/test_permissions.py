"""Resource policies made statement by statement, against the running server.

Golden texts: see tests/control/test_permissions.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import RunningServer

CANNOT_OCCUR = {
    ("AddPermission", "PublicPolicyException"): (
        "recordings of AWS [LS] show that AddPermission grants to everybody; function URLs of"
        " AuthType NONE need it. Whole documents for everybody are refused: PutResourcePolicy"
    ),
    ("RemovePermission", "PublicPolicyException"): "taking a grant away makes nothing public",
}
HANDLER = "def handler(event, context): return event"
NAME = "policy-permissions"
S3 = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}


@pytest.fixture
def function(server: RunningServer) -> str:
    """A function without a policy."""
    client = server.client("lambda")
    try:
        client.get_function(FunctionName=NAME)
    except client.exceptions.ResourceNotFoundException:
        server.create(NAME, HANDLER)
        client.publish_version(FunctionName=NAME)
    try:
        document = json.loads(client.get_policy(FunctionName=NAME)["Policy"])
    except client.exceptions.ResourceNotFoundException:
        return NAME
    for statement in document["Statement"]:
        client.remove_permission(FunctionName=NAME, StatementId=statement["Sid"])
    return NAME


def test_a_permission_is_added_read_and_removed(api: Any, function: str) -> None:
    added = api.add_permission(
        FunctionName=function,
        StatementId="bucket",
        **S3,
        SourceArn="arn:aws:s3:::uploads",
        SourceAccount="111122223333",
    )
    assert added["ResponseMetadata"]["HTTPStatusCode"] == 201
    statement = json.loads(added["Statement"])
    found = api.get_policy(FunctionName=function)
    assert json.loads(found["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [statement],
    }
    assert statement["Condition"]["ArnLike"] == {"AWS:SourceArn": "arn:aws:s3:::uploads"}
    configuration = api.get_function_configuration(FunctionName=function)
    assert found["RevisionId"] == configuration["RevisionId"]
    removed = api.remove_permission(FunctionName=function, StatementId="bucket")
    assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(api.exceptions.ResourceNotFoundException) as gone:
        api.get_policy(FunctionName=function)
    assert gone.value.response["Error"]["Message"] == "The resource you requested does not exist."


def test_a_version_and_an_alias_have_policies_of_their_own(api: Any, function: str) -> None:
    try:
        api.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    except api.exceptions.ResourceConflictException:
        api.remove_permission(FunctionName=function, StatementId="s3", Qualifier="live")
        api.remove_permission(FunctionName=function, StatementId="s3", Qualifier="1")
    for qualifier in ("1", "live"):
        before = api.get_function_configuration(FunctionName=function)["RevisionId"]
        added = api.add_permission(
            FunctionName=function, StatementId="s3", Qualifier=qualifier, **S3
        )
        resource = json.loads(added["Statement"])["Resource"]
        assert resource.endswith(f":function:{function}:{qualifier}")
        assert api.get_policy(FunctionName=f"{function}:{qualifier}")["Policy"]
        assert api.get_function_configuration(FunctionName=function)["RevisionId"] == before
    alias = api.get_alias(FunctionName=function, Name="live")
    policy = api.get_policy(FunctionName=function, Qualifier="live")
    assert policy["RevisionId"] == alias["RevisionId"]
    api.delete_alias(FunctionName=function, Name="live")
    api.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_policy(FunctionName=function, Qualifier="live")
    api.delete_alias(FunctionName=function, Name="live")
    api.remove_permission(FunctionName=function, StatementId="s3", Qualifier="1")


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        ({"FunctionName": "policy-missing"}, "ResourceNotFoundException", 404),
        ({"Qualifier": "live2"}, "ResourceNotFoundException", 404),
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException", 400),
        ({"Principal": "nobody"}, "InvalidParameterValueException", 400),
        ({"FunctionUrlAuthType": "NONE"}, "InvalidParameterValueException", 400),
        ({"RevisionId": "old"}, "PreconditionFailedException", 412),
        ({"StatementId": "there"}, "ResourceConflictException", 409),
        ({"Action": "s3:GetObject"}, "ValidationException", 400),
        ({"StatementId": "a b"}, "ValidationException", 400),
        ({"SourceAccount": "1"}, "ValidationException", 400),
        ({"PrincipalOrgID": "org"}, "ValidationException", 400),
        ({"FunctionUrlAuthType": "SOME"}, "ValidationException", 400),
        ({"Principal": None}, "ValidationException", 400),
        (
            {"SourceArn": "arn:aws:s3:::" + "x" * 9_980, "SourceAccount": "111122223333"},
            "PolicyLengthExceededException",
            400,
        ),
    ],
)
def test_a_wrong_permission_is_refused_and_the_policy_stays(
    api: Any, function: str, given: dict[str, Any], code: str, status: int
) -> None:
    api.add_permission(FunctionName=function, StatementId="there", **S3)
    big = {"SourceArn": "arn:aws:s3:::" + "y" * 9_980}
    api.add_permission(FunctionName=function, StatementId="big", **S3, **big)
    before = api.get_policy(FunctionName=function)["Policy"]
    asked = {"FunctionName": function, "StatementId": "new", **S3, **given}
    with pytest.raises(api.exceptions.ClientError) as refused:
        api.add_permission(**{key: value for key, value in asked.items() if value is not None})
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert api.get_policy(FunctionName=function)["Policy"] == before


def test_errors_of_removing_and_reading(api: Any, function: str) -> None:
    contradiction = {"FunctionName": f"{function}:1", "Qualifier": "2"}
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        api.get_policy(**contradiction)
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        api.remove_permission(StatementId="s3", **contradiction)
    with pytest.raises(api.exceptions.ResourceNotFoundException, match="No policy is associated"):
        api.remove_permission(FunctionName=function, StatementId="s3")
    api.add_permission(FunctionName=function, StatementId="s3", **S3)
    with pytest.raises(api.exceptions.ResourceNotFoundException, match="is not found in resource"):
        api.remove_permission(FunctionName=function, StatementId="sns")
    with pytest.raises(api.exceptions.PreconditionFailedException):
        api.remove_permission(FunctionName=function, StatementId="s3", RevisionId="old")


def test_a_change_of_the_policy_leaves_warm_environments_warm(
    api: Any, server: RunningServer
) -> None:
    """The function takes a new RevisionId, and is not changed otherwise."""
    name = "policy-warm"
    server.create(name, "import uuid\nMARK = str(uuid.uuid4())\ndef handler(e, c): return MARK")
    first = api.invoke(FunctionName=name)["Payload"].read()
    api.add_permission(FunctionName=name, StatementId="s3", **S3)
    assert api.invoke(FunctionName=name)["Payload"].read() == first
