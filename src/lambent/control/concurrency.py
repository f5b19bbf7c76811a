"""Reserved and provisioned concurrency: what is set, checked, and told to what enforces it.

Texts marked [LS] are recorded from AWS in LocalStack's test-suite (TestLambdaReservedConcurrency,
TestLambdaProvisionedConcurrency) or quoted in its provider.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambent.clock import Clock, format_iso_ms
from lambent.control.functions import Functions
from lambent.control.interface import Scaler
from lambent.control.kinds import (
    ALIASES,
    FUNCTION_SCALING,
    PROVISIONED_CONCURRENCY,
    RESERVED_CONCURRENCY,
)
from lambent.control.paging import Page, take_page
from lambent.control.registry import Registry
from lambent.control.resources import Put, Remove
from lambent.domain import limits
from lambent.domain.arns import LATEST, FunctionRef
from lambent.domain.concurrency import ProvisionedConcurrency, ReservedConcurrency
from lambent.domain.errors import (
    LambdaError,
    invalid_parameter,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.function import FunctionVersion

PAGE_MAX = 50  # [B] ListProvisionedConcurrencyConfigs
_KEY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """A config with what has become of it."""

    qualifier: str
    config: ProvisionedConcurrency
    allocated: int
    status: str
    """IN_PROGRESS, READY or FAILED."""
    reason: str


class Concurrency:
    """The operations on the concurrency of one account's functions."""

    def __init__(
        self, registry: Registry, functions: Functions, *, clock: Clock, limit: int
    ) -> None:
        self._registry = registry
        self._functions = functions
        self._clock = clock
        self.limit = limit
        """Concurrent executions of the account."""
        self._scaler: Scaler | None = None

    def enforce_by(self, scaler: Scaler) -> None:
        """Tell `scaler` all that is set, and from now on whatever changes."""
        self._scaler = scaler
        for name in self._registry.functions:
            self._sync(name)
        self._registry.resources.watchers.append(self._sync)

    # Reserved

    def reserved(self, name: str) -> int | None:
        """What the function has reserved; None where nothing is."""
        found = self._registry.resources.get(RESERVED_CONCURRENCY, name, _KEY)
        return None if found is None else found.units

    def get_reserved(self, name: str) -> int | None:
        """As `reserved`; raises ResourceNotFoundException where there is no such function."""
        self._registry.find(name)
        return self.reserved(name)

    def unreserved(self) -> int:
        """UnreservedConcurrentExecutions: the limit without every reservation."""
        return self.limit - self._reserved_total()

    async def put_reserved(self, name: str, units: int) -> int:
        """Raises InvalidParameterValueException where too little would stay unreserved."""
        async with self._registry.settling:
            self._registry.find(name)
            before = self.reserved(name) or 0
            left = self.limit - self._reserved_total() + before - units
            if units > before and left < limits.UNRESERVED_CONCURRENCY_MIN:  # [LS]
                raise invalid_parameter(
                    "Specified ReservedConcurrentExecutions for function decreases account's "
                    "UnreservedConcurrentExecution below its minimum value of "
                    f"[{limits.UNRESERVED_CONCURRENCY_MIN}]."
                )
            if units < self._provisioned_total(name):  # unverified text
                raise invalid_parameter(
                    "Specified ReservedConcurrentExecutions for function is less than its "
                    f"provisioned concurrency [{self._provisioned_total(name)}]."
                )
            reserved = ReservedConcurrency(units=units)
            await self._registry.change(
                self._registry.begin(), [Put(RESERVED_CONCURRENCY, name, _KEY, reserved)]
            )
        return units

    async def delete_reserved(self, name: str) -> None:
        """Quiet where nothing is reserved."""
        async with self._registry.settling:
            self._registry.find(name)
            await self._registry.change(
                self._registry.begin(), [Remove(RESERVED_CONCURRENCY, name, _KEY)]
            )

    # Provisioned

    def get_provisioned(self, ref: FunctionRef) -> Provisioned:
        """Raises ProvisionedConcurrencyConfigNotFoundException."""
        version = self._provisionable(ref)
        assert ref.qualifier is not None
        config = self._registry.resources.get(PROVISIONED_CONCURRENCY, ref.name, ref.qualifier)
        if config is None:
            raise LambdaError(
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",  # [LS]
                Type="User",
            )
        return self._describe(ref.qualifier, config, version)

    def list_provisioned(
        self, name: str, *, marker: str | None, items_max: int | None
    ) -> Page[Provisioned]:
        """By qualifier."""
        self._registry.find(name)
        configs = self._registry.resources.of(PROVISIONED_CONCURRENCY, name)

        def load(qualifier: str) -> Provisioned:
            version = self._functions.get_version(name, qualifier)
            return self._describe(qualifier, configs[qualifier], version)

        return take_page(
            sorted(configs), load, marker=marker, items_max=min(items_max or PAGE_MAX, PAGE_MAX)
        )

    async def put_provisioned(self, ref: FunctionRef, units: int) -> ProvisionedConcurrency:
        """Set or change it; environments are made from the commit on."""
        async with self._registry.settling:
            version = self._provisionable(ref)
            assert ref.qualifier is not None
            self._check_pairing(ref.name, ref.qualifier, version)
            self._check_room(ref.name, ref.qualifier, units)
            if version.snap_start:  # [DG]; text unverified
                raise invalid_parameter(
                    "Provisioned Concurrency is not supported for functions with SnapStart."
                )
            if version.tenant_isolation:  # text unverified
                raise invalid_parameter(
                    "Provisioned Concurrency is not supported for functions with tenancy "
                    "configuration."
                )
            config = ProvisionedConcurrency(
                units=units, modified=format_iso_ms(self._clock.wall_s())
            )
            await self._registry.change(
                self._registry.begin(),
                [Put(PROVISIONED_CONCURRENCY, ref.name, ref.qualifier, config)],
            )
        return config

    async def delete_provisioned(self, ref: FunctionRef) -> None:
        """Quiet where there is none, as on AWS [LS]."""
        async with self._registry.settling:
            self._provisionable(ref)
            assert ref.qualifier is not None
            await self._registry.change(
                self._registry.begin(), [Remove(PROVISIONED_CONCURRENCY, ref.name, ref.qualifier)]
            )

    def _provisionable(self, ref: FunctionRef) -> FunctionVersion:
        self._registry.find(ref.name, ref.qualifier)
        if ref.qualifier is None or ref.qualifier == LATEST:  # [LS]
            raise invalid_parameter(
                "Provisioned Concurrency Configs cannot be applied to unpublished function "
                "versions."
            )
        try:
            version = self._functions.get_version(ref.name, ref.qualifier)
        except LambdaError:
            if ref.qualifier.isdigit():
                raise
            arn = self._registry.account.function_arn(ref.name, ref.qualifier)
            raise resource_not_found(f"Cannot find alias arn: {arn}") from None  # [LS]
        if version.version == LATEST:
            raise invalid_parameter(
                "Provisioned Concurrency Configs cannot be applied to unpublished function "
                "versions."
            )
        return version

    def _check_pairing(self, name: str, qualifier: str, version: FunctionVersion) -> None:
        """A version has one config: its own, or that of one alias. Texts [LS]."""
        configs = self._registry.resources.of(PROVISIONED_CONCURRENCY, name)
        if not qualifier.isdigit() and version.version in configs:
            raise resource_conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already "
                "Provisioned version"
            )
        aliases = self._registry.resources.of(ALIASES, name)
        for other, alias in aliases.items():
            if other != qualifier and alias.version == version.version and other in configs:
                raise resource_conflict("Version is pointed by a Provisioned Concurrency alias")

    def check_minimum(self, name: str, number: str, units: int) -> None:
        """Raise where MinExecutionEnvironments of a version does not fit beside all else."""
        self._check_room(name, _minimum_of(number), units)

    def _check_room(self, name: str, qualifier: str, units: int) -> None:
        """Texts [LS], but for the figures in the second and third."""
        others = self._provisioned_total(name, without=qualifier)
        reserved = self.reserved(name)
        if reserved is not None:
            if others + units > reserved:
                raise invalid_parameter(
                    "Requested Provisioned Concurrency should not be greater than the "
                    "reservedConcurrentExecution for function"
                )
            return
        unreserved = self.unreserved() - others
        unreserved -= sum(
            self._provisioned_total(other)
            for other in self._registry.functions
            if other != name and self.reserved(other) is None
        )
        if units > unreserved:
            raise invalid_parameter(
                "Specified ConcurrentExecutions for function is greater than account's "
                f"unreserved concurrency [{unreserved}]."
            )
        if unreserved - units < limits.UNRESERVED_CONCURRENCY_MIN:
            raise invalid_parameter(
                "Specified ConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of "
                f"[{limits.UNRESERVED_CONCURRENCY_MIN}]."
            )

    def _describe(
        self, qualifier: str, config: ProvisionedConcurrency, version: FunctionVersion
    ) -> Provisioned:
        allocated, failure = 0, ""
        if self._scaler is not None:
            found = self._scaler.provisioned_status(version.name, version.version)
            allocated, failure = min(found.ready, config.units), found.failure
        status = "READY" if allocated == config.units else "FAILED" if failure else "IN_PROGRESS"
        return Provisioned(
            qualifier=qualifier,
            config=config,
            allocated=allocated,
            status=status,
            reason=failure if status == "FAILED" else "",
        )

    # What follows from it

    def _reserved_total(self) -> int:
        found = self._registry.resources.every(RESERVED_CONCURRENCY)
        return sum(reserved.units for _, _, reserved in found)

    def _provisioned_total(self, name: str, *, without: str = "") -> int:
        """Of all its versions and aliases, MinExecutionEnvironments of scaling configs included."""
        configs = self._registry.resources.of(PROVISIONED_CONCURRENCY, name)
        scalings = self._registry.resources.of(FUNCTION_SCALING, name)
        return sum(config.units for key, config in configs.items() if key != without) + sum(
            scaling.environments_min or 0
            for number, scaling in scalings.items()
            if _minimum_of(number) != without
        )

    def _sync(self, name: str) -> None:
        """Tell the scaler what is set of one function now."""
        if self._scaler is None or not name:
            return
        wanted: dict[str, tuple[FunctionVersion, int]] = {}
        function = self._registry.functions.get(name)
        configs = self._registry.resources.of(PROVISIONED_CONCURRENCY, name)
        for qualifier, config in configs.items() if function is not None else ():
            try:
                version = self._functions.get_version(name, qualifier)
            except LambdaError:
                continue
            if version.version != LATEST:
                # Two aliases may have come to the same version: it holds what both want.
                _, units = wanted.get(version.version, (version, 0))
                wanted[version.version] = version, units + config.units
        for number, scaling in self._registry.resources.of(FUNCTION_SCALING, name).items():
            held = function.versions.get(number) if function is not None else None
            if held is not None and scaling.environments_min:
                _, units = wanted.get(number, (held, 0))
                wanted[number] = held, units + scaling.environments_min
        self._scaler.set_reserved(name, self.reserved(name) if function is not None else None)
        self._scaler.set_provisioned(name, wanted)


def _minimum_of(number: str) -> str:
    """Stands for a version's minimum where the keys of configs are looked at; no qualifier."""
    return f"the minimum of {number}"
