"""IAM's values: roles and policies, how they look on the wire, and their errors."""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from lambent.domain.arns import PARTITION, Account
from lambent.domain.errors import LambdaError
from lambent.policy.document import PolicyKind, PolicySyntaxError, parse_policy

T = TypeVar("T")

TAGS_MAX = 50  # [B]
PAGE_ITEMS = 100  # [B] MaxItems' default
SESSION_S_DEFAULT = 3_600  # [B]
ATTACHED_POLICIES_MAX = 10  # AWS quota: managed policies for each role
POLICY_VERSIONS_MAX = 5  # AWS quota
_ID_CHARACTERS = string.ascii_uppercase + string.digits
_POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::(?:aws|\d{12}):policy(?:/[^/]+)*/(?P<name>[^/]+)")
_MANAGED_PREFIX = f"arn:{PARTITION}:iam::aws:policy/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    name: str
    path: str = "/"
    role_id: str
    created_s: int
    """Seconds since the epoch."""
    trust_policy: str
    """AssumeRolePolicyDocument, as given."""
    description: str | None = None
    session_s_max: int = SESSION_S_DEFAULT
    permissions_boundary: str | None = None
    """ARN of a policy."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A customer managed policy."""

    arn: str
    name: str
    path: str = "/"
    policy_id: str
    created_s: int
    updated_s: int
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    default_version: int = 1
    last_version: int = 1
    attachments: int = 0
    """Roles and users that it is attached to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    version: int
    created_s: int
    document: str


def new_id(prefix: str) -> str:
    """A unique id as AWS makes them: four letters that tell the kind, 17 more."""
    return prefix + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(17))


def policy_arn(account: Account, name: str, path: str) -> str:
    return f"arn:{PARTITION}:iam::{account.account_id}:policy{path}{name}"


def policy_name(arn: str) -> str:
    """The last part of a policy's ARN. Raises ValidationError for what is not one."""
    match = _POLICY_ARN.fullmatch(arn)
    if match is None:
        raise LambdaError("ValidationError", f"ARN {arn} is not valid.")
    return match["name"]


def is_aws_managed(arn: str) -> bool:
    """Policies of AWS's own exist without a row."""
    return arn.startswith(_MANAGED_PREFIX)


# On the wire. Source of which field appears where: LocalStack's recordings of AWS,
# test_iam_roles.snapshot.json and test_iam_policies.snapshot.json (2026-02).


def describe_created_role(role: Role, account: Account) -> dict[str, Any]:
    """The Role in CreateRole's answer."""
    described: dict[str, Any] = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": account.role_arn(role.name, role.path),
        "CreateDate": format_date(role.created_s),
        "AssumeRolePolicyDocument": format_document(role.trust_policy),
    }
    if role.permissions_boundary is not None:
        described["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": role.permissions_boundary,
        }
    if role.tags:
        described["Tags"] = describe_tags(role.tags)
    return described


def describe_listed_role(role: Role, account: Account) -> dict[str, Any]:
    """The Role in ListRoles' answer: without tags and boundary."""
    described = describe_created_role(role, account)
    described.pop("Tags", None)
    described.pop("PermissionsBoundary", None)
    described["MaxSessionDuration"] = role.session_s_max
    if role.description is not None:
        described["Description"] = role.description
    return described


def describe_role(role: Role, account: Account) -> dict[str, Any]:
    """The Role in GetRole's answer."""
    listed, created = describe_listed_role(role, account), describe_created_role(role, account)
    return {**listed, **created, "RoleLastUsed": {}}


def describe_policy(policy: Policy) -> dict[str, Any]:
    described: dict[str, Any] = {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": policy.attachments,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": format_date(policy.created_s),
        "UpdateDate": format_date(policy.updated_s),
    }
    if policy.description is not None:
        described["Description"] = policy.description
    return described


def describe_policy_version(version: PolicyVersion, policy: Policy) -> dict[str, Any]:
    """Without the document, as lists show it."""
    return {
        "VersionId": f"v{version.version}",
        "IsDefaultVersion": version.version == policy.default_version,
        "CreateDate": format_date(version.created_s),
    }


def describe_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def format_document(document: str) -> str:
    """Policy documents come back percent-encoded (RFC 3986). Source: botocore's model."""
    return quote(document, safe="")


def format_date(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# Parameters


def parse_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags by key. Raises InvalidInput where two keys differ in case only."""
    parsed = {tag["Key"]: tag["Value"] for tag in tags}
    if len({tag["Key"].lower() for tag in tags}) < len(list(tags)):
        raise LambdaError(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
    return parsed


def check_trust_policy(document: str) -> None:
    """Raises MalformedPolicyDocument. Source of the texts: the recordings, test_iam_roles."""
    for statement in _statements(document, "This policy contains invalid Json"):
        if "Resource" in statement or "NotResource" in statement:
            raise malformed_policy("Has prohibited field Resource")
        actions = statement.get("Action", [])
        for action in [actions] if isinstance(actions, str) else actions:
            if not str(action).lower().startswith("sts:"):
                raise malformed_policy("AssumeRole policy may only specify STS AssumeRole actions.")
    _check_language(document, PolicyKind.TRUST)


def check_policy(document: str) -> None:
    """Raises MalformedPolicyDocument for what could not be evaluated."""
    _statements(document, "Syntax errors in policy.")
    _check_language(document, PolicyKind.IDENTITY)


def _check_language(document: str, kind: PolicyKind) -> None:
    try:
        parse_policy(document, kind=kind)
    except PolicySyntaxError as error:
        raise malformed_policy(error.message) from None


def _statements(document: str, complaint: str) -> Sequence[Mapping[str, Any]]:
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        raise malformed_policy(complaint) from None
    statements = parsed.get("Statement") if isinstance(parsed, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not all(isinstance(item, dict) for item in statements):
        raise malformed_policy(complaint)
    return statements


def cut_page(
    items: Sequence[T], key: Callable[[T], str], params: Mapping[str, Any]
) -> tuple[Sequence[T], dict[str, Any]]:
    """The page of `items` (sorted by `key`) for Marker and MaxItems, and what says if it is all."""
    if "Marker" in params:
        after = _parse_marker(params["Marker"])
        items = [item for item in items if key(item) > after]
    size = params.get("MaxItems", PAGE_ITEMS)
    if len(items) <= size:
        return items, {"IsTruncated": False}
    marker = base64.urlsafe_b64encode(key(items[size - 1]).encode()).decode()
    return items[:size], {"IsTruncated": True, "Marker": marker}


def _parse_marker(marker: str) -> str:
    try:
        return base64.b64decode(marker.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error):
        raise LambdaError("ValidationError", f"Invalid Marker: {marker}") from None


# Errors


def malformed_policy(message: str) -> LambdaError:
    return LambdaError("MalformedPolicyDocument", message)


def no_such_entity(message: str) -> LambdaError:
    return LambdaError("NoSuchEntity", message)


def no_such_role(name: str) -> LambdaError:
    return no_such_entity(f"The role with name {name} cannot be found.")


def no_such_role_policy(name: str) -> LambdaError:
    return no_such_entity(f"The role policy with name {name} cannot be found.")


def no_such_policy(arn: str) -> LambdaError:
    return no_such_entity(f"Policy {arn} was not found.")


def no_such_version(arn: str, version_id: str) -> LambdaError:
    return no_such_entity(f"Policy {arn} version {version_id} does not exist or is not attachable.")


def delete_conflict(message: str) -> LambdaError:
    return LambdaError("DeleteConflict", message)


def limit_exceeded(message: str) -> LambdaError:
    return LambdaError("LimitExceeded", message)
