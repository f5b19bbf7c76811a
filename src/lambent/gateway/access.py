"""What the gateway asks before it answers: who calls, and whether they may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.domain.arns import FunctionRef
from lambent.domain.errors import LambdaError
from lambent.gateway.authentication import Authentication, to_wire_error
from lambent.gateway.authorization import Authorization
from lambent.http.message import Request
from lambent.services.iam.directory import Caller
from lambent.wire.sigv4 import Signable, SignatureError


class Access:
    """Authentication, and authorization where it is enforced."""

    def __init__(
        self, authentication: Authentication, authorization: Authorization | None = None
    ) -> None:
        self.authentication = authentication
        self.authorization = authorization
        """None with open authentication."""

    def admit(self, request: Signable, service: str) -> Caller:
        """Who calls. Raises WireError as AWS words it."""
        try:
            return self.authentication.caller(request, service)
        except SignatureError as error:
            raise to_wire_error(error, service) from None

    def authorize(
        self, caller: Caller, service: str, operation: str, params: Mapping[str, Any]
    ) -> None:
        """Raises LambdaError."""
        if self.authorization is not None:
            self.authorization.check(caller, service, operation, params)

    def admit_invoke(self, request: Request, ref: FunctionRef) -> None:
        """Both for Invoke. Raises WireError or LambdaError."""
        caller = self.admit(request, "lambda")
        if self.authorization is not None:
            self.authorization.check_invoke(caller, ref)

    def admit_operator(self, request: Request) -> None:
        """Lambent's own routes: where it is enforced, they are root's. Raises both errors."""
        if self.authorization is None:
            return
        caller = self.admit(request, "lambda")
        if caller.principal.kind != "root":
            raise LambdaError(
                "AccessDeniedException",
                f"User: {caller.principal.arn} is not the account's root, whose {request.path} is.",
            )
