"""Who asks, and for what: the two values that a policy is evaluated against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PrincipalKind = Literal["root", "user", "assumed-role", "service", "anonymous"]
ContextValue = str | tuple[str, ...]

_PRINCIPAL_TYPES = {  # aws:PrincipalType, IAM User Guide "AWS global condition context keys"
    "root": "Account",
    "user": "User",
    "assumed-role": "AssumedRole",
    "anonymous": "Anonymous",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Whose request it is."""

    kind: PrincipalKind
    account_id: str
    """Of a service: empty."""
    arn: str
    """Of an assumed role: the session's, `arn:aws:sts::ID:assumed-role/ROLE/SESSION`."""
    role_arn: str | None = None
    """Of an assumed role: `arn:aws:iam::ID:role/PATH/ROLE`."""
    service: str | None = None
    """Of a service: e.g. `s3.amazonaws.com`."""
    user_id: str = ""
    """What `aws:userid` is: `AIDA…`, `AROA…:session`, the account's id for its root."""
    org_id: str | None = None
    """The organization of the account, where it has one."""

    @property
    def facts(self) -> Mapping[str, ContextValue]:
        """The condition keys that follow from the principal, in lower case."""
        facts: dict[str, ContextValue] = {
            "aws:principalisawsservice": "true" if self.kind == "service" else "false"
        }
        if self.kind == "service":
            facts["aws:principalservicename"] = self.service or ""
            return facts
        facts["aws:principaltype"] = _PRINCIPAL_TYPES[self.kind]
        if self.kind == "anonymous":
            facts["aws:userid"] = "anonymous"
            return facts
        facts["aws:principalarn"] = self.role_arn or self.arn
        facts["aws:principalaccount"] = self.account_id
        if self.user_id:
            facts["aws:userid"] = self.user_id
        if self.org_id is not None:
            facts["aws:principalorgid"] = self.org_id
        if self.kind == "user":
            facts["aws:username"] = self.arn.rpartition("/")[2]
        return facts


ANONYMOUS = Principal(kind="anonymous", account_id="", arn="")
"""Nobody known: a request without a signature."""


def root_of(account_id: str, org_id: str | None = None) -> Principal:
    """The account itself."""
    arn = f"arn:aws:iam::{account_id}:root"
    return Principal("root", account_id, arn, user_id=account_id, org_id=org_id)


def service_principal(name: str) -> Principal:
    """One of AWS's services, e.g. `events.amazonaws.com`."""
    return Principal(kind="service", account_id="", arn="", service=name)


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One action on one resource."""

    principal: Principal
    action: str
    """E.g. `lambda:InvokeFunction`."""
    resource: str
    """An ARN."""
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    """Condition keys with lower-case names, e.g. `aws:sourcearn`. What follows from the principal
    and the resource is added by the evaluator, and wins."""

    @property
    def resource_account(self) -> str:
        """The account in the resource's ARN; empty where it names none."""
        parts = self.resource.split(":", 5)
        return parts[4] if len(parts) == 6 else ""

    @property
    def facts(self) -> Mapping[str, ContextValue]:
        """All condition keys of the request."""
        facts: dict[str, ContextValue] = {k.lower(): v for k, v in self.context.items()}
        for key in [key for key in facts if key in _OF_THE_PRINCIPAL]:
            del facts[key]
        facts.update(self.principal.facts)
        if account := self.resource_account:
            facts["aws:resourceaccount"] = account
        return facts


_OF_THE_PRINCIPAL = frozenset(
    {
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalisawsservice",
        "aws:principalorgid",
        "aws:principalservicename",
        "aws:principaltype",
        "aws:userid",
        "aws:username",
    }
)
