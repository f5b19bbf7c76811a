"""Resource policies of functions and layers.

Golden forms and texts are [LS], recorded from AWS; those that are not say so.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lambent.policy.evaluator import AccessRequest, Decision, evaluate
from lambent.policy.principal import ANONYMOUS, service_principal
from tests.control.scene import ARN, LAYER_ARN, OTHER_CODE, Scene, play

S3 = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
NO_POLICY = ("ResourceNotFoundException", "The resource you requested does not exist.")


async def add(scene: Scene, sid: str = "s3", **params: Any) -> dict[str, Any]:
    """The statement that AddPermission answers."""
    given = {"FunctionName": "f", "StatementId": sid, **S3, **params}
    answer = await scene.call("AddPermission", **given)
    statement: dict[str, Any] = json.loads(answer["Statement"])
    return statement


async def policy(scene: Scene, **params: Any) -> dict[str, Any]:
    answer = await scene.call("GetPolicy", **{"FunctionName": "f", **params})
    document: dict[str, Any] = json.loads(answer["Policy"])
    return document


async def revision(scene: Scene, **params: Any) -> str:
    answer = await scene.call("GetFunctionConfiguration", **{"FunctionName": "f", **params})
    return str(answer["RevisionId"])


def test_a_statement_looks_as_awss_does(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        bucket = {"SourceArn": "arn:aws:s3:::b", "SourceAccount": "111122223333"}
        statement = await add(scene, **bucket)
        assert statement == {
            "Sid": "s3",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": ARN + "f",
            "Condition": {
                "StringEquals": {"AWS:SourceAccount": "111122223333"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
            },
        }
        assert await policy(scene) == {
            "Version": "2012-10-17",
            "Id": "default",
            "Statement": [statement],
        }
        raw = (await scene.call("GetPolicy", FunctionName="f"))["Policy"]
        assert raw.startswith('{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s3",')

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("given", "principal", "condition"),
    [
        ({"Principal": "*"}, "*", None),
        (
            {"Principal": "111122223333"},
            {"AWS": "arn:aws:iam::111122223333:root"},
            None,
        ),
        (
            {"Principal": "arn:aws:iam::111122223333:role/r"},
            {"AWS": "arn:aws:iam::111122223333:role/r"},
            None,
        ),
        (
            {"Principal": "*", "PrincipalOrgID": "o-1234567890"},
            "*",
            {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
        ),
        (
            {
                "Principal": "*",
                "Action": "lambda:InvokeFunctionUrl",
                "FunctionUrlAuthType": "NONE",
            },
            "*",
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
        (
            {"Principal": "*", "InvokedViaFunctionUrl": True},
            "*",
            {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        ),
        (
            {"Principal": "alexa-appkit.amazon.com", "EventSourceToken": "amzn1.ask.skill.x"},
            {"Service": "alexa-appkit.amazon.com"},
            {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask.skill.x"}},
        ),
    ],
)
def test_principals_and_conditions_are_written_as_aws_writes_them(
    tmp_path: Path, given: dict[str, Any], principal: Any, condition: Any
) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        statement = await add(scene, **given)
        assert statement["Principal"] == principal
        assert statement.get("Condition") == condition

    play(tmp_path, act)


def test_statements_are_removed_one_by_one_and_the_policy_with_the_last(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        assert await scene.refused("RemovePermission", FunctionName="f", StatementId="s3") == (
            "ResourceNotFoundException",
            "No policy is associated with the given resource.",
        )
        await add(scene, "s3")
        await add(scene, "sqs", Principal="sqs.amazonaws.com")
        assert await scene.refused("RemovePermission", FunctionName="f", StatementId="x") == (
            "ResourceNotFoundException",
            "Statement x is not found in resource policy.",
        )
        await scene.call("RemovePermission", FunctionName="f", StatementId="s3")
        assert [one["Sid"] for one in (await policy(scene))["Statement"]] == ["sqs"]
        await scene.call("RemovePermission", FunctionName="f", StatementId="sqs")
        assert await scene.refused("GetPolicy", FunctionName="f") == NO_POLICY

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (
            {"Principal": "invalid.nonaws.com"},
            "InvalidParameterValueException",
            "The provided principal was invalid. Please check the principal and try again.",
        ),
        (
            {"Principal": "arn:aws:iam::111122223333:group/g"},
            "InvalidParameterValueException",
            "The provided principal was invalid. Please check the principal and try again.",
        ),
        (
            {"FunctionUrlAuthType": "NONE"},
            "InvalidParameterValueException",
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
        ),
        (
            {"Action": "lambda:InvokeFunctionUrl", "InvokedViaFunctionUrl": True},
            "InvalidParameterValueException",
            "InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action",
        ),
        (
            {"Qualifier": "$LATEST"},
            "InvalidParameterValueException",
            "We currently do not support adding policies for $LATEST.",
        ),
        (
            {"FunctionName": "f:1", "Qualifier": "2"},
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        (
            {"FunctionName": "none"},
            "ResourceNotFoundException",
            f"Function not found: {ARN}none",
        ),
        (
            {"Qualifier": "7"},
            "ResourceNotFoundException",
            f"Function not found: {ARN}f:7",
        ),
        (
            {"Qualifier": "live"},
            "ResourceNotFoundException",
            f"Cannot find alias arn: {ARN}f:live",
        ),
        (
            {"StatementId": "there"},
            "ResourceConflictException",
            "The statement id (there) provided already exists. Please provide a new statement id, "
            "or remove the existing statement.",
        ),
        (
            {"RevisionId": "0"},
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id",
        ),
        (
            {"SourceArn": "arn:aws:s3:::" + "x" * 9_900, "StatementId": "big"},
            "PolicyLengthExceededException",
            None,
        ),
    ],
)
def test_a_permission_that_cannot_be_is_refused_and_changes_nothing(
    tmp_path: Path, given: dict[str, Any], code: str, message: str | None
) -> None:
    """The length's text: adobe/helix-deploy#24."""

    async def act(scene: Scene) -> None:
        await scene.create()
        await add(scene, "there")
        await add(scene, "long", SourceArn="arn:aws:s3:::" + "y" * 9_900)
        before = await scene.call("GetPolicy", FunctionName="f")
        asked = {"FunctionName": "f", "StatementId": "s3", **S3, **given}
        if code == "PolicyLengthExceededException":
            asked["SourceAccount"] = "1" * 500
        refused, text = await scene.refused("AddPermission", **asked)
        assert refused == code
        if message is None:
            assert text.startswith("The final policy size (2")
            assert text.endswith(") is bigger than the limit (20480).")
        else:
            assert text == message
        assert await scene.call("GetPolicy", FunctionName="f") == before

    play(tmp_path, act)


