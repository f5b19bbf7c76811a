"""Whether a caller may do what they ask, by all policies that apply; and the words of a refusal.

Texts: IAM User Guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lambent.clock import Clock, format_iso_ms
from lambent.domain.arns import Account, FunctionRef
from lambent.domain.errors import LambdaError, invalid_parameter
from lambent.gateway.actions import OWN, Actions
from lambent.gateway.asked import Asked
from lambent.policy.document import PolicyDocument, PolicyKind, parse_policy
from lambent.policy.evaluator import Decision, evaluate
from lambent.policy.principal import AccessRequest, ContextValue, service_principal
from lambent.services.iam.directory import Caller, Directory

LAMBDA = "lambda.amazonaws.com"
_DENIED = {
    **dict.fromkeys(("iam", "sts", "s3"), "AccessDenied"),
    "sns": "AuthorizationErrorException",
}
Documents = Callable[[str, str | None], list[PolicyDocument]]
"""The resource policies in force on a function: name, qualifier."""
LayerDocuments = Callable[[str, int], list[PolicyDocument]]
"""Those on a layer version: name, version."""
Tags = Callable[[str], Mapping[str, str]]
"""A function's."""
ResourceDocuments = Mapping[str, Callable[[str], list[PolicyDocument]]]
"""Service → ARN of a resource → the policies in force on it."""


class Authorization:
    """Decides with the directory's policies and those of the functions."""

    def __init__(
        self,
        directory: Directory,
        account: Account,
        clock: Clock,
        *,
        documents: Documents,
        tags: Tags,
        layer_documents: LayerDocuments = lambda name, version: [],
        mapped_function: Callable[[str], str | None] = lambda uuid: None,
        resource_documents: ResourceDocuments | None = None,
    ) -> None:
        self._directory = directory
        self._account = account
        self._clock = clock
        self._documents = documents
        self._layer_documents = layer_documents
        self._tags = tags
        self._resource_documents = resource_documents or {}
        self._common_s = -1
        self._common: Mapping[str, ContextValue] = {}
        self._actions = Actions(
            account,
            directory.role_arn,
            user_arn=directory.user_arn,
            mapped_function=mapped_function,
        )

    def check(
        self, caller: Caller, service: str, operation: str, params: Mapping[str, Any]
    ) -> None:
        """Raises LambdaError AccessDenied(Exception), or that Lambda cannot assume the role."""
        for asked in self._actions.of(service, operation, params):
            if service == "iam" and operation in OWN and asked.resource == "*":
                asked = replace(asked, resource=caller.principal.arn)
            self._check_one(caller, asked, service)
        if service == "sts" and operation == "AssumeRole":
            self._check_trust(caller, params)
        if service == "lambda" and "Role" in params:
            self._check_assumable(params["Role"])

    def check_invoke(self, caller: Caller, ref: FunctionRef) -> None:
        """The same for Invoke, whose path has no parameters."""
        asked = Asked(
            "lambda:InvokeFunction",
            self._account.function_arn(ref.name, ref.qualifier),
            function=(ref.name, ref.qualifier),
        )
        self._check_one(caller, asked, "lambda")

    def role_allows(self, role_arn: str, action: str, resource: str) -> bool:
        """Whether a role's own policies allow an action; not where there is no such role."""
        caller = self._directory.caller_of_role(role_arn)
        return caller is not None and (
            self.decide(caller, Asked(action, resource)) is Decision.ALLOWED
        )

    def role_trusts(self, role_arn: str, service: str, context: Mapping[str, ContextValue]) -> bool:
        """Whether a service may assume a role; not where there is no such role."""
        role = self._directory.role(role_arn)
        if role is None:
            return False
        trust = parse_policy(role.trust_policy, kind=PolicyKind.TRUST)
        request = AccessRequest(service_principal(service), "sts:AssumeRole", role_arn, context)
        return evaluate(request, resource=[trust]) is Decision.ALLOWED

    def decide(self, caller: Caller, asked: Asked) -> Decision:
        """What the policies say."""
        request, resource = self._request(caller, asked)
        return _decide(caller, request, resource)

    def _check_one(self, caller: Caller, asked: Asked, service: str) -> None:
        request, resource = self._request(caller, asked)
        decision = _decide(caller, request, resource)
        if decision is Decision.ALLOWED:
            return
        why = _why_denied if decision is Decision.EXPLICITLY_DENIED else _why_not_allowed
        of_s3 = asked.action.startswith("s3:")
        shown = f'"{asked.resource}"' if of_s3 else asked.resource
        text = (
            f"User: {caller.principal.arn} is not authorized to perform: {asked.action}"
            f" on resource: {shown} {why(caller, request, resource)}"
        )
        if of_s3 and service == "lambda":  # AWS's text, as quoted in many issue threads
            path = asked.resource.removeprefix("arn:aws:s3:::")
            text = (
                "Your access has been denied by S3, please make sure your request credentials have"
                f" permission to GetObject for {path}. S3 Error Code: AccessDenied."
                f" S3 Error Message: {text}"
            )
        if of_s3 and caller.principal.kind == "anonymous":
            text = "Access Denied"
        raise LambdaError(_DENIED.get(service, "AccessDeniedException"), text)

    def _request(
        self, caller: Caller, asked: Asked
    ) -> tuple[AccessRequest, Sequence[PolicyDocument]]:
        context = {**self._common_context(), **asked.context}
        resource: Sequence[PolicyDocument] = ()
        if asked.function is not None:
            name, qualifier = asked.function
            resource = self._documents(name, qualifier)
            for key, value in self._tags(name).items():
                context[f"aws:resourcetag/{key.lower()}"] = value
        elif asked.layer is not None:
            resource = self._layer_documents(*asked.layer)
        else:
            documents = self._resource_documents.get(asked.action.partition(":")[0].lower())
            resource = () if documents is None else documents(asked.resource)
        return AccessRequest(caller.principal, asked.action, asked.resource, context), resource

    def _common_context(self) -> Mapping[str, ContextValue]:
        """What is the same for all requests of one second."""
        now_s = int(self._clock.wall_s())
        if now_s != self._common_s:
            self._common_s = now_s
            self._common = {
                "aws:currenttime": f"{format_iso_ms(now_s)[:19]}Z",
                "aws:epochtime": str(now_s),
                "aws:requestedregion": self._account.region,
                "aws:securetransport": "false",
                "aws:viaawsservice": "false",
            }
        return self._common

    def _check_trust(self, caller: Caller, params: Mapping[str, Any]) -> None:
        """The role's trust policy must name the caller, or the account and the caller's policies
        must allow it. The refusal does not tell whether the role exists, as on AWS."""
        principal, arn = caller.principal, params["RoleArn"]
        if principal.kind == "root":
            raise LambdaError("AccessDenied", "Roles may not be assumed by root accounts.")
        role = self._directory.role(arn)
        if role is not None:
            facts: dict[str, ContextValue] = {"sts:rolesessionname": params["RoleSessionName"]}
            if "ExternalId" in params:
                facts["sts:externalid"] = params["ExternalId"]
            asked = Asked("sts:AssumeRole", arn, facts)
            trust = parse_policy(role.trust_policy, kind=PolicyKind.TRUST)
            if _decide(caller, self._request(caller, asked)[0], [trust]) is Decision.ALLOWED:
                return
        raise LambdaError(
            "AccessDenied",
            f"User: {principal.arn} is not authorized to perform: sts:AssumeRole"
            f" on resource: {arn}",
        )

    def _check_assumable(self, arn: str) -> None:
        if not self.role_trusts(arn, LAMBDA, {}):
            raise invalid_parameter(
                "The role defined for the function cannot be assumed by Lambda."
            )


