"""Whether a target lets a service in: asked when it is configured, and again at each delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lambent.domain.arns import Account, FunctionRef, parse_function_ref
from lambent.domain.errors import LambdaError
from lambent.policy.document import PolicyDocument
from lambent.policy.evaluator import Decision, evaluate
from lambent.policy.principal import AccessRequest, service_principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The service that sends, and for what."""

    principal: str
    """E.g. `s3.amazonaws.com`; or the ARN of the role in whose name it sends."""
    source_arn: str


NO_RESOURCE = "NO_RESOURCE"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a target gets no message."""

    text: str
    code: str = "NO_PERMISSIONS"
    """As dead letters of rules tell it, or the target's own. Source: EventBridge User Guide,
    "Using dead-letter queues to process undelivered events"."""


class Gate(Protocol):
    """One service's targets."""

    def fault(self, arn: str, sender: Sender) -> Fault | None:
        """Why `sender` may not deliver there; None where it may."""
        ...


class RoleGate:
    """For what is sent in the name of a role: the role's own policies decide."""

    def __init__(self, may_deliver: Callable[[str, str], bool]) -> None:
        """`may_deliver`: whether a role (ARN) may deliver to a target (ARN)."""
        self._may_deliver = may_deliver

    def fault(self, arn: str, sender: Sender) -> Fault | None:
        if self._may_deliver(sender.principal, arn):
            return None
        return Fault(f"The role {sender.principal} is not authorized to deliver to {arn}")


class FunctionGate:
    """Functions let in whom their resource policies allow."""

    def __init__(
        self,
        account: Account,
        check: Callable[[str, str | None], object],
        documents: Callable[[str, str | None], list[PolicyDocument]],
    ) -> None:
        """`check` raises LambdaError where there is no such function or qualifier."""
        self._account = account
        self._check = check
        self._documents = documents

    def fault(self, arn: str, sender: Sender) -> Fault | None:
        try:
            ref: FunctionRef = parse_function_ref(arn, self._account)
            self._check(ref.name, ref.qualifier)
        except LambdaError:
            return Fault("The destination Lambda function does not exist", NO_RESOURCE)
        documents = self._documents(ref.name, ref.qualifier)
        if _allows(documents, "lambda:InvokeFunction", arn, sender, self._account):
            return None
        return Fault(f"Not authorized to invoke function [{arn}]")


class PolicyGate:
    """Queues and topics let in whom their policies allow."""

    def __init__(
        self,
        account: Account,
        documents: Callable[[str], list[PolicyDocument] | None],
        *,
        kind: str,
        action: str,
    ) -> None:
        """`documents`: the policy of one; None where there is none of that ARN."""
        self._account = account
        self._documents = documents
        self._kind = kind
        self._action = action

    def fault(self, arn: str, sender: Sender) -> Fault | None:
        documents = self._documents(arn)
        if documents is None:
            return Fault(f"The destination {self._kind} does not exist", NO_RESOURCE)
        if _allows(documents, self._action, arn, sender, self._account):
            return None
        return Fault(
            f"Permissions on the destination {self._kind} do not allow the service to publish"
            " notifications from this source"
        )


def _allows(
    documents: list[PolicyDocument], action: str, arn: str, sender: Sender, account: Account
) -> bool:
    request = AccessRequest(
        service_principal(sender.principal),
        action,
        arn,
        {"aws:sourcearn": sender.source_arn, "aws:sourceaccount": account.account_id},
    )
    return evaluate(request, resource=documents) is Decision.ALLOWED
