"""IAM's operations on customer managed policies and their versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from lambent.clock import Clock
from lambent.domain.errors import LambdaError
from lambent.domain.request import Handler, RequestContext
from lambent.services.iam import model, rows
from lambent.services.iam.model import Policy, PolicyVersion
from lambent.store.database import Database

Params = dict[str, Any]
Result = dict[str, Any]


class Policies:
    """One function an operation; what it checks and what it changes share one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreatePolicy": self.create_policy,
            "GetPolicy": self.get_policy,
            "DeletePolicy": self.delete_policy,
            "ListPolicies": self.list_policies,
            "CreatePolicyVersion": self.create_policy_version,
            "GetPolicyVersion": self.get_policy_version,
            "SetDefaultPolicyVersion": self.set_default_policy_version,
            "DeletePolicyVersion": self.delete_policy_version,
            "ListPolicyVersions": self.list_policy_versions,
        }

    async def create_policy(self, params: Params, context: RequestContext) -> Result:
        model.check_policy(params["PolicyDocument"])
        now_s = int(self._clock.wall_s())
        name, path = params["PolicyName"], params.get("Path", "/")
        policy = Policy(
            arn=model.policy_arn(context.account, name, path),
            name=name,
            path=path,
            policy_id=model.new_id("ANPA"),
            created_s=now_s,
            updated_s=now_s,
            description=params.get("Description"),
            tags=model.parse_tags(params.get("Tags", [])),
        )
        first = PolicyVersion(version=1, created_s=now_s, document=params["PolicyDocument"])

        def insert(connection: sqlite3.Connection) -> None:
            account_id = context.account.account_id
            if not rows.insert_policy(connection, account_id, policy):
                raise LambdaError(
                    "EntityAlreadyExists",
                    f"A policy called {name} already exists. Duplicate names are not allowed.",
                )
            rows.insert_policy_version(connection, account_id, policy.arn, first)

        await self._database.write(insert)
        described = model.describe_policy(policy)
        if policy.tags:
            described["Tags"] = model.describe_tags(policy.tags)
        return {"Policy": described}

    async def get_policy(self, params: Params, context: RequestContext) -> Result:
        """AWS's own policies have no row, and so no answer here."""
        policy = await self._database.read(lambda connection: _policy(connection, params, context))
        tags = model.describe_tags(policy.tags)
        return {"Policy": {**model.describe_policy(policy), "Tags": tags}}

    async def delete_policy(self, params: Params, context: RequestContext) -> Result:
        def delete(connection: sqlite3.Connection) -> None:
            policy = _policy(connection, params, context)
            account_id = context.account.account_id
            if policy.attachments:
                raise model.delete_conflict("Cannot delete a policy attached to entities.")
            if len(rows.list_policy_versions(connection, account_id, policy.arn)) > 1:
                raise model.delete_conflict(
                    "This policy has more than one version. Before you delete a policy, you must"
                    " delete the policy's versions. The default version is deleted with the policy."
                )
            rows.delete_policy(connection, account_id, policy.arn)

        await self._database.write(delete)
        return {}

    async def list_policies(self, params: Params, context: RequestContext) -> Result:
        """The customer's; of AWS's own none are listed."""
        if params.get("Scope") == "AWS":
            return {"Policies": [], "IsTruncated": False}
        found = await self._database.read(
            lambda connection: rows.list_policies(
                connection, context.account.account_id, params.get("PathPrefix", "/")
            )
        )
        if params.get("OnlyAttached"):
            found = [policy for policy in found if policy.attachments]
        page, marks = model.cut_page(found, lambda policy: policy.name, params)
        return {"Policies": [model.describe_policy(policy) for policy in page], **marks}

    # Versions

    async def create_policy_version(self, params: Params, context: RequestContext) -> Result:
        model.check_policy(params["PolicyDocument"])
        now_s = int(self._clock.wall_s())

        def insert(connection: sqlite3.Connection) -> Result:
            policy = _policy(connection, params, context)
            account_id = context.account.account_id
            held = rows.list_policy_versions(connection, account_id, policy.arn)
            if len(held) >= model.POLICY_VERSIONS_MAX:
                raise model.limit_exceeded(
                    "A managed policy can have up to 5 versions. Before you create a new version,"
                    " you must delete an existing version."
                )
            version = PolicyVersion(
                version=policy.last_version + 1,
                created_s=now_s,
                document=params["PolicyDocument"],
            )
            rows.insert_policy_version(connection, account_id, policy.arn, version)
            if params.get("SetAsDefault"):
                rows.update_default_version(connection, account_id, policy.arn, version.version)
            return model.describe_policy_version(version, _policy(connection, params, context))

        return {"PolicyVersion": await self._database.write(insert)}

    async def get_policy_version(self, params: Params, context: RequestContext) -> Result:
        policy, version = await self._database.read(
            lambda connection: _version(connection, params, context)
        )
        described = model.describe_policy_version(version, policy)
        described["Document"] = model.format_document(version.document)
        return {"PolicyVersion": described}

    async def set_default_policy_version(self, params: Params, context: RequestContext) -> Result:
        def update(connection: sqlite3.Connection) -> None:
            policy, version = _version(connection, params, context)
            account_id = context.account.account_id
            rows.update_default_version(connection, account_id, policy.arn, version.version)

        await self._database.write(update)
        return {}

    async def delete_policy_version(self, params: Params, context: RequestContext) -> Result:
        def delete(connection: sqlite3.Connection) -> None:
            policy, version = _version(connection, params, context)
            if version.version == policy.default_version:
                raise model.delete_conflict("Cannot delete the default version of a policy.")
            account_id = context.account.account_id
            rows.delete_policy_version(connection, account_id, policy.arn, version.version)

        await self._database.write(delete)
        return {}

    async def list_policy_versions(self, params: Params, context: RequestContext) -> Result:
        def find(connection: sqlite3.Connection) -> list[Result]:
            policy = _policy(connection, params, context)
            found = rows.list_policy_versions(connection, context.account.account_id, policy.arn)
            return [model.describe_policy_version(version, policy) for version in found]

        return {"Versions": await self._database.read(find), "IsTruncated": False}  # at most five


def _policy(connection: sqlite3.Connection, params: Params, context: RequestContext) -> Policy:
    """The policy that the call names. Raises NoSuchEntity, ValidationError."""
    arn = params["PolicyArn"]
    model.policy_name(arn)
    policy = rows.find_policy(connection, context.account.account_id, arn)
    if policy is None:
        raise model.no_such_policy(arn)
    return policy


def _version(
    connection: sqlite3.Connection, params: Params, context: RequestContext
) -> tuple[Policy, PolicyVersion]:
    """The policy and the version that the call names. Raises NoSuchEntity, ValidationError."""
    arn, version_id = params["PolicyArn"], params["VersionId"]
    model.policy_name(arn)
    account_id = context.account.account_id
    policy = rows.find_policy(connection, account_id, arn)
    if policy is not None:
        for version in rows.list_policy_versions(connection, account_id, arn):
            if f"v{version.version}" == version_id:
                return policy, version
    raise model.no_such_version(arn, version_id)
