"""IAM's users and access keys.

Texts and fields: LocalStack's recordings of AWS (tests/aws/services/iam, 2026-02, snapshots of
test_iam_users), unless a test names another source.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from lambent.clock import ManualClock
from lambent.domain.credentials import Session, SessionTokens
from lambent.policy.evaluator import AccessRequest, Decision, evaluate
from lambent.services.iam import Iam
from lambent.services.iam.directory import Caller as Who
from lambent.store.database import Database
from tests.unit.services.calling import Caller
from tests.unit.services.iam.test_iam import TRUST

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "lambda:Get*", "Resource": "*"},
    }
)
NO_USER = ("NoSuchEntity", "The user with name u cannot be found.")
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
KEY = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}

Scenario = Callable[[Caller, Iam], Awaitable[None]]


def run(folder: Path, scenario: Scenario) -> None:
    async def main() -> None:
        database = Database(folder / "lambent.db")
        await database.start()
        try:
            iam = Iam(database, ManualClock())
            await iam.directory.load()
            await scenario(Caller("iam", iam.operations), iam)
        finally:
            await database.close()

    asyncio.run(main())


def allows(who: Who | None, action: str) -> bool:
    assert who is not None
    request = AccessRequest(who.principal, action, "arn:aws:lambda:us-east-1:000000000000:x")
    decision = evaluate(request, identity=who.identity, boundary=who.boundary, session=who.session)
    return decision is Decision.ALLOWED


def test_a_user_is_created_shown_renamed_and_deleted(tmp_path: Path) -> None:
    async def scenario(call: Caller, iam: Iam) -> None:
        tags = [{"Key": "k", "Value": "v"}]
        created = (await call("CreateUser", UserName="u", Path="/team/", Tags=tags))["User"]
        assert re.fullmatch("AIDA[A-Z0-9]{17}", created["UserId"])
        assert created["Arn"] == "arn:aws:iam::000000000000:user/team/u"
        assert (await call("GetUser", UserName="u"))["User"] == created
        (listed,) = (await call("ListUsers", PathPrefix="/team/"))["Users"]
        assert "Tags" not in listed
        assert await call.refused("CreateUser", UserName="U") == (
            "EntityAlreadyExists",
            "User with name U already exists.",
        )
        key = (await call("CreateAccessKey", UserName="u"))["AccessKey"]
        await call("UpdateUser", UserName="u", NewUserName="v", NewPath="/")
        assert await call.refused("GetUser", UserName="u") == NO_USER
        (held,) = (await call("ListAccessKeys", UserName="v"))["AccessKeyMetadata"]
        assert held["AccessKeyId"] == key["AccessKeyId"]
        assert await call.refused("DeleteUser", UserName="v") == (
            "DeleteConflict",
            "Cannot delete entity, must delete access keys first.",
        )
        await call("DeleteAccessKey", UserName="v", AccessKeyId=key["AccessKeyId"])
        await call("DeleteUser", UserName="v")
        assert (await call("ListUsers"))["Users"] == []

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("GetUser", {}),
        ("UpdateUser", {"NewUserName": "v"}),
        ("DeleteUser", {}),
        ("ListGroupsForUser", {}),
        ("PutUserPermissionsBoundary", {"PermissionsBoundary": READ_ONLY}),
        ("DeleteUserPermissionsBoundary", {}),
        ("PutUserPolicy", {"PolicyName": "p", "PolicyDocument": POLICY}),
        ("GetUserPolicy", {"PolicyName": "p"}),
        ("ListUserPolicies", {}),
        ("DeleteUserPolicy", {"PolicyName": "p"}),
        ("AttachUserPolicy", {"PolicyArn": READ_ONLY}),
        ("DetachUserPolicy", {"PolicyArn": READ_ONLY}),
        ("ListAttachedUserPolicies", {}),
        ("TagUser", {"Tags": []}),
        ("UntagUser", {"TagKeys": []}),
        ("ListUserTags", {}),
        ("CreateAccessKey", {}),
        ("ListAccessKeys", {}),
        ("UpdateAccessKey", {**KEY, "Status": "Active"}),
        ("DeleteAccessKey", KEY),
    ],
)
def test_every_operation_on_a_missing_user_says_so(
    tmp_path: Path, operation: str, params: dict[str, Any]
) -> None:
    async def scenario(call: Caller, iam: Iam) -> None:
        assert await call.refused(operation, UserName="u", **params) == NO_USER

    run(tmp_path, scenario)


def test_a_user_has_two_access_keys_at_most_and_each_can_be_put_to_sleep(tmp_path: Path) -> None:
    async def scenario(call: Caller, iam: Iam) -> None:
        await call("CreateUser", UserName="u")
        key = (await call("CreateAccessKey", UserName="u"))["AccessKey"]
        assert re.fullmatch("AKIA[A-Z0-9]{16}", key["AccessKeyId"])
        assert len(key["SecretAccessKey"]) == 40
        await call("CreateAccessKey", UserName="u")
        assert await call.refused("CreateAccessKey", UserName="u") == (
            "LimitExceeded",
            "Cannot exceed quota for AccessKeysPerUser: 2",
        )
        key_id = key["AccessKeyId"]
        found = iam.directory.find_key(key_id)
        assert found is not None
        assert found.secret == key["SecretAccessKey"]
        assert found.secret not in repr(found)
        await call("UpdateAccessKey", UserName="u", AccessKeyId=key_id, Status="Inactive")
        assert iam.directory.find_key(key_id) is None
        await call("UpdateAccessKey", UserName="u", AccessKeyId=key_id, Status="Active")
        assert iam.directory.find_key(key_id) is not None
        unused = (await call("GetAccessKeyLastUsed", AccessKeyId=key_id))["AccessKeyLastUsed"]
        assert unused == {"ServiceName": "N/A", "Region": "N/A"}
        iam.directory.note_use(key_id, "lambda", "us-east-1")
        await iam.directory.store_uses()
        used = (await call("GetAccessKeyLastUsed", AccessKeyId=key_id))["AccessKeyLastUsed"]
        assert used["ServiceName"] == "lambda"
        missing = await call.refused("GetAccessKeyLastUsed", **KEY)
        assert missing[0] == "AccessDenied"
        assert await call.refused("DeleteAccessKey", UserName="u", **KEY) == (
            "NoSuchEntity",
            "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.",
        )
        await call("DeleteAccessKey", UserName="u", AccessKeyId=key_id)
        assert iam.directory.find_key(key_id) is None

    run(tmp_path, scenario)


def test_policies_of_a_user_hold_at_once_and_capped_by_the_boundary(tmp_path: Path) -> None:
    async def scenario(call: Caller, iam: Iam) -> None:
        await call("CreateUser", UserName="u")
        who = iam.directory.caller_of_user
        assert not allows(who("u"), "lambda:GetFunction")
        await call("PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=POLICY)
        assert allows(who("u"), "lambda:GetFunction")
        shown = await call("GetUserPolicy", UserName="u", PolicyName="p")
        assert unquote(shown["PolicyDocument"]) == POLICY
        assert (await call("ListUserPolicies", UserName="u"))["PolicyNames"] == ["p"]
        admin = "arn:aws:iam::aws:policy/AdministratorAccess"
        await call("AttachUserPolicy", UserName="u", PolicyArn=admin)
        assert allows(who("u"), "lambda:DeleteFunction")
        await call("PutUserPermissionsBoundary", UserName="u", PermissionsBoundary=READ_ONLY)
        assert not allows(who("u"), "lambda:DeleteFunction")
        assert allows(who("u"), "lambda:GetFunction")
        await call("DeleteUserPermissionsBoundary", UserName="u")
        (attached,) = (await call("ListAttachedUserPolicies", UserName="u"))["AttachedPolicies"]
        assert attached["PolicyName"] == "AdministratorAccess"
        conflict = await call.refused("DeleteUser", UserName="u")
        assert conflict == (
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
        )
        await call("DetachUserPolicy", UserName="u", PolicyArn=admin)
        assert await call.refused("DetachUserPolicy", UserName="u", PolicyArn=admin) == (
            "NoSuchEntity",
            f"Policy {admin} was not found.",
        )
        conflict = await call.refused("DeleteUser", UserName="u")
        assert conflict == ("DeleteConflict", "Cannot delete entity, must delete policies first.")
        await call("DeleteUserPolicy", UserName="u", PolicyName="p")
        assert not allows(who("u"), "lambda:GetFunction")
        missing = await call.refused("GetUserPolicy", UserName="u", PolicyName="p")
        assert missing == ("NoSuchEntity", "The user policy with name p cannot be found.")
        bad = await call.refused("PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument="{}")
        assert bad[0] == "MalformedPolicyDocument"
        nowhere = "arn:aws:iam::000000000000:policy/nonexistent"
        assert await call.refused("AttachUserPolicy", UserName="u", PolicyArn=nowhere) == (
            "NoSuchEntity",
            f"Policy {nowhere} does not exist or is not attachable.",
        )
        await call("DeleteUser", UserName="u")
        assert who("u") is None

    run(tmp_path, scenario)


def test_tags_of_a_user_come_and_go(tmp_path: Path) -> None:
    async def scenario(call: Caller, iam: Iam) -> None:
        await call("CreateUser", UserName="u")
        tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
        await call("TagUser", UserName="u", Tags=tags)
        assert (await call("ListUserTags", UserName="u"))["Tags"] == tags
        await call("UntagUser", UserName="u", TagKeys=["a"])
        assert (await call("ListUserTags", UserName="u"))["Tags"] == tags[1:]

    run(tmp_path, scenario)


def session(tokens: SessionTokens, role: dict[str, Any], *policies: str) -> Session:
    made = Session(
        key_id="ASIAAAAAAAAAAAAAAAAA",
        kind="assumed-role",
        subject=role["RoleName"],
        subject_id=role["RoleId"],
        subject_arn=role["Arn"],
        name="s",
        expires_s=10,
        policies=policies,
    )
    opened = tokens.open(tokens.issue(made).token)
    assert opened == made
    return made


def test_a_session_is_capped_by_its_policies_and_ends_with_its_role(tmp_path: Path) -> None:
    async def scenario(call: Caller, iam: Iam) -> None:
        tokens = SessionTokens(b"0" * 32)
        made = {"RoleName": "r", "AssumeRolePolicyDocument": TRUST}
        role = (await call("CreateRole", **made))["Role"]
        admin = "arn:aws:iam::aws:policy/AdministratorAccess"
        await call("AttachRolePolicy", RoleName="r", PolicyArn=admin)
        free = iam.directory.caller_of_session(session(tokens, role))
        assert free is not None
        assert free.principal.arn == "arn:aws:sts::000000000000:assumed-role/r/s"
        assert allows(free, "lambda:DeleteFunction")
        capped = Session(**{**as_fields(session(tokens, role, POLICY)), "key_id": "ASIAB"})
        assert not allows(iam.directory.caller_of_session(capped), "lambda:DeleteFunction")
        assert allows(iam.directory.caller_of_session(capped), "lambda:GetFunction")
        await call("DetachRolePolicy", RoleName="r", PolicyArn=admin)
        await call("DeleteRole", RoleName="r")
        assert iam.directory.caller_of_session(capped) is None
        await call("CreateRole", **made)
        assert iam.directory.caller_of_session(capped) is None, "it is another role"

    run(tmp_path, scenario)


def as_fields(value: Session) -> dict[str, Any]:
    return {name: getattr(value, name) for name in Session.__dataclass_fields__}


def test_a_token_that_was_changed_or_made_elsewhere_says_nothing() -> None:
    tokens = SessionTokens(b"0" * 32)
    role = {"RoleName": "r", "RoleId": "AROA", "Arn": "arn:aws:iam::000000000000:role/r"}
    issued = tokens.issue(session(tokens, role))
    assert SessionTokens(b"1" * 32).open(issued.token) is None
    changed = issued.token[:-2] + ("A" if issued.token[-2] != "A" else "B") + issued.token[-1]
    assert tokens.open(changed) is None
    for text in ("", "x", "é", "AAAA"):
        assert tokens.open(text) is None
    assert len(issued.secret) == 40
