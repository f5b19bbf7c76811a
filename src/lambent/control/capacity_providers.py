"""Capacity providers: each stands for this host, on which every function runs.

What one says of instances, networks and tags is checked and kept, and has no effect. It is Active
as soon as it is on disk; the answers say Pending and Deleting, as AWS's do, for tools that wait.
Texts are Lambent's own where no source is given: no recording of AWS's is known (UNVERIFIED).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lambent.clock import Clock, format_iso_ms
from lambent.control import rules
from lambent.control.kinds import CAPACITY_PROVIDERS
from lambent.control.paging import Page, take_page
from lambent.control.registry import Registry
from lambent.control.resources import ACCOUNT, Put, Remove
from lambent.domain.arns import LATEST, PARTITION
from lambent.domain.capacity_provider import CapacityProvider
from lambent.domain.errors import (
    LambdaError,
    invalid_parameter,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.function import FunctionVersion
from lambent.domain.limits import (
    CAPACITY_PROVIDERS_MAX,
    PROVIDER_MEMORY_MIB_MIN,
    VERSIONS_PER_PROVIDER_MAX,
)

PAGE_MAX = 50  # [B]

_ARN = re.compile(r"arn:[\w-]+:lambda:(?P<region>[\w-]+):(?P<account>\d+):capacity-provider:(.+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderChange:
    """What UpdateCapacityProvider sets; None is not given."""

    scaling: Mapping[str, Any] | None = None
    propagate_tags: Mapping[str, Any] | None = None
    telemetry: Mapping[str, Any] | None = None


class CapacityProviders:
    """The operations on capacity providers of one account."""

    def __init__(self, registry: Registry, *, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._attaching: Counter[str] = Counter()

    def arn(self, name: str) -> str:
        account = self._registry.account
        return (
            f"arn:{PARTITION}:lambda:{account.region}:{account.account_id}:capacity-provider:{name}"
        )

    def name_of(self, text: str) -> str:
        """The bare name of what a caller named by name or ARN."""
        found = _ARN.match(text)
        if found is None:
            return text
        account = self._registry.account
        if (found["region"], found["account"]) != (account.region, account.account_id):
            raise invalid_parameter(
                f"The capacity provider {text} is not in this account and region."
            )
        return found[3]

    def get(self, text: str) -> CapacityProvider:
        """Raises ResourceNotFoundException."""
        name = self.name_of(text)
        found = self._registry.resources.get(CAPACITY_PROVIDERS, ACCOUNT, name)
        if found is None:
            raise resource_not_found(f"Capacity provider not found: {self.arn(name)}")
        return found

    def list(self, *, marker: str | None, items_max: int | None) -> Page[CapacityProvider]:
        """By name."""
        found = self._registry.resources.of(CAPACITY_PROVIDERS, ACCOUNT)
        return take_page(
            sorted(found),
            found.__getitem__,
            marker=marker,
            items_max=min(items_max or PAGE_MAX, PAGE_MAX),
        )

    def list_versions(
        self, text: str, *, marker: str | None, items_max: int | None
    ) -> Page[FunctionVersion]:
        """The published versions on a provider, by function and number."""
        on_it = {
            f"{version.name}:{version.version:>20}": version  # numbers sort as text, padded
            for version in self._versions_on(self.get(text).name)
            if version.version != LATEST
        }
        return take_page(
            sorted(on_it),
            on_it.__getitem__,
            marker=marker,
            items_max=min(items_max or PAGE_MAX, PAGE_MAX),
        )

    async def create(self, provider: CapacityProvider) -> CapacityProvider:
        """A new one; `provider.name` may be an ARN, `modified` is set here."""
        rules.check_tags(provider.tags)
        _check(provider)
        named = replace(provider, name=self.name_of(provider.name))
        async with self._registry.settling:
            there = self._registry.resources.of(CAPACITY_PROVIDERS, ACCOUNT)
            if named.name in there:
                raise resource_conflict(f"Capacity provider already exists: {self.arn(named.name)}")
            if len(there) >= CAPACITY_PROVIDERS_MAX:
                raise LambdaError(
                    "CapacityProviderLimitExceededException",
                    "The maximum number of capacity providers for your account has been exceeded.",
                    Type="User",
                )
            return await self._store(named)

    async def update(self, text: str, change: ProviderChange) -> CapacityProvider:
        """What is given replaces what was."""
        async with self._registry.settling:
            current = self.get(text)
            changed = replace(
                current,
                scaling=current.scaling if change.scaling is None else change.scaling,
                propagate_tags=(
                    current.propagate_tags
                    if change.propagate_tags is None
                    else change.propagate_tags
                ),
                telemetry=current.telemetry if change.telemetry is None else change.telemetry,
            )
            _check(changed)
            return await self._store(changed)

    async def delete(self, text: str) -> CapacityProvider:
        """Refused while a function is on it, as [B] says."""
        async with self._registry.settling:
            provider = self.get(text)
            if self._attaching[provider.name] or self._versions_on(provider.name):
                raise resource_conflict(
                    f"The capacity provider {self.arn(provider.name)} cannot be deleted while "
                    "functions use it."
                )
            removal = Remove(CAPACITY_PROVIDERS, ACCOUNT, provider.name)
            await self._registry.change(self._registry.begin(), [removal])
        return provider

    # For functions

    @contextmanager
    def attaching(self, text: str) -> Iterator[None]:
        """Keep a provider from being deleted until the function that goes on it is committed.

        Raises ResourceNotFoundException.
        """
        name = self.get(text).name
        self._attaching[name] += 1
        try:
            yield
        finally:
            self._attaching[name] -= 1

    # For tags

    def tags_of(self, key: str) -> Mapping[str, str]:
        return self.get(key).tags

    async def change_tags(
        self, key: str, change: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> None:
        async with self._registry.settling:
            current = self.get(key)
            changed = replace(current, tags=change(current.tags))
            put = Put(CAPACITY_PROVIDERS, ACCOUNT, current.name, changed)
            await self._registry.change(self._registry.begin(), [put])

    async def _store(self, provider: CapacityProvider) -> CapacityProvider:
        stamped = replace(provider, modified=format_iso_ms(self._clock.wall_s()))
        put = Put(CAPACITY_PROVIDERS, ACCOUNT, stamped.name, stamped)
        await self._registry.change(self._registry.begin(), [put])
        return stamped

    def _versions_on(self, name: str) -> tuple[FunctionVersion, ...]:
        return _versions_on(self._registry, self.arn(name))


def provider_of(version: FunctionVersion) -> str | None:
    """The ARN of the provider that a version is on."""
    return provider_arn(version.capacity_provider) if version.capacity_provider else None


def provider_arn(config: Mapping[str, Any]) -> str:
    """The provider that a CapacityProviderConfig names."""
    arn: str = config["LambdaManagedInstancesCapacityProviderConfig"]["CapacityProviderArn"]
    return arn


def _versions_on(registry: Registry, arn: str) -> tuple[FunctionVersion, ...]:
    return tuple(
        version
        for function in registry.functions.values()
        for version in function.every_version()
        if provider_of(version) == arn
    )


def check_room(registry: Registry, version: FunctionVersion) -> None:
    """Raise where `version`, about to be published, would be one too many on its provider.

    One that takes the place of its like needs no room. [B] [DG]
    """
    arn = provider_of(version)
    if arn is None:
        return
    others = sum(
        one.version != LATEST and (one.name, one.version) != (version.name, version.version)
        for one in _versions_on(registry, arn)
    )
    if others >= VERSIONS_PER_PROVIDER_MAX:
        raise LambdaError(
            "FunctionVersionsPerCapacityProviderLimitExceededException",
            "The maximum number of function versions that can be associated with a single "
            "capacity provider has been exceeded.",
            Type="User",
        )


def check_memory(version: FunctionVersion) -> None:
    """[DG] Managed instances: the smallest function has 2 GB. Text: UNVERIFIED."""
    if provider_of(version) is not None and version.memory_mib < PROVIDER_MEMORY_MIB_MIN:
        raise invalid_parameter(
            f"MemorySize must be at least {PROVIDER_MEMORY_MIB_MIN} MB for functions on a capacity "
            "provider."
        )


def _check(provider: CapacityProvider) -> None:
    """What members say together. Rules: Developer Guide, "Lambda Managed Instances"."""
    instances = provider.instances or {}
    if instances.get("AllowedInstanceTypes") and instances.get("ExcludedInstanceTypes"):
        raise invalid_parameter(
            "Specify either AllowedInstanceTypes or ExcludedInstanceTypes, not both."
        )
    scaling = provider.scaling or {}
    manual, policies = scaling.get("ScalingMode") == "Manual", scaling.get("ScalingPolicies")
    if manual and not policies:
        raise invalid_parameter("ScalingPolicies are required when ScalingMode is Manual.")
    if policies and not manual:
        raise invalid_parameter("ScalingPolicies are supported only when ScalingMode is Manual.")
    propagate = provider.propagate_tags or {}
    explicit, tags = propagate.get("Mode") == "Explicit", propagate.get("ExplicitTags")
    if explicit and not tags:
        raise invalid_parameter("ExplicitTags are required when the Mode is Explicit.")
    if tags and not explicit:
        raise invalid_parameter("ExplicitTags are supported only when the Mode is Explicit.")
