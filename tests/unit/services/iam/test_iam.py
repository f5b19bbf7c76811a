"""IAM's operations.

Texts and fields: LocalStack's recordings of AWS (tests/aws/services/iam, test_iam_roles and
test_iam_policies.snapshot.json, 2026-02-10 and 11), unless a test names another source.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from lambent.clock import ManualClock
from lambent.services.iam import Iam
from lambent.services.iam.rows import delete_everything
from lambent.store.database import Database
from tests.unit.services.calling import Caller

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"},
    }
)
CREATED = datetime.fromtimestamp(1_700_000_000, UTC)
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
NO_ROLE = ("NoSuchEntity", "The role with name r cannot be found.")

Scenario = Callable[[Caller], Awaitable[None]]


def run(folder: Path, scenario: Scenario) -> None:
    async def main() -> None:
        database = Database(folder / "lambent.db")
        await database.start()
        try:
            await scenario(Caller("iam", Iam(database, ManualClock()).operations))
        finally:
            await database.close()

    asyncio.run(main())


async def create_role(call: Caller, name: str = "r", **more: Any) -> dict[str, Any]:
    role: dict[str, Any] = (
        await call("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, **more)
    )["Role"]
    return role


async def create_policy(call: Caller, name: str = "p", **more: Any) -> str:
    result = await call("CreatePolicy", PolicyName=name, PolicyDocument=POLICY, **more)
    return str(result["Policy"]["Arn"])


def test_created_role_is_what_get_role_shows(tmp_path: Path) -> None:
    """test_create_role_defaults, test_role_with_tags; documents come percent-encoded."""

    async def scenario(call: Caller) -> None:
        tags = [{"Key": "test", "Value": ""}]
        created = await create_role(call, Path="/team/", Tags=tags, Description="for tests")
        assert re.fullmatch("AROA[A-Z0-9]{17}", created["RoleId"])
        assert unquote(created["AssumeRolePolicyDocument"]) == TRUST
        assert "%7B%22Version%22%3A" in created["AssumeRolePolicyDocument"]
        assert created == {
            "Arn": "arn:aws:iam::000000000000:role/team/r",
            "AssumeRolePolicyDocument": created["AssumeRolePolicyDocument"],
            "CreateDate": CREATED,
            "Path": "/team/",
            "RoleId": created["RoleId"],
            "RoleName": "r",
            "Tags": tags,
        }
        extra = {"MaxSessionDuration": 3600, "Description": "for tests"}
        shown = (await call("GetRole", RoleName="r"))["Role"]
        assert shown == {**created, **extra, "RoleLastUsed": {}}
        (listed,) = (await call("ListRoles", PathPrefix="/team/"))["Roles"]
        created.pop("Tags")
        assert listed == {**created, **extra}
        assert (await call("ListRoles", PathPrefix="/other/"))["Roles"] == []

    run(tmp_path, scenario)


def test_role_outlives_the_server(tmp_path: Path) -> None:
    """Accepted is committed."""

    async def create(call: Caller) -> None:
        await create_role(call)

    async def find(call: Caller) -> None:
        assert (await call("GetRole", RoleName="r"))["Role"]["RoleName"] == "r"

    run(tmp_path, create)
    run(tmp_path, find)


@pytest.mark.parametrize("name", ["r", "R"])
def test_role_name_is_taken_whatever_its_case(tmp_path: Path, name: str) -> None:
    """Case: [B] CreateRole, "Names are not distinguished by case"."""

    async def scenario(call: Caller) -> None:
        await create_role(call)
        refused = await call.refused("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST)
        assert refused == ("EntityAlreadyExists", f"Role with name {name} already exists.")

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("GetRole", {}),
        ("DeleteRole", {}),
        ("UpdateRole", {}),
        ("UpdateAssumeRolePolicy", {"PolicyDocument": TRUST}),
        ("ListInstanceProfilesForRole", {}),
        ("PutRolePolicy", {"PolicyName": "p", "PolicyDocument": POLICY}),
        ("GetRolePolicy", {"PolicyName": "p"}),
        ("DeleteRolePolicy", {"PolicyName": "p"}),
        ("ListRolePolicies", {}),
        ("AttachRolePolicy", {"PolicyArn": BASIC}),
        ("DetachRolePolicy", {"PolicyArn": BASIC}),
        ("ListAttachedRolePolicies", {}),
        ("TagRole", {"Tags": []}),
        ("UntagRole", {"TagKeys": []}),
        ("ListRoleTags", {}),
    ],
)
def test_every_operation_on_a_missing_role_says_so(
    tmp_path: Path, operation: str, params: dict[str, Any]
) -> None:
    """test_role_errors, test_role_tag_errors."""

    async def scenario(call: Caller) -> None:
        assert await call.refused(operation, RoleName="r", **params) == NO_ROLE

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        ("[" * 20_000, "This policy contains invalid Json"),
        (
            TRUST.replace("sts:AssumeRole", "s3:ListBucket"),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (TRUST.replace('"Action"', '"Resource": "*", "Action"'), "Has prohibited field Resource"),
    ],
)
def test_malformed_trust_policy_is_refused(tmp_path: Path, document: str, message: str) -> None:
    """test_update_assume_role_policy_errors."""

    async def scenario(call: Caller) -> None:
        expected = ("MalformedPolicyDocument", message)
        params = {"RoleName": "r", "AssumeRolePolicyDocument": document}
        assert await call.refused("CreateRole", **params) == expected
        await create_role(call)
        update = {"RoleName": "r", "PolicyDocument": document}
        assert await call.refused("UpdateAssumeRolePolicy", **update) == expected

    run(tmp_path, scenario)


def test_malformed_policy_is_refused(tmp_path: Path) -> None:
    """AWS's text as quoted by users of CreatePolicy: "Syntax errors in policy."."""

    async def scenario(call: Caller) -> None:
        await create_role(call)
        expected = ("MalformedPolicyDocument", "Syntax errors in policy.")
        named = {"PolicyName": "p", "PolicyDocument": "no json"}
        assert await call.refused("CreatePolicy", **named) == expected
        assert await call.refused("PutRolePolicy", RoleName="r", **named) == expected

    run(tmp_path, scenario)


