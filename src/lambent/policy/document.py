"""Policy documents: from text to values that decide, or a refusal in AWS's words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lambent.policy.conditions import Condition, UnknownOperator
from lambent.policy.wildcards import Pattern


class PolicyKind(Enum):
    """What a document hangs on."""

    IDENTITY = "identity"
    """On a user, a role, a session, or as a boundary: names no principal."""
    RESOURCE = "resource"
    """On a function or a layer: names its principals."""
    TRUST = "trust"
    """On a role: who may assume it. Names no resource."""


class Effect(Enum):
    """What a statement does."""

    ALLOW = "Allow"
    DENY = "Deny"


class PolicySyntaxError(Exception):
    """The document is none that AWS would take; `message` is AWS's text where it is known."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class PrincipalEntry:
    """One entry of a Principal element."""

    type: str
    """`AWS`, `Service`, `Federated`, `CanonicalUser`."""
    value: str
    """`*`, an ARN, a service's name; an account's id for an account in any of its spellings."""


EVERYONE = PrincipalEntry("AWS", "*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement; a member with `not_` beside it is turned round by it."""

    sid: str | None
    effect: Effect
    principals: tuple[PrincipalEntry, ...] | None
    """None: the document names none."""
    not_principals: bool
    actions: tuple[Pattern, ...]
    not_actions: bool
    resources: tuple[Pattern, ...] | None
    """None: the document names none."""
    not_resources: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """A policy, ready to decide."""

    kind: PolicyKind
    version: str
    id: str | None
    statements: tuple[Statement, ...]


DEFAULT_VERSION = "2008-10-17"
VARIABLES_VERSION = "2012-10-17"

# AWS's texts: answers of IAM and STS that users quote in issues and forums; those of the last
# group are used wherever the exact text is not known.
_BAD_JSON = "This policy contains invalid Json"
_NO_PRINCIPAL = "Policy document should not specify a principal."
_PROHIBITED = "Has prohibited field {}"
_MISSING = "Missing required field {}"
_SID_TWICE = "Statement IDs (SID) in a single policy must be unique."
_SID_PATTERN = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
    "expression [0-9A-Za-z]*"
)
_NO_ACTIONS = "Policy statement must contain actions."
_NO_RESOURCES = "Policy statement must contain resources."
_VENDOR_MISSING = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
_VENDOR = "Vendor {} is not valid"
_NOT_AN_ARN = 'Resource {} must be in ARN format or "*".'
_PARTITION = 'Partition "{}" is not valid for resource "{}".'
_RESOURCE_VENDOR = "Resource vendor must be fully qualified and cannot contain regexes."
_PRINCIPAL = 'Invalid principal in policy: "{}":"{}"'
_NOT_STS = "AssumeRole policy may only specify STS AssumeRole actions."
_SYNTAX = "Syntax errors in policy."

_ALNUM = re.compile(r"[0-9A-Za-z]*\Z")
_ACTION_VENDOR = re.compile(r"[A-Za-z0-9-]+\Z|\*\Z")
_PARTITION_NAME = re.compile(r"aws[a-z*?-]*\Z|\*\Z")
_VENDOR_NAME = re.compile(r"[a-zA-Z0-9-]+\Z")
_ACCOUNT_ID = re.compile(r"\d{12}\Z")
_ACCOUNT_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root\Z")
_PRINCIPAL_ARN = re.compile(
    r"arn:aws[a-z-]*:(iam::\d{12}:(user|role)/[\w+=,.@/-]+"
    r"|sts::\d{12}:(assumed-role|federated-user)/[\w+=,.@/-]+)\Z"
)
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,124}\Z")  # what IAM leaves of a deleted user or role
SERVICE_NAME_MAX = 255  # [own] a host's name; the pattern takes the square of the length
_SERVICE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*\.[a-z.]+\Z")
_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")

_DOCUMENT_FIELDS = {"Version", "Id", "Statement"}
_STATEMENT_FIELDS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}


