"""IAM's users and access keys: values, how they look on the wire, their errors."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambent.domain.arns import PARTITION, Account
from lambent.domain.errors import LambdaError
from lambent.services.iam import model

ACCESS_KEYS_MAX = 2  # AWS quota: access keys for each user
ATTACHED_POLICIES_MAX = 10  # AWS quota: managed policies for each user
ACTIVE = "Active"
_SECRET_BYTES = 30  # 40 characters, as AWS's


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    name: str
    path: str = "/"
    user_id: str
    created_s: int
    """Seconds since the epoch."""
    permissions_boundary: str | None = None
    """ARN of a policy."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUse:
    """When an access key signed a request last, and for what."""

    moment_s: int
    service: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    key_id: str
    user: str
    secret: str = field(repr=False)
    status: str = ACTIVE
    """Active | Inactive."""
    created_s: int
    last_use: LastUse | None = None


def new_access_key(user: str, now_s: int) -> AccessKey:
    """A key that nobody else has."""
    return AccessKey(
        key_id=model.new_id("AKIA")[:20],
        user=user,
        secret=base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode(),
        created_s=now_s,
    )


def user_arn(account: Account, name: str, path: str) -> str:
    return f"arn:{PARTITION}:iam::{account.account_id}:user{path}{name}"


# On the wire. Fields: [B] and LocalStack's recordings of AWS, test_iam_users.snapshot.json.


def describe_user(user: User, account: Account) -> dict[str, Any]:
    """The User as lists show it."""
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.user_id,
        "Arn": user_arn(account, user.name, user.path),
        "CreateDate": model.format_date(user.created_s),
    }


def describe_user_fully(user: User, account: Account) -> dict[str, Any]:
    """With boundary and tags, as GetUser and CreateUser show it."""
    described = describe_user(user, account)
    if user.permissions_boundary is not None:
        described["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": user.permissions_boundary,
        }
    if user.tags:
        described["Tags"] = model.describe_tags(user.tags)
    return described


def describe_access_key(key: AccessKey) -> dict[str, Any]:
    """Without the secret, which only CreateAccessKey tells."""
    return {
        "UserName": key.user,
        "AccessKeyId": key.key_id,
        "Status": key.status,
        "CreateDate": model.format_date(key.created_s),
    }


def describe_last_use(use: LastUse | None) -> dict[str, Any]:
    """A key that was never used says N/A ([B] AccessKeyLastUsed)."""
    if use is None:
        return {"ServiceName": "N/A", "Region": "N/A"}
    return {
        "LastUsedDate": model.format_date(use.moment_s),
        "ServiceName": use.service,
        "Region": use.region,
    }


# Errors


def no_such_user(name: str) -> LambdaError:
    return model.no_such_entity(f"The user with name {name} cannot be found.")


def no_such_user_policy(name: str) -> LambdaError:
    return model.no_such_entity(f"The user policy with name {name} cannot be found.")


def no_such_access_key(key_id: str) -> LambdaError:
    return model.no_such_entity(f"The Access Key with id {key_id} cannot be found.")