def _decide(caller: Caller, request: AccessRequest, resource: Sequence[PolicyDocument]) -> Decision:
    return evaluate(
        request,
        identity=caller.identity,
        resource=resource,
        boundary=caller.boundary,
        session=caller.session,
    )


def _why_denied(caller: Caller, request: AccessRequest, resource: Sequence[PolicyDocument]) -> str:
    found = "identity-based"
    if evaluate(request, resource=resource) is Decision.EXPLICITLY_DENIED:
        found = "resource-based"
    elif caller.boundary and _denies(request, caller.boundary):
        return "with an explicit deny in a permissions boundary"
    elif any(_denies(request, document) for document in caller.session):
        found = "session"
    article = "an" if found == "identity-based" else "a"
    return f"with an explicit deny in {article} {found} policy"


def _denies(request: AccessRequest, document: PolicyDocument) -> bool:
    return evaluate(request, identity=[document]) is Decision.EXPLICITLY_DENIED


def _why_not_allowed(
    caller: Caller, request: AccessRequest, resource: Sequence[PolicyDocument]
) -> str:
    kind = "identity-based policy"
    if evaluate(request, identity=caller.identity) is Decision.ALLOWED:
        kind = "session policy"
        if caller.boundary:
            cap = evaluate(request, identity=caller.identity, boundary=caller.boundary)
            if cap is not Decision.ALLOWED:
                kind = "permissions boundary"
    return f"because no {kind} allows the {request.action} action"
