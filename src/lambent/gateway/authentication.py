"""Whose request it is: its signature checked against the keys that exist, or taken at its word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.credentials import Session, SessionTokens
from lambent.services.iam.directory import Caller, Directory, principal_of_session
from lambent.wire import WireError
from lambent.wire.sigv4 import (
    Signable,
    Signature,
    SignatureError,
    SignatureProblem,
    parse_signature,
    verify,
    verify_head,
    verify_text,
)

TEMPORARY = "ASIA"
_INVALID_TOKEN = "The security token included in the request is invalid."
_EXPIRED_TOKEN = "The security token included in the request is expired"
_GLOBAL = {"iam": "us-east-1", "sts": "us-east-1"}
"""Services that one region answers for all."""
_QUERY_CODES = {
    SignatureProblem.MISSING: "MissingAuthenticationToken",
    SignatureProblem.INCOMPLETE: "IncompleteSignature",
    SignatureProblem.UNKNOWN_KEY: "InvalidClientTokenId",
    SignatureProblem.MISMATCH: "SignatureDoesNotMatch",
    SignatureProblem.EXPIRED_TOKEN: "ExpiredToken",
}
_JSON_CODES = {
    SignatureProblem.MISSING: "MissingAuthenticationTokenException",
    SignatureProblem.INCOMPLETE: "IncompleteSignatureException",
    SignatureProblem.UNKNOWN_KEY: "UnrecognizedClientException",
    SignatureProblem.MISMATCH: "InvalidSignatureException",
    SignatureProblem.EXPIRED_TOKEN: "ExpiredTokenException",
}


@dataclass(frozen=True, slots=True)
class RootKey:
    """The access key of the account's root."""

    key_id: str
    secret: str = field(repr=False)


class Authentication(Protocol):
    """Tells who makes a request."""

    def caller(self, request: Signable, service: str) -> Caller:
        """Who signed; the request's body is left as what was signed. Raises SignatureError."""
        ...


class OpenAuthentication:
    """Any credentials do; those that were issued here tell whose they are."""

    def __init__(self, directory: Directory, tokens: SessionTokens, account: Account) -> None:
        self._directory = directory
        self._tokens = tokens
        self._account_id = account.account_id

    def caller(self, request: Signable, service: str) -> Caller:
        try:
            return self.caller_of(parse_signature(request))
        except SignatureError:
            return self._directory.root

    @property
    def root(self) -> Caller:
        return self._directory.root

    def caller_of(self, signature: Signature) -> Caller:
        """Whose key it is said to be."""
        session = _session(self._tokens, signature.key_id, signature.token)
        if session is not None:
            known = self._directory.caller_of_session(session)
            return known or Caller(principal_of_session(session, self._account_id))
        key = self._directory.find_key(signature.key_id)
        user = self._directory.caller_of_user(key.user) if key is not None else None
        return user or self._directory.root


class IamAuthentication:
    """Only what was signed with a key of the account's root or users, or with a session's."""

    def __init__(
        self,
        directory: Directory,
        tokens: SessionTokens,
        account: Account,
        clock: Clock,
        root_key: RootKey,
    ) -> None:
        self._directory = directory
        self._tokens = tokens
        self._region = account.region
        self._clock = clock
        self._root_key = root_key

    def caller(self, request: Signable, service: str) -> Caller:
        signature = parse_signature(request)
        self._check_scope(signature, service)
        now_s = self._clock.wall_s()
        secret, caller = self.holder(signature.key_id, signature.token)
        request.body = verify(signature, request, secret, now_s=now_s)
        self._note_use(caller, signature, service)
        return caller

    def caller_of_head(
        self, signature: Signature, request: Signable, service: str
    ) -> tuple[Caller, bytes]:
        """Who signed, and the key of the body's chunks, as `verify_head`. Raises SignatureError."""
        self._check_scope(signature, service)
        now_s = self._clock.wall_s()
        secret, caller = self.holder(signature.key_id, signature.token)
        key = verify_head(signature, request, secret, now_s=now_s)
        self._note_use(caller, signature, service)
        return caller, key

    def caller_of_text(self, signature: Signature, text: str, service: str) -> Caller:
        """Who signed a text. Raises SignatureError."""
        self._check_scope(signature, service)
        secret, caller = self.holder(signature.key_id, signature.token)
        verify_text(signature, text, secret)
        self._note_use(caller, signature, service)
        return caller

    def _note_use(self, caller: Caller, signature: Signature, service: str) -> None:
        if caller.principal.kind == "user" and signature.token is None:
            self._directory.note_use(signature.key_id, service, signature.region)

    def _check_scope(self, signature: Signature, service: str) -> None:
        if signature.service != service:
            raise SignatureError(
                SignatureProblem.MISMATCH,
                f"Credential should be scoped to correct service: '{service}'. ",
            )
        if signature.region not in (self._region, _GLOBAL.get(service)):
            raise SignatureError(
                SignatureProblem.MISMATCH,
                f"Credential should be scoped to a valid region, not '{signature.region[:40]}'. ",
            )

    def holder(self, key_id: str, token: str | None) -> tuple[str, Caller]:
        """The secret of the key, and whose it is. Raises SignatureError."""
        now_s = self._clock.wall_s()
        if key_id.startswith(TEMPORARY):
            session = _session(self._tokens, key_id, token)
            if session is None:
                raise _unknown()
            if now_s >= session.expires_s:
                raise SignatureError(SignatureProblem.EXPIRED_TOKEN, _EXPIRED_TOKEN)
            caller = self._directory.caller_of_session(session)
            if caller is None:
                raise _unknown()
            return self._tokens.secret_of(session), caller
        if token is not None:
            raise _unknown()
        if key_id == self._root_key.key_id:
            return self._root_key.secret, self._directory.root
        key = self._directory.find_key(key_id)
        user = self._directory.caller_of_user(key.user) if key is not None else None
        if key is None or user is None:
            raise _unknown()
        return key.secret, user


def to_wire_error(error: SignatureError, service: str) -> WireError:
    """AWS's code for it: the query services name it otherwise than the JSON ones."""
    codes = _QUERY_CODES if service in _GLOBAL else _JSON_CODES
    return WireError(codes[error.problem], error.message)


def _session(tokens: SessionTokens, key_id: str, token: str | None) -> Session | None:
    if token is None:
        return None
    session = tokens.open(token)
    return session if session is not None and session.key_id == key_id else None


def _unknown() -> SignatureError:
    return SignatureError(SignatureProblem.UNKNOWN_KEY, _INVALID_TOKEN)
