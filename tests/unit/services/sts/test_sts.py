"""STS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lambent.clock import ManualClock
from lambent.domain.credentials import SessionTokens
from lambent.services.iam import Iam
from lambent.services.sts import Sts
from lambent.store.database import Database
from tests.unit.services.calling import Caller
from tests.unit.services.iam.test_iam import TRUST

TOKENS = SessionTokens(b"0" * 32)
ARN = "arn:aws:iam::000000000000:role/r"
NAMED = {"RoleArn": ARN, "RoleSessionName": "me"}
Scenario = Callable[[Caller, Caller], Awaitable[None]]


def run(folder: Path, scenario: Scenario) -> None:
    async def main() -> None:
        database = Database(folder / "lambent.db")
        await database.start()
        try:
            iam = Iam(database, ManualClock())
            sts = Sts(iam.directory, lambda: TOKENS, ManualClock())
            await scenario(Caller("sts", sts.operations), Caller("iam", iam.operations))
        finally:
            await database.close()

    asyncio.run(main())


def test_the_account_is_its_own_identity(tmp_path: Path) -> None:
    """Source: IAM User Guide, "Unique identifiers": root's UserId is the account id."""

    async def scenario(sts: Caller, iam: Caller) -> None:
        assert await sts("GetCallerIdentity") == {
            "Account": "000000000000",
            "Arn": "arn:aws:iam::000000000000:root",
            "UserId": "000000000000",
        }

    run(tmp_path, scenario)


def test_a_session_of_a_role_says_all_in_its_token(tmp_path: Path) -> None:
    async def scenario(sts: Caller, iam: Caller) -> None:
        role = await iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
        policy = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
        result = await sts("AssumeRole", **NAMED, DurationSeconds=900, Policy=policy)
        credentials = result["Credentials"]
        assert credentials["AccessKeyId"].startswith("ASIA")
        assert credentials["Expiration"] == datetime.fromtimestamp(1_700_000_900, UTC)
        session = TOKENS.open(credentials["SessionToken"])
        assert session is not None
        assert TOKENS.secret_of(session) == credentials["SecretAccessKey"]
        assert (session.subject, session.name, session.policies) == ("r", "me", (policy,))
        assert result["AssumedRoleUser"] == {
            "Arn": "arn:aws:sts::000000000000:assumed-role/r/me",
            "AssumedRoleId": f"{role['Role']['RoleId']}:me",
        }

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        (
            {"DurationSeconds": 3601},
            (
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ),
        ),
        ({"RoleArn": "arn:aws:iam::000000000000:user/u"}, ("ValidationError", "is invalid")),
        ({"Policy": "{}"}, ("MalformedPolicyDocument", "")),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/X"}]}, ("ValidationError", "not known")),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, ("UnsupportedOperationException", "session tags")),
        ({"SerialNumber": "x"}, ("UnsupportedOperationException", "multi-factor")),
    ],
)
def test_what_assume_role_cannot_do_is_said(
    tmp_path: Path, params: dict[str, object], refusal: tuple[str, str]
) -> None:
    async def scenario(sts: Caller, iam: Caller) -> None:
        await iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
        code, message = await sts.refused("AssumeRole", **{**NAMED, **params})
        assert code == refusal[0]
        assert refusal[1] in message

    run(tmp_path, scenario)


def test_root_gets_a_session_of_an_hour_at_most(tmp_path: Path) -> None:
    """Source: botocore's model, GetSessionToken."""

    async def scenario(sts: Caller, iam: Caller) -> None:
        credentials = (await sts("GetSessionToken"))["Credentials"]
        assert credentials["Expiration"] == datetime.fromtimestamp(1_700_003_600, UTC)
        session = TOKENS.open(credentials["SessionToken"])
        assert session is not None
        assert session.kind == "root"

    run(tmp_path, scenario)
