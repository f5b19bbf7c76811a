"""Resource policies of functions: one for $LATEST, each version and each alias, or none.

AddPermission puts statements in, PutResourcePolicy puts a whole document; both change the same
text. A policy has no RevisionId of its own: its function's, version's or alias's is its, and a
change of the policy gives that a new one, as on AWS [LS].
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

from lambent.control import rules
from lambent.control.functions import Functions
from lambent.control.grants import Grant, refuse_public, statement_of
from lambent.control.kinds import ALIASES, FUNCTION_POLICIES
from lambent.control.policy_text import (
    format_json,
    normal_text,
    parse_resource_policy,
    with_statement,
    without_statement,
)
from lambent.control.registry import Registry
from lambent.control.resources import Change, Put, Remove
from lambent.domain.arns import LATEST, FunctionRef
from lambent.domain.errors import invalid_parameter, resource_not_found
from lambent.domain.resource_policy import ResourcePolicy
from lambent.policy.evaluator import PolicyDocument, PolicySyntaxError

_NOT_THERE = "The resource you requested does not exist."  # [LS] GetPolicy
_NO_POLICY = "No policy is associated with the given resource."  # AWS's, of RemovePermission


class Permissions:
    """The operations on the policies of one account's functions."""

    def __init__(self, registry: Registry, functions: Functions) -> None:
        self._registry = registry
        self._functions = functions

    def documents(self, name: str, qualifier: str | None) -> list[PolicyDocument]:
        """What holds for invocations by this qualifier (none: the function itself).

        The policy of an alias or a version is its own; that of the function does not reach it.
        """
        found = self._registry.resources.get(FUNCTION_POLICIES, name, qualifier or LATEST)
        return [] if found is None else [parse_resource_policy(found.document)]

    def get(self, ref: FunctionRef) -> tuple[str, str]:
        """Document and RevisionId. Raises ResourceNotFoundException."""
        revision_id = self._revision(ref)
        found = self._find(ref)
        if found is None:
            raise resource_not_found(_NOT_THERE)
        return found, revision_id

    async def add(self, ref: FunctionRef, grant: Grant, *, revision_id: str | None) -> str:
        """One statement more; returns it as JSON."""
        self._refuse_latest(ref)
        async with self._registry.settling:
            rules.check_revision(revision_id, self._revision(ref))
            resource = self._registry.account.function_arn(ref.name, ref.qualifier)
            statement = statement_of(grant, resource)
            await self._store(ref, with_statement(self._find(ref), statement))
        return format_json(statement)

    async def remove(self, ref: FunctionRef, sid: str, *, revision_id: str | None) -> None:
        """One statement less; the policy goes with its last."""
        async with self._registry.settling:
            current = self._revision(ref)
            found = self._find(ref)
            if found is None:
                raise resource_not_found(_NO_POLICY)
            rest = without_statement(found, sid)
            rules.check_revision(revision_id, current)
            await self._store(ref, rest)

    async def put(self, ref: FunctionRef, text: str, *, revision_id: str | None) -> tuple[str, str]:
        """A whole document in place of what was there. Document and RevisionId.

        A document that AWS would not take is refused with IAM's text; which text Lambda gives is
        UNVERIFIED.
        """
        self._refuse_latest(ref)
        async with self._registry.settling:
            rules.check_revision(revision_id, self._revision(ref))
            try:
                parse_resource_policy(text)
            except PolicySyntaxError as error:
                raise invalid_parameter(error.message) from None
            stored = normal_text(text)
            refuse_public(json.loads(stored))
            return stored, await self._store(ref, stored)

    async def delete(self, ref: FunctionRef, *, revision_id: str | None) -> None:
        """The whole policy."""
        self._refuse_latest(ref)
        async with self._registry.settling:
            rules.check_revision(revision_id, self._revision(ref))
            if self._find(ref) is None:
                raise resource_not_found(_NOT_THERE)
            await self._store(ref, None)

    def _find(self, ref: FunctionRef) -> str | None:
        key = ref.qualifier or LATEST
        found = self._registry.resources.get(FUNCTION_POLICIES, ref.name, key)
        return None if found is None else found.document

    def _revision(self, ref: FunctionRef) -> str:
        """Of what the policy hangs on. Raises ResourceNotFoundException; texts: [LS]."""
        if ref.qualifier is None or ref.qualifier.isdecimal() or ref.qualifier.startswith("$"):
            return self._functions.get_version(ref.name, ref.qualifier).revision_id
        self._registry.find(ref.name, ref.qualifier)
        alias = self._registry.resources.get(ALIASES, ref.name, ref.qualifier)
        if alias is None:
            arn = self._registry.account.function_arn(ref.name, ref.qualifier)
            raise resource_not_found(f"Cannot find alias arn: {arn}")
        return alias.revision_id

    def _refuse_latest(self, ref: FunctionRef) -> None:
        if ref.qualifier == LATEST:  # [LS]
            raise invalid_parameter("We currently do not support adding policies for $LATEST.")

    async def _store(self, ref: FunctionRef, text: str | None) -> str:
        """Commit the text (None: no policy) with a new RevisionId, which is returned."""
        key, revision_id = ref.qualifier or LATEST, str(uuid.uuid4())
        changes: list[Change] = [
            Put(FUNCTION_POLICIES, ref.name, key, ResourcePolicy(document=text))
            if text is not None
            else Remove(FUNCTION_POLICIES, ref.name, key)
        ]
        generation = self._registry.begin()
        alias = self._registry.resources.get(ALIASES, ref.name, key)
        if alias is None:
            await self._registry.change_revised(generation, ref.name, key, revision_id, changes)
        else:
            changes.append(Put(ALIASES, ref.name, key, replace(alias, revision_id=revision_id)))
            await self._registry.change(generation, changes)
        return revision_id