def test_a_policy_has_the_revision_of_its_function_and_changes_it(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        first = await revision(scene)
        await add(scene, RevisionId=first)
        second = await revision(scene)
        assert second != first
        assert (await scene.call("GetPolicy", FunctionName="f"))["RevisionId"] == second
        code, _ = await scene.refused(
            "RemovePermission", FunctionName="f", StatementId="s3", RevisionId=first
        )
        assert code == "PreconditionFailedException"
        await scene.call("RemovePermission", FunctionName="f", StatementId="s3", RevisionId=second)
        assert await revision(scene) not in (first, second)

    play(tmp_path, act)


def test_each_version_has_a_policy_of_its_own_that_goes_with_it(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await scene.call("PublishVersion", FunctionName="f")
        before = await revision(scene, Qualifier="1")
        statement = await add(scene, Qualifier="1")
        assert statement["Resource"] == f"{ARN}f:1"
        assert await scene.refused("GetPolicy", FunctionName="f") == NO_POLICY
        assert (await policy(scene, Qualifier="1"))["Statement"] == [statement]
        after = await revision(scene, Qualifier="1")
        assert after != before
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        await scene.call("PublishVersion", FunctionName="f")
        await scene.call("DeleteFunction", FunctionName="f", Qualifier="1")
        assert not scene.control.plane.permissions.documents("f", "1")

    play(tmp_path, act)


def test_policies_and_revisions_survive_a_restart(tmp_path: Path) -> None:
    kept: dict[str, Any] = {}

    async def write(scene: Scene) -> None:
        await scene.create()
        await scene.call("PublishVersion", FunctionName="f")
        await add(scene, Principal="*", PrincipalOrgID="o-1234567890")
        await add(scene, Qualifier="1")
        kept["f"] = await scene.call("GetPolicy", FunctionName="f")
        kept["1"] = await scene.call("GetPolicy", FunctionName="f", Qualifier="1")

    async def read(scene: Scene) -> None:
        assert await scene.call("GetPolicy", FunctionName="f") == kept["f"]
        assert await scene.call("GetPolicy", FunctionName="f", Qualifier="1") == kept["1"]

    play(tmp_path, write)
    play(tmp_path, read)


def test_nothing_of_a_deleted_functions_policy_comes_back_with_its_name(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await add(scene)
        deleted, _ = await asyncio.gather(
            scene.call("DeleteFunction", FunctionName="f"),
            add(scene, "late"),
            return_exceptions=True,
        )
        assert not isinstance(deleted, BaseException)
        await scene.create()
        assert await scene.refused("GetPolicy", FunctionName="f") == NO_POLICY

    play(tmp_path, act)


def test_many_permissions_at_once_are_all_kept(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await asyncio.gather(*(add(scene, f"s{number}") for number in range(40)))
        sids = {one["Sid"] for one in (await policy(scene))["Statement"]}
        assert sids == {f"s{number}" for number in range(40)}

    play(tmp_path, act)


def test_what_a_policy_grants_is_what_the_evaluator_finds(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await add(scene, SourceArn="arn:aws:s3:::mine")
        documents = scene.control.plane.permissions.documents("f", None)
        decided = [
            evaluate(
                AccessRequest(who, "lambda:InvokeFunction", ARN + "f", {"aws:sourcearn": source}),
                resource=documents,
            )
            for who, source in (
                (service_principal("s3.amazonaws.com"), "arn:aws:s3:::mine"),
                (service_principal("s3.amazonaws.com"), "arn:aws:s3:::other"),
                (service_principal("sns.amazonaws.com"), "arn:aws:s3:::mine"),
                (ANONYMOUS, "arn:aws:s3:::mine"),
            )
        ]
        assert [one is Decision.ALLOWED for one in decided] == [True, False, False, False]

    play(tmp_path, act)


# Whole documents

DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": {
        "Sid": "theirs",
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN + "f",
    },
}


async def put(scene: Scene, document: Any = None, **params: Any) -> dict[str, Any]:
    given = {"ResourceArn": ARN + "f", "Policy": json.dumps(document or DOCUMENT, indent=1)}
    return await scene.call("PutResourcePolicy", **{**given, **params})


def test_statements_and_whole_documents_are_one_policy(tmp_path: Path) -> None:
    """[B] PutResourcePolicy overwrites what AddPermission added."""

    async def act(scene: Scene) -> None:
        await scene.create()
        await add(scene, "gone")
        answer = await put(scene)
        await add(scene, "more")
        sids = [one["Sid"] for one in (await policy(scene))["Statement"]]
        assert sids == ["theirs", "more"]
        found = await scene.call("GetResourcePolicy", ResourceArn=ARN + "f")
        assert found["RevisionId"] != answer["RevisionId"]
        assert json.loads(found["Policy"]) == await policy(scene)
        await scene.call("RemovePermission", FunctionName="f", StatementId="theirs")
        await scene.call("DeleteResourcePolicy", ResourceArn=ARN + "f")
        assert await scene.refused("GetPolicy", FunctionName="f") == NO_POLICY
        assert await scene.refused("DeleteResourcePolicy", ResourceArn=ARN + "f") == NO_POLICY

    play(tmp_path, act)


def test_a_document_for_everybody_is_refused(tmp_path: Path) -> None:
    """[B] PublicPolicyException; what narrows: AWS Config, lambda-function-public-access."""

    def granting(principal: Any, condition: Any = None) -> dict[str, Any]:
        statement = {**DOCUMENT["Statement"], "Principal": principal}  # type: ignore[dict-item]
        return {**DOCUMENT, "Statement": {**statement, "Condition": condition or {}}}

    async def act(scene: Scene) -> None:
        await scene.create()
        for public in (
            granting("*"),
            granting({"AWS": ["111122223333", "*"]}),
            granting("*", {"StringLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
            granting("*", {"StringEquals": {"aws:SourceArn": "${aws:username}"}}),
            granting("*", {"StringNotEquals": {"aws:SourceAccount": "111122223333"}}),
            granting("*", {"Bool": {"aws:SecureTransport": "true"}}),
        ):
            given = {"ResourceArn": ARN + "f", "Policy": json.dumps(public)}
            code, message = await scene.refused("PutResourcePolicy", **given)
            assert code == "PublicPolicyException"
            assert message.startswith("Lambda blocked the creation of this policy")
        for narrow in (
            granting("*", {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}),
            granting("*", {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}),
            granting({"Service": "s3.amazonaws.com"}),
            {**DOCUMENT, "Statement": {**granting("*")["Statement"], "Effect": "Deny"}},
        ):
            await put(scene, narrow)

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{", "InvalidParameterValueException", "This policy contains invalid Json"),
        ("{}", "InvalidParameterValueException", "Syntax errors in policy."),
        (
            json.dumps({"Statement": {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}}),
            "InvalidParameterValueException",
            "Missing required field Principal",
        ),
        (
            json.dumps(
                {**DOCUMENT, "Id": "ä" * 10_300},
                ensure_ascii=False,
            ),
            "PolicyLengthExceededException",
            None,
        ),
    ],
)
def test_a_document_that_cannot_be_is_refused(
    tmp_path: Path, text: str, code: str, message: str | None
) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        refused, said = await scene.refused("PutResourcePolicy", ResourceArn=ARN + "f", Policy=text)
        assert refused == code
        assert message is None or said == message
        assert await scene.refused("GetPolicy", FunctionName="f") == NO_POLICY

    play(tmp_path, act)


def test_documents_are_guarded_by_the_revision(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        first = (await put(scene))["RevisionId"]
        second = (await put(scene, RevisionId=first))["RevisionId"]
        wrong = {"ResourceArn": ARN + "f", "RevisionId": first}
        for operation, more in (
            ("PutResourcePolicy", {"Policy": json.dumps(DOCUMENT)}),
            ("DeleteResourcePolicy", {}),
        ):
            code, _ = await scene.refused(operation, **wrong, **more)
            assert code == "PreconditionFailedException"
        await scene.call("DeleteResourcePolicy", ResourceArn=ARN + "f", RevisionId=second)

    play(tmp_path, act)


def test_policies_of_runtimes_are_said_to_be_missing(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        arn = "arn:aws:lambda:us-east-1:000000000000:runtime/python3.12"
        code, _ = await scene.refused("GetResourcePolicy", ResourceArn=arn)
        assert code == "UnsupportedOperationException"

    play(tmp_path, act)


# Layers

LAYER = {"LayerName": "l", "VersionNumber": 1}
SHARED = {"Action": "lambda:GetLayerVersion", "Principal": "111122223333", "StatementId": "x"}


def test_a_layer_version_is_shared_and_no_longer(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.publish()
        first = await scene.call("AddLayerVersionPermission", **LAYER, **SHARED)
        statement = json.loads(first["Statement"])
        assert statement == {
            "Sid": "x",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "lambda:GetLayerVersion",
            "Resource": LAYER_ARN + "l:1",
        }
        organization = {
            **SHARED,
            "StatementId": "org",
            "Principal": "*",
            "OrganizationId": "o-1234567890",
        }
        second = await scene.call(
            "AddLayerVersionPermission", **LAYER, **organization, RevisionId=first["RevisionId"]
        )
        assert json.loads(second["Statement"])["Condition"] == {
            "StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}
        }
        found = await scene.call("GetLayerVersionPolicy", **LAYER)
        assert found["RevisionId"] == second["RevisionId"] != first["RevisionId"]
        assert json.loads(found["Policy"])["Statement"][0] == statement
        for sid in ("x", "org"):
            await scene.call("RemoveLayerVersionPermission", **LAYER, StatementId=sid)
        assert await scene.refused("GetLayerVersionPolicy", **LAYER) == (
            "ResourceNotFoundException",
            "No policy is associated with the given resource.",
        )

    play(tmp_path, act)


def test_wrong_changes_of_a_layers_policy_are_refused(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.publish()
        await scene.call("AddLayerVersionPermission", **LAYER, **SHARED)
        wrong = "The Revision Id provided does not match the latest Revision Id. Call the "
        wrong += "GetLayerPolicy API to retrieve the latest Revision Id"
        missing = f"Layer version {LAYER_ARN}l:2 does not exist."
        for operation, given, code, message in (
            (
                "AddLayerVersionPermission",
                {**LAYER, **SHARED},
                "ResourceConflictException",
                "The statement id (x) provided already exists. Please provide a new statement id, "
                "or remove the existing statement.",
            ),
            (
                "AddLayerVersionPermission",
                {**LAYER, **SHARED, "StatementId": "y", "RevisionId": "0"},
                "PreconditionFailedException",
                wrong,
            ),
            (
                "RemoveLayerVersionPermission",
                {**LAYER, "StatementId": "x", "RevisionId": "0"},
                "PreconditionFailedException",
                wrong,
            ),
            (
                "RemoveLayerVersionPermission",
                {**LAYER, "StatementId": "y"},
                "ResourceNotFoundException",
                "Statement y is not found in resource policy.",
            ),
            (
                "AddLayerVersionPermission",
                {**LAYER, **SHARED, "VersionNumber": 2},
                "ResourceNotFoundException",
                missing,
            ),
            (
                "GetLayerVersionPolicy",
                {"LayerName": LAYER_ARN + "l", "VersionNumber": 2},
                "ResourceNotFoundException",
                missing,
            ),
            (
                "GetLayerVersionPolicy",
                {**LAYER, "VersionNumber": 0},
                "InvalidParameterValueException",
                "Layer Version Cannot be less than 1",
            ),
        ):
            assert await scene.refused(operation, **given) == (code, message)

    play(tmp_path, act)


def test_a_layers_policy_goes_with_its_version(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.publish()
        await scene.call("AddLayerVersionPermission", **LAYER, **SHARED)
        assert scene.control.plane.layer_policies.documents("l", 1)
        await scene.call("DeleteLayerVersion", **LAYER)
        assert not scene.control.plane.layer_policies.documents("l", 1)

    play(tmp_path, act)
