"""The people, documents and requests of which the table of policy cases is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lambent.policy.evaluator import (
    AccessRequest,
    Decision,
    PolicyDocument,
    PolicyKind,
    Principal,
    evaluate,
    parse_policy,
)
from lambent.policy.principal import ANONYMOUS, ContextValue, root_of, service_principal

OURS, THEIRS = "111122223333", "999988887777"
FUNCTION = f"arn:aws:lambda:us-east-1:{OURS}:function:orders"
INVOKE = "lambda:InvokeFunction"
ORG = "o-abcdefghij"

ALICE_ARN = f"arn:aws:iam::{OURS}:user/team/alice"
ROLE_ARN = f"arn:aws:iam::{OURS}:role/worker"
SESSION_ARN = f"arn:aws:sts::{OURS}:assumed-role/worker/job-1"

ALICE = Principal("user", OURS, ALICE_ARN, user_id="AIDAALICE", org_id=ORG)
BOB = Principal("user", OURS, f"arn:aws:iam::{OURS}:user/bob", user_id="AIDABOB")
WORKER = Principal("assumed-role", OURS, SESSION_ARN, role_arn=ROLE_ARN, user_id="AROAWORKER:job-1")
STRANGER = Principal("user", THEIRS, f"arn:aws:iam::{THEIRS}:user/eve", user_id="AIDAEVE")
ROOT, THEIR_ROOT = root_of(OURS), root_of(THEIRS)
S3 = service_principal("s3.amazonaws.com")
NOBODY = ANONYMOUS

YES, DENIED, NO = Decision.ALLOWED, Decision.EXPLICITLY_DENIED, Decision.IMPLICITLY_DENIED

Raw = dict[str, Any]


def allow(action: str | list[str] = INVOKE, resource: str | list[str] = "*", **more: Any) -> Raw:
    """An Allow statement; `more` replaces members, None takes one out."""
    raw = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return {key: value for key, value in raw.items() if value is not None}


def deny(action: str | list[str] = INVOKE, resource: str | list[str] = "*", **more: Any) -> Raw:
    """A Deny statement."""
    return {**allow(action, resource, **more), "Effect": "Deny"}


def to(principal: Any, **more: Any) -> Raw:
    """A resource policy's Allow on our function."""
    return allow(resource=FUNCTION, Principal=principal, **more)


def trusting(principal: Any) -> Raw:
    """A trust policy's Allow."""
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}


def document(
    *statements: Raw, kind: PolicyKind = PolicyKind.IDENTITY, version: str = "2012-10-17"
) -> PolicyDocument:
    """A parsed document."""
    return parse_policy({"Version": version, "Statement": list(statements)}, kind=kind)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Who asks for what, under which statements, and what is decided."""

    said: str
    """The rule, as a sentence."""
    source: str
    """Where the rule is from: pages of the IAM User Guide by their titles."""
    decided: Decision
    who: Principal = ALICE
    action: str = INVOKE
    resource: str = FUNCTION
    context: dict[str, ContextValue] = field(default_factory=dict)
    identity: tuple[Raw, ...] = ()
    on_resource: tuple[Raw, ...] = ()
    trust: tuple[Raw, ...] = ()
    boundary: tuple[Raw, ...] | None = None
    session: tuple[Raw, ...] | None = None
    version: str = "2012-10-17"

    def decide(self) -> Decision:
        """What the evaluator says."""
        on_resource = []
        if self.on_resource:
            on_resource.append(document(*self.on_resource, kind=PolicyKind.RESOURCE))
        if self.trust:
            on_resource.append(document(*self.trust, kind=PolicyKind.TRUST))
        return evaluate(
            AccessRequest(self.who, self.action, self.resource, self.context),
            identity=[document(*self.identity, version=self.version)] if self.identity else [],
            resource=on_resource,
            boundary=None if self.boundary is None else document(*self.boundary),
            session=None if self.session is None else [document(*self.session)],
        )


def conditional(
    said: str,
    operator: str,
    wanted: Any,
    decided: Decision,
    *,
    source: str = "Condition operators",
    key: str = "custom:key",
    **context: ContextValue,
) -> Case:
    """A case of one Allow with one condition; `given` in `context` is the key's value."""
    values = {key: context["given"]} if "given" in context else {}
    return Case(
        said=said,
        source=source,
        decided=decided,
        context=values,
        identity=(allow(Condition={operator: {key: wanted}}),),
    )