def parse_policy(text: str | Mapping[str, Any], *, kind: PolicyKind) -> PolicyDocument:
    """The document, checked; raises PolicySyntaxError."""
    raw = _load(text) if isinstance(text, str) else text
    if not isinstance(raw, Mapping) or not set(raw) <= _DOCUMENT_FIELDS:
        raise PolicySyntaxError(_SYNTAX)
    version = raw.get("Version", DEFAULT_VERSION)
    if version not in (DEFAULT_VERSION, VARIABLES_VERSION):
        raise PolicySyntaxError(_SYNTAX)
    if "Statement" not in raw:
        raise PolicySyntaxError(_SYNTAX)
    policy_id = raw.get("Id")
    if policy_id is not None and not isinstance(policy_id, str):
        raise PolicySyntaxError(_SYNTAX)
    found = raw["Statement"]
    statements = found if isinstance(found, list | tuple) else [found]
    parse = _StatementParser(kind, variables=version == VARIABLES_VERSION)
    document = PolicyDocument(
        kind=kind,
        version=version,
        id=policy_id,
        statements=tuple(parse.statement(statement) for statement in statements),
    )
    sids = [statement.sid for statement in document.statements if statement.sid]
    if len(set(sids)) != len(sids):
        raise PolicySyntaxError(_SID_TWICE)
    return document


