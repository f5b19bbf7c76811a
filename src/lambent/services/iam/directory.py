"""Who there is and what they may do, in memory: what each request is checked against.

Read anew from the rows after every change that IAM commits and before that change is answered, so
a key that was deleted, or a policy that was taken away, holds for no request after the answer.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.credentials import Session, stand_in_role_id
from lambent.policy.document import PolicyDocument, PolicyKind, PolicySyntaxError, parse_policy
from lambent.policy.principal import Principal, root_of
from lambent.services.iam import rows, user_rows
from lambent.services.iam.managed import DOCUMENTS
from lambent.services.iam.model import Role
from lambent.services.iam.user_model import ACTIVE, AccessKey, LastUse, User, user_arn
from lambent.store.database import Database

log = logging.getLogger("lambent")

CALLERS_MAX = 4096
"""Callers whose policies are kept ready; past it all are looked up anew."""

_DENY_ALL = parse_policy(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"},
    },
    kind=PolicyKind.IDENTITY,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, with the policies that decide what they may do."""

    principal: Principal
    identity: tuple[PolicyDocument, ...] = ()
    boundary: PolicyDocument | None = None
    session: tuple[PolicyDocument, ...] = ()


@dataclass(slots=True)
class _Snapshot:
    """What one look at the rows found."""

    users: dict[str, User] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    keys: dict[str, AccessKey] = field(default_factory=dict)
    documents: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """By kind and name: the texts of inline and attached policies."""
    policies: dict[str, str] = field(default_factory=dict)
    """Customer managed policies: the default version's text by ARN."""
    callers: dict[tuple[str, str], Caller] = field(default_factory=dict)
    """Filled when first asked for."""


class Directory:
    """Users, roles, keys and policies of one account."""

    def __init__(self, database: Database, account: Account, clock: Clock) -> None:
        self._database = database
        self._account = account
        self._clock = clock
        self._now = _Snapshot()
        self._used: dict[str, LastUse] = {}
        self.root = Caller(root_of(account.account_id))

    async def load(self) -> None:
        """Read everything anew."""
        account_id = self._account.account_id
        self._now = await self._database.read(lambda connection: _read(connection, account_id))

    # Long-term keys

    def find_key(self, key_id: str) -> AccessKey | None:
        """The active key of a user who exists; None for any other."""
        key = self._now.keys.get(key_id)
        if key is None or key.status != ACTIVE or key.user not in self._now.users:
            return None
        return key

    def caller_of_user(self, name: str) -> Caller | None:
        """None where there is no such user."""
        now = self._now  # one view: a thread may ask while another is being read
        found = now.callers.get(("user", name))
        if found is None:
            user = now.users.get(name)
            if user is None:
                return None
            arn = user_arn(self._account, user.name, user.path)
            principal = Principal("user", self._account.account_id, arn, user_id=user.user_id)
            found = _make(now, "user", name, principal, user.permissions_boundary)
            now.callers["user", name] = found
        return found

    # Temporary credentials

    def caller_of_session(self, session: Session) -> Caller | None:
        """None where the user or role of the session is no more."""
        now = self._now
        if session.kind == "root":
            return self.root
        if session.kind == "user":
            user = now.users.get(session.subject)
            known = user is not None and user.user_id == session.subject_id
            return self.caller_of_user(session.subject) if known else None
        role = now.roles.get(session.subject)
        if role is None or role.role_id != session.subject_id:
            return None
        key = ("assumed-role", f"{session.subject}\n{session.key_id}")
        found = now.callers.get(key)
        if found is None:
            principal = principal_of_session(session, self._account.account_id)
            whole = _make(now, "role", role.name, principal, role.permissions_boundary)
            policies = tuple(_parsed(text) for text in session.policies)
            found = Caller(principal, whole.identity, whole.boundary, policies)
            if len(now.callers) > CALLERS_MAX:
                now.callers.clear()
            now.callers[key] = found
        return found

    # Roles

    def role(self, arn: str) -> Role | None:
        """The role of exactly that ARN."""
        role = self._now.roles.get(arn.rpartition("/")[2])
        if role is None or self._account.role_arn(role.name, role.path) != arn:
            return None
        return role

    def role_arn(self, name: str) -> str | None:
        """Of the role of that name, with its path."""
        role = self._now.roles.get(name)
        return None if role is None else self._account.role_arn(role.name, role.path)

    def user_arn(self, name: str) -> str | None:
        """Of the user of that name, with its path."""
        user = self._now.users.get(name)
        return None if user is None else user_arn(self._account, user.name, user.path)

    def caller_of_role(self, arn: str) -> Caller | None:
        """What the role of exactly that ARN may do, whoever assumes it."""
        role = self.role(arn)
        if role is None:
            return None
        account_id = self._account.account_id
        principal = Principal(
            "assumed-role",
            account_id,
            f"arn:aws:sts::{account_id}:assumed-role/{role.name}/lambda",
            role_arn=arn,
            user_id=f"{role.role_id}:lambda",
        )
        return _make(self._now, "role", role.name, principal, role.permissions_boundary)

    def role_id(self, arn: str) -> str:
        """Of a role that exists, else what stands in for it."""
        role = self.role(arn)
        return role.role_id if role is not None else stand_in_role_id(arn)

    def managed_policy(self, arn: str) -> str | None:
        """The text in force of a managed policy, the account's or AWS's."""
        return _managed(self._now, arn)

    # Last use of keys

    def note_use(self, key_id: str, service: str, region: str) -> None:
        """Remembered at once, on disk within a second or so: see `store_uses`."""
        self._used[key_id] = LastUse(
            moment_s=int(self._clock.wall_s()), service=service, region=region
        )

    async def store_uses(self) -> None:
        """Put what was noted on disk."""
        if self._used:
            used, self._used = self._used, {}
            await self._database.write(
                lambda connection: user_rows.store_last_uses(connection, used.items())
            )


