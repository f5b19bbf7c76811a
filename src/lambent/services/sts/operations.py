"""STS's operations: who the caller is, and temporary credentials that need no row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from lambent.clock import Clock
from lambent.domain.credentials import (
    Session,
    SessionTokens,
    TemporaryCredentials,
    new_temporary_key_id,
)
from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.request import Handler, RequestContext
from lambent.policy.document import PolicyKind, PolicySyntaxError, parse_policy
from lambent.services.iam.directory import Directory

Params = dict[str, Any]
Result = dict[str, Any]

ASSUME_ROLE_S_DEFAULT = 3_600  # [B] AssumeRole
CHAINED_S_MAX = 3_600  # [B] AssumeRole: role chaining limits a session to one hour
SESSION_TOKEN_S_DEFAULT = 43_200  # [B] GetSessionToken
ROOT_SESSION_S_MAX = 3_600  # [B] GetSessionToken, for the account's owner
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/(?:[\w+=,.@-]+/)*[\w+=,.@-]+")
_UNSUPPORTED = {
    "Tags": "session tags",
    "TransitiveTagKeys": "session tags",
    "SerialNumber": "multi-factor authentication",
    "TokenCode": "multi-factor authentication",
    "SourceIdentity": "SourceIdentity",
    "ProvidedContexts": "ProvidedContexts",
}


class Sts:
    """Issues credentials. Who may assume a role was decided before: nobody asks where
    authentication is open."""

    def __init__(
        self, directory: Directory, tokens: Callable[[], SessionTokens], clock: Clock
    ) -> None:
        """`tokens`: there once their secret was read."""
        self._directory = directory
        self._tokens = tokens
        self._clock = clock

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "GetCallerIdentity": self.get_caller_identity,
            "AssumeRole": self.assume_role,
            "GetSessionToken": self.get_session_token,
        }

    async def get_caller_identity(self, params: Params, context: RequestContext) -> Result:
        """Root's UserId is the account id. Source: IAM User Guide, "Unique identifiers"."""
        principal = context.principal
        return {
            "Account": principal.account_id,
            "Arn": principal.arn,
            "UserId": principal.user_id,
        }

    async def assume_role(self, params: Params, context: RequestContext) -> Result:
        """Credentials of the session. With open authentication the role need not exist."""
        _refuse_unsupported(params)
        arn, name = params["RoleArn"], params["RoleSessionName"]
        match = _ROLE_ARN.fullmatch(arn)
        if match is None:
            raise LambdaError("ValidationError", f"{arn} is invalid")
        role = self._directory.role(arn)
        duration_s = params.get("DurationSeconds", ASSUME_ROLE_S_DEFAULT)
        if role is not None and duration_s > role.session_s_max:
            raise LambdaError(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )
        if context.principal.kind == "assumed-role" and duration_s > CHAINED_S_MAX:
            raise LambdaError(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed"
                " by role chaining",
            )
        role_id = self._directory.role_id(arn)
        issued = self._issue(
            kind="assumed-role",
            subject=arn.rpartition("/")[2],
            subject_id=role_id,
            subject_arn=arn,
            name=name,
            duration_s=duration_s,
            policies=self._session_policies(params),
        )
        session_arn = (
            f"arn:aws:sts::{match['account']}:assumed-role/{arn.rpartition('/')[2]}/{name}"
        )
        return {
            "Credentials": describe_credentials(issued),
            "AssumedRoleUser": {"AssumedRoleId": f"{role_id}:{name}", "Arn": session_arn},
        }

    async def get_session_token(self, params: Params, context: RequestContext) -> Result:
        """For users, and for root up to an hour; what they may do stays the same."""
        _refuse_unsupported(params)
        principal = context.principal
        if principal.kind not in ("user", "root"):
            raise LambdaError(
                "AccessDenied", "Cannot call GetSessionToken with session credentials"
            )
        duration_s = params.get("DurationSeconds", SESSION_TOKEN_S_DEFAULT)
        if principal.kind == "root":
            duration_s = min(duration_s, ROOT_SESSION_S_MAX)
        issued = self._issue(
            kind="root" if principal.kind == "root" else "user",
            subject=principal.arn.rpartition("/")[2] if principal.kind == "user" else "",
            subject_id=principal.user_id,
            subject_arn=principal.arn,
            duration_s=duration_s,
        )
        return {"Credentials": describe_credentials(issued)}

    def _issue(self, *, duration_s: int, **fields: Any) -> TemporaryCredentials:
        return self._tokens().issue(
            Session(
                key_id=new_temporary_key_id(),
                expires_s=int(self._clock.wall_s()) + duration_s,
                **fields,
            )
        )

    def _session_policies(self, params: Params) -> tuple[str, ...]:
        texts = [params["Policy"]] if "Policy" in params else []
        for item in params.get("PolicyArns", ()):
            text = self._directory.managed_policy(item.get("arn", ""))
            if text is None:
                raise LambdaError(
                    "ValidationError", f"Policy {item.get('arn', '')} is not known here."
                )
            texts.append(text)
        for text in texts:
            try:
                parse_policy(text, kind=PolicyKind.IDENTITY)
            except PolicySyntaxError as error:
                raise LambdaError("MalformedPolicyDocument", error.message) from None
        return tuple(texts)


def _refuse_unsupported(params: Params) -> None:
    for member, what in _UNSUPPORTED.items():
        if params.get(member):
            raise not_supported(what)


def describe_credentials(credentials: TemporaryCredentials) -> Result:
    return {
        "AccessKeyId": credentials.key_id,
        "SecretAccessKey": credentials.secret,
        "SessionToken": credentials.token,
        "Expiration": datetime.fromtimestamp(credentials.expires_s, UTC),
    }
