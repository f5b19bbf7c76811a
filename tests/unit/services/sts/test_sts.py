"""STS."""

from __future__ import annotations

import asyncio

from lambent.services.sts import Sts
from tests.unit.services.calling import Caller


def test_every_caller_is_the_accounts_root() -> None:
    """Source: IAM User Guide, "Unique identifiers": root's UserId is the account id."""
    result = asyncio.run(Caller("sts", Sts().operations)("GetCallerIdentity"))
    assert result == {
        "Account": "000000000000",
        "Arn": "arn:aws:iam::000000000000:root",
        "UserId": "000000000000",
    }
