"""IAM's operations on access keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from lambent.clock import Clock
from lambent.domain.errors import LambdaError
from lambent.domain.request import Handler, RequestContext
from lambent.services.iam import model, user_model, user_rows
from lambent.services.iam.user_model import AccessKey
from lambent.services.iam.users import find, own_name
from lambent.store.database import Database

Params = dict[str, Any]
Result = dict[str, Any]


class AccessKeys:
    """One function an operation; what it checks and what it changes share one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateAccessKey": self.create_access_key,
            "ListAccessKeys": self.list_access_keys,
            "UpdateAccessKey": self.update_access_key,
            "DeleteAccessKey": self.delete_access_key,
            "GetAccessKeyLastUsed": self.get_access_key_last_used,
        }

    async def create_access_key(self, params: Params, context: RequestContext) -> Result:
        name, account_id = own_name(params, context), context.account.account_id
        key = user_model.new_access_key(name, int(self._clock.wall_s()))

        def insert(connection: sqlite3.Connection) -> None:
            find(connection, name, context)
            held = user_rows.list_access_keys(connection, account_id, name)
            if len(held) >= user_model.ACCESS_KEYS_MAX:
                raise model.limit_exceeded(
                    f"Cannot exceed quota for AccessKeysPerUser: {user_model.ACCESS_KEYS_MAX}"
                )
            user_rows.insert_access_key(connection, account_id, key)

        await self._database.write(insert)
        described = user_model.describe_access_key(key)
        return {"AccessKey": {**described, "SecretAccessKey": key.secret}}

    async def list_access_keys(self, params: Params, context: RequestContext) -> Result:
        name = own_name(params, context)

        def load(connection: sqlite3.Connection) -> list[AccessKey]:
            find(connection, name, context)
            return user_rows.list_access_keys(connection, context.account.account_id, name)

        keys = await self._database.read(load)
        page, marks = model.cut_page(keys, lambda key: key.key_id, params)
        described = [user_model.describe_access_key(key) for key in page]
        return {"AccessKeyMetadata": described, **marks}

    async def update_access_key(self, params: Params, context: RequestContext) -> Result:
        """Active or Inactive."""

        def update(connection: sqlite3.Connection) -> None:
            key = self._key(connection, params, context)
            account_id, status = context.account.account_id, params["Status"]
            user_rows.update_access_key_status(connection, account_id, key.key_id, status)

        await self._database.write(update)
        return {}

    async def delete_access_key(self, params: Params, context: RequestContext) -> Result:
        def delete(connection: sqlite3.Connection) -> None:
            key = self._key(connection, params, context)
            user_rows.delete_access_key(connection, context.account.account_id, key.key_id)

        await self._database.write(delete)
        return {}

    async def get_access_key_last_used(self, params: Params, context: RequestContext) -> Result:
        key_id, account_id = params["AccessKeyId"], context.account.account_id
        key = await self._database.read(
            lambda connection: user_rows.find_access_key(connection, account_id, key_id)
        )
        if key is None:
            # What AWS answers; there a stranger's key exists as little. [LS] test_access_key_errors
            raise LambdaError(
                "AccessDenied",
                f"User: {context.principal.arn} is not authorized to perform"
                f" iam:GetAccessKeyLastUsed on resource: access key {key_id}",
            )
        last_use = user_model.describe_last_use(key.last_use)
        return {"UserName": key.user, "AccessKeyLastUsed": last_use}

    def _key(
        self, connection: sqlite3.Connection, params: Params, context: RequestContext
    ) -> AccessKey:
        """The key that the call names, of the user that it names. Raises NoSuchEntity."""
        user = find(connection, own_name(params, context), context)
        key_id = params["AccessKeyId"]
        key = user_rows.find_access_key(connection, context.account.account_id, key_id)
        if key is None or key.user != user.name:
            raise user_model.no_such_access_key(key_id)
        return key