def test_role_is_updated_where_told(tmp_path: Path) -> None:
    """test_update_role: what is not given stays."""

    async def scenario(call: Caller) -> None:
        await create_role(call, Description="old")
        await call("UpdateRole", RoleName="r", MaxSessionDuration=7200)
        other = TRUST.replace("lambda", "ec2")
        await call("UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=other)
        shown = (await call("GetRole", RoleName="r"))["Role"]
        assert (shown["Description"], shown["MaxSessionDuration"]) == ("old", 7200)
        assert unquote(shown["AssumeRolePolicyDocument"]) == other

    run(tmp_path, scenario)


def test_inline_policies_are_put_shown_listed_and_deleted(tmp_path: Path) -> None:
    """test_role_inline_policy_lifecycle."""

    async def scenario(call: Caller) -> None:
        await create_role(call)
        for name in ("b", "a", "b"):
            await call("PutRolePolicy", RoleName="r", PolicyName=name, PolicyDocument=POLICY)
        shown = await call("GetRolePolicy", RoleName="r", PolicyName="a")
        assert unquote(shown.pop("PolicyDocument")) == POLICY
        assert shown == {"RoleName": "r", "PolicyName": "a"}
        listed = await call("ListRolePolicies", RoleName="r")
        assert listed == {"PolicyNames": ["a", "b"], "IsTruncated": False}
        await call("DeleteRolePolicy", RoleName="r", PolicyName="a")
        missing = ("NoSuchEntity", "The role policy with name a cannot be found.")
        for operation in ("GetRolePolicy", "DeleteRolePolicy"):
            assert await call.refused(operation, RoleName="r", PolicyName="a") == missing

    run(tmp_path, scenario)


def test_managed_policies_are_attached_listed_and_detached(tmp_path: Path) -> None:
    """test_role_managed_policy_lifecycle; AWS's own need no row."""

    async def scenario(call: Caller) -> None:
        await create_role(call)
        mine = await create_policy(call, Path="/team/")
        for arn in (mine, BASIC, mine):
            await call("AttachRolePolicy", RoleName="r", PolicyArn=arn)
        listed = await call("ListAttachedRolePolicies", RoleName="r")
        assert listed == {
            "AttachedPolicies": [
                {"PolicyName": "p", "PolicyArn": mine},
                {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC},
            ],
            "IsTruncated": False,
        }
        under = await call("ListAttachedRolePolicies", RoleName="r", PathPrefix="/team/")
        assert [policy["PolicyName"] for policy in under["AttachedPolicies"]] == ["p"]
        assert (await call("GetPolicy", PolicyArn=mine))["Policy"]["AttachmentCount"] == 1
        await call("DetachRolePolicy", RoleName="r", PolicyArn=mine)
        assert await call.refused("DetachRolePolicy", RoleName="r", PolicyArn=mine) == (
            "NoSuchEntity",
            f"Policy {mine} was not found.",
        )

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("longpolicynamebutnoarn", ("ValidationError", "ARN longpolicynamebutnoarn is not valid.")),
        (
            "arn:aws:iam::000000000000:policy/none",
            (
                "NoSuchEntity",
                "Policy arn:aws:iam::000000000000:policy/none does not exist or is not attachable.",
            ),
        ),
    ],
)
def test_policy_that_is_none_is_not_attached(
    tmp_path: Path, arn: str, expected: tuple[str, str]
) -> None:
    """test_role_managed_policy_errors."""

    async def scenario(call: Caller) -> None:
        await create_role(call)
        assert await call.refused("AttachRolePolicy", RoleName="r", PolicyArn=arn) == expected

    run(tmp_path, scenario)


