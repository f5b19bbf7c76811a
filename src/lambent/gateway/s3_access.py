"""Who asks something of S3, told by the head alone: bodies are checked as they come."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lambent.clock import Clock
from lambent.gateway.authentication import IamAuthentication, OpenAuthentication
from lambent.gateway.s3_host import split_host
from lambent.http.message import Request
from lambent.policy.principal import ANONYMOUS
from lambent.services.iam.directory import Caller
from lambent.services.s3.errors import S3Error
from lambent.wire.sigv2 import (
    TOKEN,
    OldSignature,
    is_signed_by,
    parse_old_signature,
    sign_text,
)
from lambent.wire.sigv4 import (
    Signature,
    SignatureError,
    SignatureProblem,
    check_time,
    parse_form_signature,
    parse_signature,
)

_CODES = {
    SignatureProblem.MISSING: "AccessDenied",
    SignatureProblem.INCOMPLETE: "AuthorizationHeaderMalformed",
    SignatureProblem.UNKNOWN_KEY: "InvalidAccessKeyId",
    SignatureProblem.MISMATCH: "SignatureDoesNotMatch",
    SignatureProblem.EXPIRED_TOKEN: "ExpiredToken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Who asks, and what the chunks of the body are signed with."""

    caller: Caller
    signature: Signature | None = None
    key: bytes | None = None
    """None where signatures are not verified."""


class S3Access(Protocol):
    """Tells who asks."""

    def admit_form(self, fields: Mapping[str, str]) -> Caller:
        """Who signed the policy of a form, or nobody. Raises S3Error."""
        ...

    def admit(self, request: Request) -> Admitted:
        """Raises S3Error."""
        ...


class OpenS3Access:
    """Any credentials do; but a presigned address ends when it says."""

    def __init__(self, authentication: OpenAuthentication, clock: Clock) -> None:
        self._authentication = authentication
        self._clock = clock

    def admit(self, request: Request) -> Admitted:
        try:
            signature = parse_signature(request)
        except SignatureError:
            old = parse_old_signature(request.query)
            if old is not None:
                _check_end(old, self._clock)
            return Admitted(caller=self._authentication.root)
        if signature.expires_s is not None:
            try:
                check_time(signature, self._clock.wall_s())
            except SignatureError as error:
                raise to_s3_error(error, signature) from None
        return Admitted(caller=self._authentication.caller_of(signature), signature=signature)

    def admit_form(self, fields: Mapping[str, str]) -> Caller:
        try:
            return self._authentication.caller_of(parse_form_signature(fields))
        except SignatureError:
            return self._authentication.root


class IamS3Access:
    """Only what was signed with a key that exists, or not at all: then nobody asks."""

    def __init__(self, authentication: IamAuthentication, clock: Clock) -> None:
        self._authentication = authentication
        self._clock = clock

    def admit(self, request: Request) -> Admitted:
        signature = None
        try:
            signature = parse_signature(request)
            caller, key = self._authentication.caller_of_head(signature, request, "s3")
        except SignatureError as error:
            if error.problem is not SignatureProblem.MISSING:
                raise to_s3_error(error, signature) from None
            return Admitted(caller=self._caller_without(request))
        return Admitted(caller=caller, signature=signature, key=key)

    def _caller_without(self, request: Request) -> Caller:
        """Who asks by a signature of version 2, or nobody."""
        old = parse_old_signature(request.query)
        if old is None:
            if b"authorization" in request.raw_headers or "Signature=" in request.query:
                raise S3Error("AccessDenied")
            return Caller(ANONYMOUS)
        _check_end(old, self._clock)
        secret, caller = self._holder(old.key_id, old.token)
        _, path = split_host(request)
        if not is_signed_by(
            old,
            secret,
            method=request.method,
            path=path,
            query=request.query,
            headers=request.headers,
        ):
            raise S3Error("SignatureDoesNotMatch")
        return caller

    def _holder(self, key_id: str, token: str | None) -> tuple[str, Caller]:
        try:
            return self._authentication.holder(key_id, token)
        except SignatureError as error:
            raise to_s3_error(error, None) from None

    def admit_form(self, fields: Mapping[str, str]) -> Caller:
        if "policy" not in fields:
            return Caller(ANONYMOUS)
        if "x-amz-signature" not in fields and "signature" in fields:
            key_id = fields.get("awsaccesskeyid", "")
            secret, caller = self._holder(key_id, fields.get(TOKEN))
            expected = sign_text(fields["policy"], secret).encode()
            if not hmac.compare_digest(expected, fields["signature"].encode()):
                raise S3Error("SignatureDoesNotMatch")
            return caller
        signature = None
        try:
            signature = parse_form_signature(fields)
            return self._authentication.caller_of_text(signature, fields["policy"], "s3")
        except SignatureError as error:
            raise to_s3_error(error, signature) from None


def _check_end(signature: OldSignature, clock: Clock) -> None:
    if clock.wall_s() >= signature.expires_s:
        raise S3Error("AccessDenied", "Request has expired")


def to_s3_error(error: SignatureError, signature: Signature | None) -> S3Error:
    """In S3's codes and words."""
    presigned = signature is not None and signature.expires_s is not None
    if error.message.startswith("Signature expired"):
        if presigned:
            return S3Error("AccessDenied", "Request has expired")
        return S3Error("RequestTimeTooSkewed")
    if error.message.startswith("Signature not yet current"):
        return S3Error("RequestTimeTooSkewed")
    if error.message.startswith("Credential should be scoped"):
        return S3Error("AuthorizationHeaderMalformed", error.message)
    if error.problem is SignatureProblem.MISMATCH:
        return S3Error("SignatureDoesNotMatch")
    code = _CODES[error.problem]
    if error.problem is SignatureProblem.INCOMPLETE and presigned:
        code = "AuthorizationQueryParametersError"
    return S3Error(code, error.message if code.startswith("Authorization") else "")
