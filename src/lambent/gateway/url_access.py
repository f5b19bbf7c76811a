"""Who may call a function URL."""

from __future__ import annotations

from typing import Protocol

from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.domain.function_url import NONE, UrlTarget
from lambent.gateway.url_event import Caller
from lambent.http.message import Request
from lambent.policy.principal import root_of
from lambent.wire.sigv4 import SignatureError, parse_signature

FORBIDDEN = (  # [LS] TestLambdaPermissions.test_lambda_permission_url_invocation, November 2025
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


class UrlAccess(Protocol):
    """Decides about each request to a URL."""

    def admit(self, target: UrlTarget, request: Request) -> Caller | None:
        """Who calls, None for nobody known. Raises LambdaError AccessDeniedException."""
        ...


class OpenAccess:
    """Open authentication: a signature has to be there where the URL asks for one, any will do."""

    def __init__(self, account: Account) -> None:
        self._root = root_of(account.account_id)

    def admit(self, target: UrlTarget, request: Request) -> Caller | None:
        if target.config.auth_type == NONE:
            return None
        try:
            signature = parse_signature(request)
        except SignatureError:
            raise forbidden() from None
        if signature.service != "lambda":
            raise forbidden()
        root = self._root
        return Caller(
            access_key=signature.key_id,
            account_id=root.account_id,
            caller_id=root.user_id,
            user_arn=root.arn,
            user_id=root.user_id,
            org_id=root.org_id,
        )


def forbidden() -> LambdaError:
    """403, as AWS says it without telling why."""
    return LambdaError("AccessDeniedException", FORBIDDEN)
