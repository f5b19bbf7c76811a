"""Who may call a function URL where callers are told apart: `--auth iam`.

A URL of AuthType NONE is for everybody only because its function's policy says so; one of AWS_IAM
for whom that policy or their own allow. Since October 2025 it takes two permissions: to call the
URL, and to invoke the function by one. Source: Developer Guide, "Control access to Lambda function
URLs".
"""

from __future__ import annotations

from typing import Protocol

from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.domain.function_url import NONE, UrlTarget
from lambent.gateway.asked import Asked
from lambent.gateway.authentication import to_wire_error
from lambent.gateway.authorization import Authorization
from lambent.gateway.url_access import forbidden
from lambent.gateway.url_event import Caller as UrlCaller
from lambent.http.message import Request
from lambent.policy.evaluator import Decision
from lambent.policy.principal import ANONYMOUS, ContextValue
from lambent.services.iam.directory import Caller
from lambent.wire.sigv4 import Signable, SignatureError, SignatureProblem, parse_signature


class Authenticator(Protocol):
    """Tells who makes a request."""

    def caller(self, request: Signable, service: str) -> Caller:
        """Who signed. Raises SignatureError."""
        ...


class IamUrlAccess:
    """Decides by signatures and policies."""

    def __init__(
        self, authenticator: Authenticator, authorization: Authorization, account: Account
    ) -> None:
        self._authenticator = authenticator
        self._authorization = authorization
        self._account = account

    def admit(self, target: UrlTarget, request: Request) -> UrlCaller | None:
        """Who calls, None for a URL of AuthType NONE. Raises LambdaError.

        Without a signature it is AccessDeniedException; what is wrong with one is said, as AWS does
        (jamesmbourne/aws4-axios#1553).
        """
        if target.config.auth_type == NONE:
            self._check(Caller(ANONYMOUS), target)
            return None
        try:
            key_id = parse_signature(request).key_id
            caller = self._authenticator.caller(request, "lambda")
        except SignatureError as error:
            if error.problem is SignatureProblem.MISSING:
                raise forbidden() from None
            refused = to_wire_error(error, "lambda")
            raise LambdaError(refused.code, refused.message) from None
        self._check(caller, target)
        principal = caller.principal
        return UrlCaller(
            access_key=key_id,
            account_id=principal.account_id,
            caller_id=principal.user_id,
            user_arn=principal.arn,
            user_id=principal.user_id,
            org_id=principal.org_id,
        )

    def _check(self, caller: Caller, target: UrlTarget) -> None:
        arn = self._account.function_arn(target.name, target.qualifier)
        function = (target.name, target.qualifier)
        facts: dict[str, ContextValue] = {"lambda:functionurlauthtype": target.config.auth_type}
        for action, context in (
            ("lambda:InvokeFunctionUrl", facts),
            ("lambda:InvokeFunction", {**facts, "lambda:invokedviafunctionurl": "true"}),
        ):
            asked = Asked(action, arn, context, function=function)
            if self._authorization.decide(caller, asked) is not Decision.ALLOWED:
                raise forbidden()