def _load(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise PolicySyntaxError(_BAD_JSON) from None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two members of one name say two things; which of them counts is nobody's guess."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise PolicySyntaxError(_SYNTAX)
    return members


def _no_constant(name: str) -> Any:
    raise PolicySyntaxError(_BAD_JSON)


class _StatementParser:
    """Statements of one document."""

    def __init__(self, kind: PolicyKind, *, variables: bool) -> None:
        self._kind = kind
        self._variables = variables

    def statement(self, raw: Any) -> Statement:
        if not isinstance(raw, Mapping) or not set(raw) <= _STATEMENT_FIELDS:
            raise PolicySyntaxError(_SYNTAX)
        effect = raw.get("Effect")
        if effect not in ("Allow", "Deny"):
            raise PolicySyntaxError(_SYNTAX)
        principals, not_principals = self._principals(raw)
        actions, not_actions = self._actions(raw)
        resources, not_resources = self._resources(raw)
        return Statement(
            sid=self._sid(raw),
            effect=Effect(effect),
            principals=principals,
            not_principals=not_principals,
            actions=actions,
            not_actions=not_actions,
            resources=resources,
            not_resources=not_resources,
            conditions=self._conditions(raw.get("Condition", {})),
        )

    def _sid(self, raw: Mapping[str, Any]) -> str | None:
        sid = raw.get("Sid")
        if sid is not None and not isinstance(sid, str):
            raise PolicySyntaxError(_SYNTAX)
        if sid and self._kind is not PolicyKind.RESOURCE and not _ALNUM.match(sid):
            raise PolicySyntaxError(_SID_PATTERN)
        return sid

    # Principal

    def _principals(self, raw: Mapping[str, Any]) -> tuple[tuple[PrincipalEntry, ...] | None, bool]:
        name = _one_of(raw, "Principal", "NotPrincipal")
        if self._kind is PolicyKind.IDENTITY:
            if name is not None:
                raise PolicySyntaxError(_NO_PRINCIPAL)
            return None, False
        if name is None:
            raise PolicySyntaxError(_MISSING.format("Principal"))
        found = raw[name]
        if found == "*":
            return (EVERYONE,), name == "NotPrincipal"
        if not isinstance(found, Mapping) or not found:
            raise PolicySyntaxError(_SYNTAX)
        entries = [
            _principal(kind, value)
            for kind, values in found.items()
            for value in _strings(values, _SYNTAX)
        ]
        return tuple(entries), name == "NotPrincipal"

    # Action

    def _actions(self, raw: Mapping[str, Any]) -> tuple[tuple[Pattern, ...], bool]:
        name = _one_of(raw, "Action", "NotAction")
        if name is None:
            raise PolicySyntaxError(
                _MISSING.format("Action") if self._kind is PolicyKind.TRUST else _NO_ACTIONS
            )
        actions = _strings(raw[name], _NO_ACTIONS)
        for action in actions:
            vendor, colon, _ = action.partition(":")
            if action != "*" and not colon:
                raise PolicySyntaxError(_VENDOR_MISSING)
            if not _ACTION_VENDOR.match(vendor):
                raise PolicySyntaxError(_VENDOR.format(vendor))
            if self._kind is PolicyKind.TRUST and vendor.lower() != "sts":
                raise PolicySyntaxError(_NOT_STS)
        return tuple(Pattern(action, ignore_case=True) for action in actions), name == "NotAction"

    # Resource

    def _resources(self, raw: Mapping[str, Any]) -> tuple[tuple[Pattern, ...] | None, bool]:
        name = _one_of(raw, "Resource", "NotResource")
        if self._kind is PolicyKind.TRUST:
            if name is not None:
                raise PolicySyntaxError(_PROHIBITED.format("Resource"))
            return None, False
        if name is None:
            raise PolicySyntaxError(_NO_RESOURCES)
        resources = _strings(raw[name], _NO_RESOURCES)
        for resource in resources:
            _check_resource(resource)
        patterns = tuple(Pattern(text, variables=self._variables) for text in resources)
        return patterns, name == "NotResource"

    # Condition

    def _conditions(self, raw: Any) -> tuple[Condition, ...]:
        if not isinstance(raw, Mapping):
            raise PolicySyntaxError(_SYNTAX)
        return tuple(
            self._condition(operator, key, values)
            for operator, block in raw.items()
            for key, values in _members(block)
        )

    def _condition(self, operator: str, key: str, values: Any) -> Condition:
        found = values if isinstance(values, list | tuple) else [values]
        try:
            return Condition(
                operator, key, [_scalar(value) for value in found], variables=self._variables
            )
        except UnknownOperator:
            raise PolicySyntaxError(_SYNTAX) from None


def _one_of(raw: Mapping[str, Any], name: str, opposite: str) -> str | None:
    """Which of the two is there; both together are an error."""
    if name in raw and opposite in raw:
        raise PolicySyntaxError(_SYNTAX)
    return name if name in raw else opposite if opposite in raw else None


def _strings(raw: Any, empty: str) -> list[str]:
    """One text or a list of them, which is not empty."""
    found = [raw] if isinstance(raw, str) else raw
    if not isinstance(found, list | tuple) or not all(isinstance(text, str) for text in found):
        raise PolicySyntaxError(_SYNTAX)
    if not found:
        raise PolicySyntaxError(empty)
    return list(found)


def _members(raw: Any) -> list[tuple[str, Any]]:
    if not isinstance(raw, Mapping):
        raise PolicySyntaxError(_SYNTAX)
    return list(raw.items())


def _scalar(raw: Any) -> str:
    """A condition's value: text, or a number or truth value as JSON writes it."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool | int | float):
        return json.dumps(raw)
    raise PolicySyntaxError(_SYNTAX)


def _principal(kind: str, value: str) -> PrincipalEntry:
    if kind not in _TYPES:
        raise PolicySyntaxError(_PRINCIPAL.format(kind, value))
    if kind == "AWS":
        if value == "*" or _PRINCIPAL_ARN.match(value) or _UNIQUE_ID.match(value):
            return PrincipalEntry(kind, value)
        if _ACCOUNT_ID.match(value):
            return PrincipalEntry(kind, value)
        if account := _ACCOUNT_ARN.match(value):
            return PrincipalEntry(kind, account[1])
        raise PolicySyntaxError(_PRINCIPAL.format(kind, value))
    fits = len(value) <= SERVICE_NAME_MAX and _SERVICE_NAME.match(value)
    if kind == "Service" and not fits:
        raise PolicySyntaxError(_PRINCIPAL.format(kind, value))
    return PrincipalEntry(kind, value)


def _check_resource(resource: str) -> None:
    if resource == "*":
        return
    parts = resource.split(":", 5)
    if parts[0] != "arn" or len(parts) < 2:
        raise PolicySyntaxError(_NOT_AN_ARN.format(resource))
    if not _PARTITION_NAME.match(parts[1]):
        raise PolicySyntaxError(_PARTITION.format(parts[1], resource))
    if len(parts) < 3 or not _VENDOR_NAME.match(parts[2]):
        raise PolicySyntaxError(_RESOURCE_VENDOR)
    if len(parts) < 6 and not resource.endswith("*"):
        raise PolicySyntaxError("The policy failed legacy parsing")