def test_eleventh_managed_policy_is_refused(tmp_path: Path) -> None:
    """AWS's text as quoted by its users: "Cannot exceed quota for PoliciesPerRole: 10"."""

    async def scenario(call: Caller) -> None:
        await create_role(call)
        for index in range(10):
            arn = f"arn:aws:iam::aws:policy/P{index}"
            await call("AttachRolePolicy", RoleName="r", PolicyArn=arn)
        assert await call.refused("AttachRolePolicy", RoleName="r", PolicyArn=BASIC) == (
            "LimitExceeded",
            "Cannot exceed quota for PoliciesPerRole: 10",
        )

    run(tmp_path, scenario)


def test_role_is_deleted_only_when_bare(tmp_path: Path) -> None:
    """test_delete_role_with_attached_policy, _with_inline_policy; in Terraform's order."""

    async def scenario(call: Caller) -> None:
        await create_role(call)
        await call("AttachRolePolicy", RoleName="r", PolicyArn=BASIC)
        await call("PutRolePolicy", RoleName="r", PolicyName="p", PolicyDocument=POLICY)
        assert await call.refused("DeleteRole", RoleName="r") == (
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
        )
        await call("DetachRolePolicy", RoleName="r", PolicyArn=BASIC)
        assert await call.refused("DeleteRole", RoleName="r") == (
            "DeleteConflict",
            "Cannot delete entity, must delete policies first.",
        )
        await call("DeleteRolePolicy", RoleName="r", PolicyName="p")
        none = await call("ListInstanceProfilesForRole", RoleName="r")
        assert none == {"InstanceProfiles": [], "IsTruncated": False}
        await call("DeleteRole", RoleName="r")
        assert await call.refused("GetRole", RoleName="r") == NO_ROLE

    run(tmp_path, scenario)


