"""IAM's operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.request import Handler, RequestContext
from lambent.services.iam.access_keys import AccessKeys
from lambent.services.iam.directory import Directory
from lambent.services.iam.policies import Policies
from lambent.services.iam.roles import Roles
from lambent.services.iam.users import Users
from lambent.store.database import Database

_LOOKS = ("Get", "List")


class Iam:
    """Users, roles, access keys and policies, over rows; the directory is kept in step."""

    def __init__(self, database: Database, clock: Clock, account: Account | None = None) -> None:
        self.directory = Directory(database, account or Account(), clock)
        resources = (Roles, Policies, Users, AccessKeys)
        self._operations: dict[str, Handler] = {}
        for resource in resources:
            for name, handler in resource(database, clock).operations.items():
                kept = handler if name.startswith(_LOOKS) else self._and_load(handler)
                self._operations[name] = kept

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._operations

    def _and_load(self, handler: Handler) -> Handler:
        async def change(params: dict[str, Any], context: RequestContext) -> dict[str, Any]:
            result = await handler(params, context)
            await self.directory.load()
            return result

        return change
