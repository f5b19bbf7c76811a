"""Aliases: names for versions, and the share of the calls that goes to a second one.

Texts: [LS] TestLambdaAlias, recorded from AWS. What an invocation runs is chosen in
`Functions.route`.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from lambent.control import rules
from lambent.control.kinds import ALIASES
from lambent.control.paging import Page, take_page
from lambent.control.qualifiers import changes_on_delete
from lambent.control.registry import Registry
from lambent.control.resources import Put, Remove
from lambent.domain import limits
from lambent.domain.alias import Alias
from lambent.domain.arns import LATEST
from lambent.domain.errors import (
    LambdaError,
    invalid_parameter,
    resource_conflict,
    resource_not_found,
)

ALIASES_PAGE_MAX = 50  # [B] ListAliases


class Aliases:
    """The operations on aliases of one account's functions."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def get(self, name: str, alias: str) -> Alias:
        """Raises ResourceNotFoundException."""
        self._registry.find(name)
        found = self._registry.resources.get(ALIASES, name, alias)
        if found is None:
            arn = self._registry.account.function_arn(name, alias)
            raise resource_not_found(f"Cannot find alias arn: {arn}")
        return found

    def list(
        self, name: str, *, version: str | None, marker: str | None, items_max: int | None
    ) -> Page[Alias]:
        """By name; of one version only, where it is given."""
        self._registry.find(name)
        aliases = self._registry.resources.of(ALIASES, name)
        return take_page(
            sorted(key for key, one in aliases.items() if version in (None, one.version)),
            aliases.__getitem__,
            marker=marker,
            items_max=min(items_max or ALIASES_PAGE_MAX, ALIASES_PAGE_MAX),
        )

    async def create(
        self, name: str, alias: str, *, version: str, description: str, weights: Mapping[str, float]
    ) -> Alias:
        """A new alias. Raises ResourceConflictException where the name is taken."""
        async with self._changing(name, alias) as generation:
            created = Alias(
                name=alias,
                version=version,
                description=description,
                weights=dict(weights),
                revision_id=str(uuid.uuid4()),
            )
            self._check(name, created)
            aliases = self._registry.resources.of(ALIASES, name)
            if alias in aliases:
                arn = self._registry.account.function_arn(name, alias)
                raise resource_conflict(f"Alias already exists: {arn}")
            if len(aliases) >= limits.ALIASES_MAX:  # text unverified
                raise LambdaError(
                    "AliasLimitExceededException",
                    f"The function {name} has the maximum of {limits.ALIASES_MAX} aliases.",
                    Type="User",
                )
            await self._registry.change(generation, [Put(ALIASES, name, alias, created)])
        return created

    async def update(
        self,
        name: str,
        alias: str,
        *,
        version: str | None,
        description: str | None,
        weights: Mapping[str, float] | None,
        revision_id: str | None,
    ) -> Alias:
        """What is given replaces what was; no weights at all take the second version away."""
        async with self._changing(name, alias) as generation:
            self._registry.find(name)
            current = self._registry.resources.get(ALIASES, name, alias)
            if current is None:  # text: localstack/localstack#11878, seen on AWS
                arn = self._registry.account.function_arn(name, alias)
                raise resource_not_found(f"Alias not found: {arn}")
            rules.check_revision(revision_id, current.revision_id)
            changed = replace(
                current,
                version=current.version if version is None else version,
                description=current.description if description is None else description,
                weights=current.weights if weights is None else dict(weights),
                revision_id=str(uuid.uuid4()),
            )
            self._check(name, changed)
            await self._registry.change(generation, [Put(ALIASES, name, alias, changed)])
        return changed

    async def delete(self, name: str, alias: str) -> None:
        """With what hangs on it. Quiet where it is not there, as on AWS (localstack#11878)."""
        async with self._changing(name, alias) as generation:
            self._registry.find(name)
            if self._registry.resources.get(ALIASES, name, alias) is not None:
                hanging = changes_on_delete(self._registry, name, alias)
                await self._registry.change(generation, [Remove(ALIASES, name, alias), *hanging])

    @asynccontextmanager
    async def _changing(self, name: str, alias: str) -> AsyncIterator[int]:
        """One change of an alias at a time, and no version goes meanwhile."""
        with self._registry.changing(f"{name}:{alias}") as generation:
            async with self._registry.settling:
                yield generation

    def _check(self, name: str, alias: Alias) -> None:
        self._check_version(name, alias.version)
        if len(alias.weights) > 1:
            raise invalid_parameter(
                "Number of items in AdditionalVersionWeights cannot be greater than 1"
            )
        for other in alias.weights:
            if other == alias.version:
                raise invalid_parameter(
                    f"Invalid function version {other}. Function version {other} is already "
                    "included in routing configuration."
                )
            if alias.version == LATEST:
                raise invalid_parameter(
                    "$LATEST is not supported for an alias pointing to more than 1 version"
                )
            self._check_version(name, other)

    def _check_version(self, name: str, version: str) -> None:
        function = self._registry.find(name, version)
        if version != LATEST and version not in function.versions:
            arn = self._registry.account.function_arn(name, version)
            raise resource_not_found(f"Function not found: {arn}")
