"""IAM's operations on roles, their inline and attached policies and their tags."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from lambent.clock import Clock
from lambent.domain.errors import LambdaError
from lambent.domain.request import Handler, RequestContext
from lambent.services.iam import model, rows
from lambent.services.iam.model import Role
from lambent.store.database import Database

Params = dict[str, Any]
Result = dict[str, Any]


class Roles:
    """One function an operation; what it checks and what it changes share one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateRole": self.create_role,
            "GetRole": self.get_role,
            "DeleteRole": self.delete_role,
            "ListRoles": self.list_roles,
            "UpdateRole": self.update_role,
            "UpdateAssumeRolePolicy": self.update_assume_role_policy,
            "ListInstanceProfilesForRole": self.list_instance_profiles_for_role,
            "PutRolePolicy": self.put_role_policy,
            "GetRolePolicy": self.get_role_policy,
            "DeleteRolePolicy": self.delete_role_policy,
            "ListRolePolicies": self.list_role_policies,
            "AttachRolePolicy": self.attach_role_policy,
            "DetachRolePolicy": self.detach_role_policy,
            "ListAttachedRolePolicies": self.list_attached_role_policies,
            "TagRole": self.tag_role,
            "UntagRole": self.untag_role,
            "ListRoleTags": self.list_role_tags,
        }

    # Roles

    async def create_role(self, params: Params, context: RequestContext) -> Result:
        model.check_trust_policy(params["AssumeRolePolicyDocument"])
        role = Role(
            name=params["RoleName"],
            path=params.get("Path", "/"),
            role_id=model.new_id("AROA"),
            created_s=int(self._clock.wall_s()),
            trust_policy=params["AssumeRolePolicyDocument"],
            description=params.get("Description"),
            session_s_max=params.get("MaxSessionDuration", model.SESSION_S_DEFAULT),
            permissions_boundary=params.get("PermissionsBoundary"),
            tags=model.parse_tags(params.get("Tags", [])),
        )
        account = context.account
        if not await self._database.write(
            lambda connection: rows.insert_role(connection, account.account_id, role)
        ):
            raise LambdaError("EntityAlreadyExists", f"Role with name {role.name} already exists.")
        return {"Role": model.describe_created_role(role, account)}

    async def get_role(self, params: Params, context: RequestContext) -> Result:
        role = await self._database.read(lambda connection: _role(connection, params, context))
        return {"Role": model.describe_role(role, context.account)}

    async def delete_role(self, params: Params, context: RequestContext) -> Result:
        name, account_id = params["RoleName"], context.account.account_id

        def delete(connection: sqlite3.Connection) -> None:
            _role(connection, params, context)
            if rows.list_attached_policies(connection, account_id, name):
                raise model.delete_conflict("Cannot delete entity, must detach all policies first.")
            if rows.list_role_policies(connection, account_id, name):
                raise model.delete_conflict("Cannot delete entity, must delete policies first.")
            rows.delete_role(connection, account_id, name)

        await self._database.write(delete)
        return {}

    async def list_roles(self, params: Params, context: RequestContext) -> Result:
        account = context.account
        roles = await self._database.read(
            lambda connection: rows.list_roles(
                connection, account.account_id, params.get("PathPrefix", "/")
            )
        )
        page, marks = model.cut_page(roles, lambda role: role.name, params)
        return {"Roles": [model.describe_listed_role(role, account) for role in page], **marks}

    async def update_role(self, params: Params, context: RequestContext) -> Result:
        """What is not given stays. Source: the recordings, test_update_role."""
        name, account_id = params["RoleName"], context.account.account_id

        def update(connection: sqlite3.Connection) -> None:
            role = _role(connection, params, context)
            description = params.get("Description", role.description)
            session_s = params.get("MaxSessionDuration", role.session_s_max)
            rows.update_role(connection, account_id, name, description, session_s)

        await self._database.write(update)
        return {}

    async def update_assume_role_policy(self, params: Params, context: RequestContext) -> Result:
        document = params["PolicyDocument"]
        model.check_trust_policy(document)

        def update(connection: sqlite3.Connection) -> None:
            role = _role(connection, params, context)
            account_id = context.account.account_id
            rows.update_trust_policy(connection, account_id, role.name, document)

        await self._database.write(update)
        return {}

    async def list_instance_profiles_for_role(
        self, params: Params, context: RequestContext
    ) -> Result:
        """There are none; Terraform asks before it deletes a role."""
        await self._database.read(lambda connection: _role(connection, params, context))
        return {"InstanceProfiles": [], "IsTruncated": False}

    # Inline policies

    async def put_role_policy(self, params: Params, context: RequestContext) -> Result:
        document = params["PolicyDocument"]
        model.check_policy(document)

        def store(connection: sqlite3.Connection) -> None:
            role = _role(connection, params, context)
            account_id = context.account.account_id
            name = params["PolicyName"]
            rows.store_role_policy(connection, account_id, role.name, name, document)

        await self._database.write(store)
        return {}

    async def get_role_policy(self, params: Params, context: RequestContext) -> Result:
        role_name, name = params["RoleName"], params["PolicyName"]

        def find(connection: sqlite3.Connection) -> str | None:
            _role(connection, params, context)
            account_id = context.account.account_id
            return rows.find_role_policy(connection, account_id, role_name, name)

        document = await self._database.read(find)
        if document is None:
            raise model.no_such_role_policy(name)
        return {
            "RoleName": role_name,
            "PolicyName": name,
            "PolicyDocument": model.format_document(document),
        }

    async def delete_role_policy(self, params: Params, context: RequestContext) -> Result:
        def delete(connection: sqlite3.Connection) -> None:
            role = _role(connection, params, context)
            account_id, name = context.account.account_id, params["PolicyName"]
            if not rows.delete_role_policy(connection, account_id, role.name, name):
                raise model.no_such_role_policy(name)

        await self._database.write(delete)
        return {}

    async def list_role_policies(self, params: Params, context: RequestContext) -> Result:
        def find(connection: sqlite3.Connection) -> list[str]:
            role = _role(connection, params, context)
            return rows.list_role_policies(connection, context.account.account_id, role.name)

        page, marks = model.cut_page(await self._database.read(find), str, params)
        return {"PolicyNames": [*page], **marks}

    # Attached policies

    async def attach_role_policy(self, params: Params, context: RequestContext) -> Result:
        """Attaching what is attached changes nothing. AWS's own policies need no row."""
        arn, account_id = params["PolicyArn"], context.account.account_id
        model.policy_name(arn)

        def attach(connection: sqlite3.Connection) -> None:
            role = _role(connection, params, context)
            known = model.is_aws_managed(arn) or rows.find_policy(connection, account_id, arn)
            if not known:
                raise model.no_such_entity(f"Policy {arn} does not exist or is not attachable.")
            attached = rows.list_attached_policies(connection, account_id, role.name)
            if arn not in attached and len(attached) >= model.ATTACHED_POLICIES_MAX:
                raise model.limit_exceeded(
                    f"Cannot exceed quota for PoliciesPerRole: {model.ATTACHED_POLICIES_MAX}"
                )
            rows.attach_policy(connection, account_id, role.name, arn)

        await self._database.write(attach)
        return {}

    async def detach_role_policy(self, params: Params, context: RequestContext) -> Result:
        arn = params["PolicyArn"]
        model.policy_name(arn)

        def detach(connection: sqlite3.Connection) -> None:
            role = _role(connection, params, context)
            if not rows.detach_policy(connection, context.account.account_id, role.name, arn):
                raise model.no_such_policy(arn)

        await self._database.write(detach)
        return {}

    async def list_attached_role_policies(self, params: Params, context: RequestContext) -> Result:
        def find(connection: sqlite3.Connection) -> list[str]:
            role = _role(connection, params, context)
            return rows.list_attached_policies(connection, context.account.account_id, role.name)

        prefix = params.get("PathPrefix", "/")
        arns = await self._database.read(find)
        under = [arn for arn in arns if arn.split(":policy", 1)[1].startswith(prefix)]
        page, marks = model.cut_page(under, str, params)
        policies = [{"PolicyName": model.policy_name(arn), "PolicyArn": arn} for arn in page]
        return {"AttachedPolicies": policies, **marks}

    # Tags

    async def tag_role(self, params: Params, context: RequestContext) -> Result:
        added = model.parse_tags(params["Tags"])

        def tag(connection: sqlite3.Connection) -> None:
            role = _role(connection, params, context)
            tags = {**role.tags, **added}
            if len(tags) > model.TAGS_MAX:
                raise model.limit_exceeded("The number of tags has reached the maximum limit.")
            rows.update_role_tags(connection, context.account.account_id, role.name, tags)

        await self._database.write(tag)
        return {}

    async def untag_role(self, params: Params, context: RequestContext) -> Result:
        removed = set(params["TagKeys"])

        def untag(connection: sqlite3.Connection) -> None:
            role = _role(connection, params, context)
            tags = {key: value for key, value in role.tags.items() if key not in removed}
            rows.update_role_tags(connection, context.account.account_id, role.name, tags)

        await self._database.write(untag)
        return {}

    async def list_role_tags(self, params: Params, context: RequestContext) -> Result:
        role = await self._database.read(lambda connection: _role(connection, params, context))
        keys = sorted(role.tags)
        page, marks = model.cut_page(keys, str, params)
        return {"Tags": model.describe_tags({key: role.tags[key] for key in page}), **marks}


def _role(connection: sqlite3.Connection, params: Params, context: RequestContext) -> Role:
    """The role that the call names. Raises NoSuchEntity."""
    role = rows.find_role(connection, context.account.account_id, params["RoleName"])
    if role is None:
        raise model.no_such_role(params["RoleName"])
    return role
