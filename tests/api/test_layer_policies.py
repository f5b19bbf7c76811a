"""Policies of layer versions, against the running server. Golden texts: see tests/control."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import ROLE, RUNTIME, RunningServer, make_zip

CANNOT_OCCUR = {
    ("RemoveLayerVersionPermission", "ResourceConflictException"): (
        "a change that comes during another waits for it instead of being refused"
    ),
}
NAME = "policy-layer"
SHARED = {"Action": "lambda:GetLayerVersion", "Principal": "111122223333"}
PACKAGE = make_zip({"python/policy_layer.py": "X = 1"})


@pytest.fixture
def layer(server: RunningServer) -> dict[str, Any]:
    """A new version of a layer, as parameters name it."""
    answer = server.client("lambda").publish_layer_version(
        LayerName=NAME, Content={"ZipFile": PACKAGE}
    )
    return {"LayerName": NAME, "VersionNumber": answer["Version"]}


def test_a_layer_version_is_shared_with_an_account_and_an_organization(
    api: Any, layer: dict[str, Any]
) -> None:
    first = api.add_layer_version_permission(**layer, **SHARED, StatementId="account")
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 201
    statement = json.loads(first["Statement"])
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    second = api.add_layer_version_permission(
        **layer,
        StatementId="organization",
        Action="lambda:GetLayerVersion",
        Principal="*",
        OrganizationId="o-1234567890",
        RevisionId=first["RevisionId"],
    )
    found = api.get_layer_version_policy(**layer)
    assert found["RevisionId"] == second["RevisionId"]
    document = json.loads(found["Policy"])
    assert (document["Id"], document["Statement"][0]) == ("default", statement)
    assert document["Statement"][1]["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}
    }
    removed = api.remove_layer_version_permission(
        **layer, StatementId="account", RevisionId=found["RevisionId"]
    )
    assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    api.remove_layer_version_permission(**layer, StatementId="organization")
    with pytest.raises(api.exceptions.ResourceNotFoundException, match="No policy is associated"):
        api.get_layer_version_policy(**layer)


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        ({"StatementId": "there"}, "ResourceConflictException", 409),
        ({"RevisionId": "old"}, "PreconditionFailedException", 412),
        ({"VersionNumber": 999}, "ResourceNotFoundException", 404),
        ({"VersionNumber": 0}, "InvalidParameterValueException", 400),
        ({"Action": "lambda:*"}, "ValidationException", 400),
        ({"Principal": "s3.amazonaws.com"}, "ValidationException", 400),
        ({"OrganizationId": "org"}, "ValidationException", 400),
        ({"StatementId": "a b"}, "ValidationException", 400),
    ],
)
def test_a_wrong_layer_permission_is_refused(
    api: Any, layer: dict[str, Any], given: dict[str, Any], code: str, status: int
) -> None:
    api.add_layer_version_permission(**layer, **SHARED, StatementId="there")
    before = api.get_layer_version_policy(**layer)["Policy"]
    with pytest.raises(api.exceptions.ClientError) as refused:
        api.add_layer_version_permission(**{**layer, **SHARED, "StatementId": "new", **given})
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert api.get_layer_version_policy(**layer)["Policy"] == before


def test_a_layers_policy_has_a_bound(api: Any, layer: dict[str, Any]) -> None:
    def add(number: int) -> int:
        sid = f"{number:03d}" + "x" * 97
        added = api.add_layer_version_permission(**layer, **SHARED, StatementId=sid)
        return len(added["Statement"]) + 1  # a comma

    around = len('{"Version":"2012-10-17","Id":"default","Statement":[]}') - 1
    fitting = (20_480 - around) // add(0)
    for number in range(1, fitting):
        add(number)
    with pytest.raises(api.exceptions.PolicyLengthExceededException, match="final policy size"):
        add(fitting)
    found = json.loads(api.get_layer_version_policy(**layer)["Policy"])
    assert len(found["Statement"]) == fitting


def test_errors_of_reading_and_removing_layer_permissions(api: Any, layer: dict[str, Any]) -> None:
    api.add_layer_version_permission(**layer, **SHARED, StatementId="there")
    remove, read = api.remove_layer_version_permission, api.get_layer_version_policy
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        read(**{**layer, "VersionNumber": 0})
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        remove(**{**layer, "VersionNumber": 0}, StatementId="there")
    with pytest.raises(api.exceptions.ResourceNotFoundException, match="does not exist"):
        read(**{**layer, "VersionNumber": 999})
    with pytest.raises(api.exceptions.ResourceNotFoundException, match="is not found in resource"):
        remove(**layer, StatementId="other")
    with pytest.raises(api.exceptions.PreconditionFailedException):
        remove(**layer, StatementId="there", RevisionId="old")


def test_a_layer_of_another_account_cannot_be_attached(api: Any) -> None:
    """This server has one account; nothing says that another's layer is shared with it [LS]."""
    arn = "arn:aws:lambda:us-east-1:111122223333:layer:theirs:1"
    with pytest.raises(api.exceptions.ClientError) as refused:
        api.create_function(
            FunctionName="policy-their-layer",
            Runtime=RUNTIME,
            Handler="app.handler",
            Role=ROLE,
            Code={"ZipFile": make_zip({"app.py": "def handler(e, c): return e"})},
            Layers=[arn],
        )
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "no resource-based policy allows" in refused.value.response["Error"]["Message"]
