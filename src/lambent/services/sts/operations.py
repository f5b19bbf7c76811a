"""STS's operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.domain.arns import PARTITION
from lambent.domain.request import Handler, RequestContext


class Sts:
    """Stateless: until callers have identities of their own, everyone is the account's root."""

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"GetCallerIdentity": self.get_caller_identity}

    async def get_caller_identity(
        self, params: dict[str, Any], context: RequestContext
    ) -> dict[str, Any]:
        """Root's UserId is the account id. Source: IAM User Guide, "Unique identifiers"."""
        account_id = context.account.account_id
        return {
            "Account": account_id,
            "Arn": f"arn:{PARTITION}:iam::{account_id}:root",
            "UserId": account_id,
        }