def _make(
    now: _Snapshot, kind: str, name: str, principal: Principal, boundary: str | None
) -> Caller:
    texts = now.documents.get((kind, name), ())
    cap = None
    if boundary is not None:
        text = _managed(now, boundary)
        cap = _DENY_ALL if text is None else _parsed(text)
    return Caller(principal, tuple(_parsed(text) for text in texts), cap)


def _managed(now: _Snapshot, arn: str) -> str | None:
    return now.policies.get(arn) or DOCUMENTS.get(arn)


def principal_of_session(session: Session, account_id: str) -> Principal:
    """Whom a session token makes its holder."""
    if session.kind == "root":
        return root_of(account_id)
    if session.kind == "user":
        return Principal("user", account_id, session.subject_arn, user_id=session.subject_id)
    return Principal(
        "assumed-role",
        account_id,
        f"arn:aws:sts::{account_id}:assumed-role/{session.subject}/{session.name}",
        role_arn=session.subject_arn,
        user_id=f"{session.subject_id}:{session.name}",
    )


def _read(connection: sqlite3.Connection, account_id: str) -> _Snapshot:
    found = _Snapshot()
    found.users = {user.name: user for user in user_rows.list_users(connection, account_id)}
    found.roles = {role.name: role for role in rows.list_roles(connection, account_id, "/")}
    keys = user_rows.list_access_keys(connection, account_id)
    found.keys = {key.key_id: key for key in keys}
    found.policies = rows.load_default_documents(connection, account_id)
    for name in found.users:
        inline = user_rows.load_user_policies(connection, account_id, name)
        attached = user_rows.list_attached_user_policies(connection, account_id, name)
        found.documents["user", name] = (*inline.values(), *_texts(attached, found.policies))
    for name in found.roles:
        inline = rows.load_role_policies(connection, account_id, name)
        attached = rows.list_attached_policies(connection, account_id, name)
        found.documents["role", name] = (*inline.values(), *_texts(attached, found.policies))
    return found


def _texts(arns: list[str], policies: Mapping[str, str]) -> list[str]:
    found = []
    for arn in arns:
        text = policies.get(arn) or DOCUMENTS.get(arn)
        if text is not None:
            found.append(text)
        else:
            _warn_unknown(arn)
    return found


@lru_cache(maxsize=256)
def _warn_unknown(arn: str) -> None:
    """Once for each."""
    log.warning("Lambent does not know what %s allows: it grants nothing here", arn)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> PolicyDocument:
    """What cannot be read might deny: so it denies all."""
    try:
        return parse_policy(text, kind=PolicyKind.IDENTITY)
    except PolicySyntaxError as error:
        log.warning("a stored policy cannot be read and denies everything: %s", error.message)
        return _DENY_ALL