def test_role_tags_are_added_replaced_and_removed(tmp_path: Path) -> None:
    """test_role_tag_operations, test_role_tag_errors."""

    async def scenario(call: Caller) -> None:
        await create_role(call)
        one, two = {"Key": "one", "Value": "1"}, {"Key": "two", "Value": ""}
        await call("TagRole", RoleName="r", Tags=[two, {"Key": "one", "Value": "0"}])
        await call("TagRole", RoleName="r", Tags=[one])
        listed = await call("ListRoleTags", RoleName="r")
        assert listed == {"Tags": [one, two], "IsTruncated": False}
        await call("UntagRole", RoleName="r", TagKeys=["one", "none"])
        assert (await call("ListRoleTags", RoleName="r"))["Tags"] == [two]
        twice = [one, {"Key": "ONE", "Value": "1"}]
        assert await call.refused("TagRole", RoleName="r", Tags=twice) == (
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
        many = [{"Key": f"k{index}", "Value": ""} for index in range(50)]
        assert (await call.refused("TagRole", RoleName="r", Tags=many))[0] == "LimitExceeded"

    run(tmp_path, scenario)


def test_lists_come_in_pages(tmp_path: Path) -> None:
    """[B] ListRoles: Marker and MaxItems."""

    async def scenario(call: Caller) -> None:
        for index in range(5):
            await create_role(call, f"r{index}")
        found: list[str] = []
        params: dict[str, Any] = {"MaxItems": 2}
        while True:
            page = await call("ListRoles", **params)
            found += [role["RoleName"] for role in page["Roles"]]
            if not page["IsTruncated"]:
                break
            params["Marker"] = page["Marker"]
        assert found == [f"r{index}" for index in range(5)]
        assert (await call.refused("ListRoles", Marker="é"))[0] == "ValidationError"

    run(tmp_path, scenario)


def test_policy_lives_from_create_to_delete(tmp_path: Path) -> None:
    """test_policy_lifecycle, test_policy_errors."""

    async def scenario(call: Caller) -> None:
        arn = await create_policy(call, Path="/test/path/")
        assert arn == "arn:aws:iam::000000000000:policy/test/path/p"
        shown = (await call("GetPolicy", PolicyArn=arn))["Policy"]
        assert re.fullmatch("ANPA[A-Z0-9]{17}", shown["PolicyId"])
        assert shown == {
            "Arn": arn,
            "AttachmentCount": 0,
            "CreateDate": CREATED,
            "DefaultVersionId": "v1",
            "IsAttachable": True,
            "Path": "/test/path/",
            "PermissionsBoundaryUsageCount": 0,
            "PolicyId": shown["PolicyId"],
            "PolicyName": "p",
            "Tags": [],
            "UpdateDate": CREATED,
        }
        shown.pop("Tags")
        assert (await call("ListPolicies", Scope="Local"))["Policies"] == [shown]
        assert (await call("ListPolicies", OnlyAttached=True))["Policies"] == []
        assert await call.refused("CreatePolicy", PolicyName="p", PolicyDocument=POLICY) == (
            "EntityAlreadyExists",
            "A policy called p already exists. Duplicate names are not allowed.",
        )
        await create_role(call)
        await call("AttachRolePolicy", RoleName="r", PolicyArn=arn)
        assert await call.refused("DeletePolicy", PolicyArn=arn) == (
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
        )
        await call("DetachRolePolicy", RoleName="r", PolicyArn=arn)
        await call("DeletePolicy", PolicyArn=arn)
        assert await call.refused("GetPolicy", PolicyArn=arn) == (
            "NoSuchEntity",
            f"Policy {arn} was not found.",
        )

    run(tmp_path, scenario)


def test_policy_versions_are_made_chosen_and_deleted(tmp_path: Path) -> None:
    """test_policy_version_lifecycle, _set_default, _limit, _errors; the refusal to delete a policy
    with several is quoted by AWS's users."""

    async def scenario(call: Caller) -> None:
        arn = await create_policy(call)
        version = {"PolicyArn": arn, "PolicyDocument": POLICY}
        created = await call("CreatePolicyVersion", **version, SetAsDefault=True)
        assert created["PolicyVersion"] == {
            "VersionId": "v2",
            "IsDefaultVersion": True,
            "CreateDate": CREATED,
        }
        for _ in range(3):
            await call("CreatePolicyVersion", **version)
        assert (await call.refused("CreatePolicyVersion", **version))[0] == "LimitExceeded"
        listed = await call("ListPolicyVersions", PolicyArn=arn)
        assert [(item["VersionId"], item["IsDefaultVersion"]) for item in listed["Versions"]] == [
            ("v5", False),
            ("v4", False),
            ("v3", False),
            ("v2", True),
            ("v1", False),
        ]
        shown = (await call("GetPolicyVersion", PolicyArn=arn, VersionId="v2"))["PolicyVersion"]
        assert unquote(shown["Document"]) == POLICY
        assert (await call.refused("DeletePolicy", PolicyArn=arn))[1].startswith(
            "This policy has more than one version."
        )
        assert await call.refused("DeletePolicyVersion", PolicyArn=arn, VersionId="v2") == (
            "DeleteConflict",
            "Cannot delete the default version of a policy.",
        )
        await call("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v1")
        await call("DeletePolicyVersion", PolicyArn=arn, VersionId="v5")
        created = await call("CreatePolicyVersion", **version)
        assert created["PolicyVersion"]["VersionId"] == "v6"
        assert await call.refused("GetPolicyVersion", PolicyArn=arn, VersionId="v9") == (
            "NoSuchEntity",
            f"Policy {arn} version v9 does not exist or is not attachable.",
        )

    run(tmp_path, scenario)


def test_reset_leaves_no_role_and_no_policy(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(tmp_path / "lambent.db")
        await database.start()
        call = Caller("iam", Iam(database, ManualClock()).operations)
        await create_role(call)
        await create_policy(call)
        await database.write(delete_everything)
        assert (await call("ListRoles"))["Roles"] == []
        assert (await call("ListPolicies"))["Policies"] == []
        await database.close()

    asyncio.run(main())
