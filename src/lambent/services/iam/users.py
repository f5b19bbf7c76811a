"""IAM's operations on users, their inline and attached policies and their tags."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from lambent.clock import Clock
from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.request import Handler, RequestContext
from lambent.services.iam import model, rows, user_model, user_rows
from lambent.services.iam.user_model import User
from lambent.store.database import Database

Params = dict[str, Any]
Result = dict[str, Any]


class Users:
    """One function an operation; what it checks and what it changes share one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateUser": self.create_user,
            "GetUser": self.get_user,
            "ListUsers": self.list_users,
            "UpdateUser": self.update_user,
            "DeleteUser": self.delete_user,
            "ListGroupsForUser": self.list_groups_for_user,
            "PutUserPermissionsBoundary": self.put_user_permissions_boundary,
            "DeleteUserPermissionsBoundary": self.delete_user_permissions_boundary,
            "PutUserPolicy": self.put_user_policy,
            "GetUserPolicy": self.get_user_policy,
            "ListUserPolicies": self.list_user_policies,
            "DeleteUserPolicy": self.delete_user_policy,
            "AttachUserPolicy": self.attach_user_policy,
            "DetachUserPolicy": self.detach_user_policy,
            "ListAttachedUserPolicies": self.list_attached_user_policies,
            "TagUser": self.tag_user,
            "UntagUser": self.untag_user,
            "ListUserTags": self.list_user_tags,
        }

    # Users

    async def create_user(self, params: Params, context: RequestContext) -> Result:
        user = User(
            name=params["UserName"],
            path=params.get("Path", "/"),
            user_id=model.new_id("AIDA"),
            created_s=int(self._clock.wall_s()),
            permissions_boundary=params.get("PermissionsBoundary"),
            tags=model.parse_tags(params.get("Tags", [])),
        )
        account = context.account

        def insert(connection: sqlite3.Connection) -> None:
            if user.permissions_boundary is not None:
                _check_policy_exists(connection, account.account_id, user.permissions_boundary)
            if not user_rows.insert_user(connection, account.account_id, user):
                raise LambdaError(
                    "EntityAlreadyExists", f"User with name {user.name} already exists."
                )

        await self._database.write(insert)
        return {"User": user_model.describe_user_fully(user, account)}

    async def get_user(self, params: Params, context: RequestContext) -> Result:
        """Without a name: the caller's own."""
        name = own_name(params, context)
        user = await self._database.read(lambda connection: find(connection, name, context))
        return {"User": user_model.describe_user_fully(user, context.account)}

    async def list_users(self, params: Params, context: RequestContext) -> Result:
        account = context.account
        users = await self._database.read(
            lambda connection: user_rows.list_users(
                connection, account.account_id, params.get("PathPrefix", "/")
            )
        )
        page, marks = model.cut_page(users, lambda user: user.name, params)
        return {"Users": [user_model.describe_user(user, account) for user in page], **marks}

    async def update_user(self, params: Params, context: RequestContext) -> Result:
        """A new name, a new path; keys and policies go along."""

        def update(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            name = params.get("NewUserName", user.name)
            path = params.get("NewPath", user.path)
            account_id = context.account.account_id
            if not user_rows.rename_user(connection, account_id, user.name, name, path):
                raise LambdaError("EntityAlreadyExists", f"User with name {name} already exists.")

        await self._database.write(update)
        return {}

    async def delete_user(self, params: Params, context: RequestContext) -> Result:
        name, account_id = params["UserName"], context.account.account_id

        def delete(connection: sqlite3.Connection) -> None:
            find(connection, name, context)
            if user_rows.list_attached_user_policies(connection, account_id, name):
                raise model.delete_conflict("Cannot delete entity, must detach all policies first.")
            if user_rows.load_user_policies(connection, account_id, name):
                raise model.delete_conflict("Cannot delete entity, must delete policies first.")
            if user_rows.list_access_keys(connection, account_id, name):
                raise model.delete_conflict("Cannot delete entity, must delete access keys first.")
            user_rows.delete_user(connection, account_id, name)

        await self._database.write(delete)
        return {}

    async def list_groups_for_user(self, params: Params, context: RequestContext) -> Result:
        """There are none; deploy tools ask before they delete a user."""
        await self._database.read(lambda connection: find(connection, params["UserName"], context))
        return {"Groups": [], "IsTruncated": False}

    async def put_user_permissions_boundary(
        self, params: Params, context: RequestContext
    ) -> Result:
        arn, account_id = params["PermissionsBoundary"], context.account.account_id

        def store(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            _check_policy_exists(connection, account_id, arn)
            user_rows.update_user_boundary(connection, account_id, user.name, arn)

        await self._database.write(store)
        return {}

    async def delete_user_permissions_boundary(
        self, params: Params, context: RequestContext
    ) -> Result:
        def delete(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            account_id = context.account.account_id
            user_rows.update_user_boundary(connection, account_id, user.name, None)

        await self._database.write(delete)
        return {}

    # Inline policies

    async def put_user_policy(self, params: Params, context: RequestContext) -> Result:
        document = params["PolicyDocument"]
        model.check_policy(document)

        def store(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            account_id = context.account.account_id
            name = params["PolicyName"]
            user_rows.store_user_policy(connection, account_id, user.name, name, document)

        await self._database.write(store)
        return {}

    async def get_user_policy(self, params: Params, context: RequestContext) -> Result:
        user_name, name = params["UserName"], params["PolicyName"]
        documents = await self._inline(user_name, context)
        if name not in documents:
            raise user_model.no_such_user_policy(name)
        return {
            "UserName": user_name,
            "PolicyName": name,
            "PolicyDocument": model.format_document(documents[name]),
        }

    async def list_user_policies(self, params: Params, context: RequestContext) -> Result:
        names = sorted(await self._inline(params["UserName"], context))
        page, marks = model.cut_page(names, str, params)
        return {"PolicyNames": [*page], **marks}

    async def delete_user_policy(self, params: Params, context: RequestContext) -> Result:
        def delete(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            account_id, name = context.account.account_id, params["PolicyName"]
            if not user_rows.delete_user_policy(connection, account_id, user.name, name):
                raise user_model.no_such_user_policy(name)

        await self._database.write(delete)
        return {}

    async def _inline(self, user_name: str, context: RequestContext) -> dict[str, str]:
        def load(connection: sqlite3.Connection) -> dict[str, str]:
            user = find(connection, user_name, context)
            account_id = context.account.account_id
            return user_rows.load_user_policies(connection, account_id, user.name)

        return await self._database.read(load)

    # Attached policies

    async def attach_user_policy(self, params: Params, context: RequestContext) -> Result:
        """Attaching what is attached changes nothing. AWS's own policies need no row."""
        arn, account_id = params["PolicyArn"], context.account.account_id
        model.policy_name(arn)

        def attach(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            _check_policy_exists(connection, account_id, arn)
            attached = user_rows.list_attached_user_policies(connection, account_id, user.name)
            if arn not in attached and len(attached) >= user_model.ATTACHED_POLICIES_MAX:
                raise model.limit_exceeded(
                    f"Cannot exceed quota for PoliciesPerUser: {user_model.ATTACHED_POLICIES_MAX}"
                )
            user_rows.attach_user_policy(connection, account_id, user.name, arn)

        await self._database.write(attach)
        return {}

    async def detach_user_policy(self, params: Params, context: RequestContext) -> Result:
        arn = params["PolicyArn"]
        model.policy_name(arn)

        def detach(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            account_id = context.account.account_id
            if not user_rows.detach_user_policy(connection, account_id, user.name, arn):
                raise model.no_such_policy(arn)

        await self._database.write(detach)
        return {}

    async def list_attached_user_policies(self, params: Params, context: RequestContext) -> Result:
        def load(connection: sqlite3.Connection) -> list[str]:
            user = find(connection, params["UserName"], context)
            account_id = context.account.account_id
            return user_rows.list_attached_user_policies(connection, account_id, user.name)

        prefix = params.get("PathPrefix", "/")
        arns = await self._database.read(load)
        under = [arn for arn in arns if arn.split(":policy", 1)[1].startswith(prefix)]
        page, marks = model.cut_page(under, str, params)
        policies = [{"PolicyName": model.policy_name(arn), "PolicyArn": arn} for arn in page]
        return {"AttachedPolicies": policies, **marks}

    # Tags

    async def tag_user(self, params: Params, context: RequestContext) -> Result:
        added = model.parse_tags(params["Tags"])

        def tag(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            tags = {**user.tags, **added}
            if len(tags) > model.TAGS_MAX:
                raise model.limit_exceeded("The number of tags has reached the maximum limit.")
            user_rows.update_user_tags(connection, context.account.account_id, user.name, tags)

        await self._database.write(tag)
        return {}

    async def untag_user(self, params: Params, context: RequestContext) -> Result:
        removed = set(params["TagKeys"])

        def untag(connection: sqlite3.Connection) -> None:
            user = find(connection, params["UserName"], context)
            tags = {key: value for key, value in user.tags.items() if key not in removed}
            user_rows.update_user_tags(connection, context.account.account_id, user.name, tags)

        await self._database.write(untag)
        return {}

    async def list_user_tags(self, params: Params, context: RequestContext) -> Result:
        name = params["UserName"]
        user = await self._database.read(lambda connection: find(connection, name, context))
        keys = sorted(user.tags)
        page, marks = model.cut_page(keys, str, params)
        return {"Tags": model.describe_tags({key: user.tags[key] for key in page}), **marks}


def find(connection: sqlite3.Connection, name: str, context: RequestContext) -> User:
    """The user of that name. Raises NoSuchEntity."""
    user = user_rows.find_user(connection, context.account.account_id, name)
    if user is None:
        raise user_model.no_such_user(name)
    return user


def own_name(params: Params, context: RequestContext) -> str:
    """The user that the call names, else the one that makes it."""
    name = params.get("UserName")
    if name is not None:
        return str(name)
    if context.principal.kind == "user":
        return context.principal.arn.rpartition("/")[2]
    if context.principal.kind == "root":
        raise not_supported("this operation on the account's root; give UserName")
    raise LambdaError(
        "ValidationError", "Must specify userName when calling with non-User credentials"
    )


def _check_policy_exists(connection: sqlite3.Connection, account_id: str, arn: str) -> None:
    model.policy_name(arn)
    if not model.is_aws_managed(arn) and rows.find_policy(connection, account_id, arn) is None:
        raise model.no_such_entity(f"Policy {arn} does not exist or is not attachable.")
