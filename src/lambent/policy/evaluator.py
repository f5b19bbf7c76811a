"""The decision: which of the policies that apply allow or deny a request.

An explicit deny anywhere wins. What allows depends on whose the resource is: within one account the
principal's policies or the resource's are enough, across accounts it takes both. A boundary and
session policies allow nothing; they cap what the principal's own policies, and a resource policy
that names its role, allow. Naming an account in a resource policy hands the question to that
account's policies. Source: IAM User Guide, "Policy evaluation logic", "How AWS enforcement code
logic evaluates requests" and "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, IntEnum

from lambent.policy.document import (
    Effect,
    PolicyDocument,
    PolicyKind,
    PolicySyntaxError,
    PrincipalEntry,
    Statement,
    parse_policy,
)
from lambent.policy.principal import AccessRequest, Principal
from lambent.policy.wildcards import Facts

__all__ = [
    "AccessRequest",
    "Decision",
    "Effect",
    "PolicyDocument",
    "PolicyKind",
    "PolicySyntaxError",
    "Principal",
    "evaluate",
    "parse_policy",
]


class Decision(Enum):
    """What becomes of a request."""

    ALLOWED = "allowed"
    EXPLICITLY_DENIED = "explicitDeny"
    IMPLICITLY_DENIED = "implicitDeny"


class _Reach(IntEnum):
    """How a Principal element reaches the principal; what comes later says more."""

    NONE = 0
    ACCOUNT = 1
    """Its account is named: the account's own policies decide."""
    ROLE = 2
    """Its role is named: a boundary and session policies still cap it."""
    ITSELF = 3


def evaluate(
    request: AccessRequest,
    *,
    identity: Sequence[PolicyDocument] = (),
    resource: Sequence[PolicyDocument] = (),
    boundary: PolicyDocument | None = None,
    session: Sequence[PolicyDocument] | None = None,
) -> Decision:
    """Decide one request.

    `identity`: of the user or role (groups' among them). `resource`: of what is asked for; a role's
    trust policy among them must allow, whatever else does. `session`: None or empty means that the
    session was given no policies. The root of an account needs no identity policies.
    """
    facts = request.facts
    caps = [cap for cap in ([boundary] if boundary else [], list(session or ())) if cap]
    documents = [*identity, *resource, *(document for cap in caps for document in cap)]
    if any(_denies(document, request, facts) for document in documents):
        return Decision.EXPLICITLY_DENIED
    capped = all(_allows(cap, request, facts) for cap in caps)
    reach = max((_reach(document, request, facts) for document in resource), default=_Reach.NONE)
    allowed = _combine(
        request,
        by_identity=request.principal.kind == "root" or _allows(identity, request, facts),
        within_caps=capped,
        reach=reach,
        trust=any(document.kind is PolicyKind.TRUST for document in resource),
    )
    return Decision.ALLOWED if allowed else Decision.IMPLICITLY_DENIED


def _combine(
    request: AccessRequest, *, by_identity: bool, within_caps: bool, reach: _Reach, trust: bool
) -> bool:
    if request.principal.kind in ("service", "anonymous"):
        return reach is _Reach.ITSELF
    own = by_identity and within_caps
    owner = request.resource_account
    if owner and owner != request.principal.account_id:
        return own and reach is not _Reach.NONE
    if reach is _Reach.ITSELF or (reach is _Reach.ROLE and within_caps):
        return True
    return own and (not trust or reach is not _Reach.NONE)


def _allows(documents: Iterable[PolicyDocument], request: AccessRequest, facts: Facts) -> bool:
    """Whether a statement of policies without principals allows."""
    return any(
        statement.effect is Effect.ALLOW and _applies(statement, request, facts)
        for document in documents
        for statement in document.statements
    )


def _denies(document: PolicyDocument, request: AccessRequest, facts: Facts) -> bool:
    return any(
        statement.effect is Effect.DENY
        and _reach_of(statement, request.principal) is not _Reach.NONE
        and _applies(statement, request, facts)
        for statement in document.statements
    )


def _reach(document: PolicyDocument, request: AccessRequest, facts: Facts) -> _Reach:
    """The furthest that the document's Allow statements reach."""
    best = _Reach.NONE
    for statement in document.statements:
        if statement.effect is Effect.ALLOW:
            reach = _reach_of(statement, request.principal)
            if reach > best and _applies(statement, request, facts):
                best = reach
    return best


def _reach_of(statement: Statement, principal: Principal) -> _Reach:
    entries = statement.principals
    if entries is None:
        return _Reach.ITSELF
    if not statement.not_principals:
        return max((_reach_of_entry(entry, principal) for entry in entries), default=_Reach.NONE)
    # An account that is named beside one of its users excepts its root, not all of its users, so
    # a Deny catches the others; an Allow leaves out the whole account.
    excepted = max((_reach_of_entry(entry, principal) for entry in entries), default=_Reach.NONE)
    limit = _Reach.ACCOUNT if statement.effect is Effect.DENY else _Reach.NONE
    return _Reach.ITSELF if excepted <= limit else _Reach.NONE


def _reach_of_entry(entry: PrincipalEntry, principal: Principal) -> _Reach:
    value = entry.value
    if entry.type == "AWS":
        if value == "*" or (value == principal.arn and value):
            return _Reach.ITSELF
        if value == principal.role_arn:
            return _Reach.ROLE
        if value == principal.account_id and value:
            return _Reach.ITSELF if principal.kind == "root" else _Reach.ACCOUNT
    elif entry.type == "Service" and value == principal.service:
        return _Reach.ITSELF
    return _Reach.NONE


def _applies(statement: Statement, request: AccessRequest, facts: Facts) -> bool:
    """Whether action, resource and conditions fit; the principal was looked at."""
    action = request.action
    if any(pattern.matches(action) for pattern in statement.actions) is statement.not_actions:
        return False
    return _resource_fits(statement, request.resource, facts) and all(
        condition.holds(facts) for condition in statement.conditions
    )


def _resource_fits(statement: Statement, resource: str, facts: Facts) -> bool:
    patterns = statement.resources
    if patterns is None:
        return True
    found = [pattern.resolves(resource, facts) for pattern in patterns]
    if not statement.not_resources:
        return any(found)
    # A variable without a value must not widen an Allow, nor narrow a Deny.
    doubt = statement.effect is Effect.ALLOW
    return not any(doubt if fits is None else fits for fits in found)
