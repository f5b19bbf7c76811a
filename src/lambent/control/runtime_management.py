"""Runtime management: which runtime version a function, or one version of it, is to run on.

This host has one version of each runtime, so that the three modes differ in what they promise, not
in what runs: Manual can only be bound to the one there is.
"""

from __future__ import annotations

from lambent.control.kinds import ALIASES, RUNTIME_MANAGEMENT
from lambent.control.registry import Registry
from lambent.control.resources import Change, Put, Remove
from lambent.domain.arns import LATEST, FunctionRef
from lambent.domain.errors import invalid_parameter, resource_not_found
from lambent.domain.function import FunctionVersion
from lambent.domain.runtime_management import MANUAL, RuntimeManagement

_DEFAULT = RuntimeManagement()


class RuntimeManagements:
    """The operations on runtime management of one account's functions."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def get(self, ref: FunctionRef) -> RuntimeManagement:
        """Auto where nothing was ever set. Raises ResourceNotFoundException."""
        version = self._version(ref)
        found = self._registry.resources.get(RUNTIME_MANAGEMENT, ref.name, version.version)
        return found or _DEFAULT

    async def put(
        self, ref: FunctionRef, *, update_on: str, runtime_version_arn: str | None
    ) -> RuntimeManagement:
        """Texts but the alias's are unverified."""
        self._version(ref)
        with self._registry.changing(ref.name) as generation:
            async with self._registry.settling:
                version = self._version(ref)
                self._check_arn(version, update_on, runtime_version_arn)
                config = RuntimeManagement(
                    update_on=update_on, runtime_version_arn=runtime_version_arn
                )
                put = Put(RUNTIME_MANAGEMENT, ref.name, version.version, config)
                await self._registry.change(generation, [put])
        return config

    def _version(self, ref: FunctionRef) -> FunctionVersion:
        qualifier = ref.qualifier or LATEST
        function = self._registry.find(ref.name, ref.qualifier)
        arn = self._registry.account.function_arn(ref.name, qualifier)
        if self._registry.resources.get(ALIASES, ref.name, qualifier) is not None:
            # AWS's text: DataBiosphere/azul#7730
            raise invalid_parameter(
                f"The provided function name {arn} is invalid. Aliases are not allowed."
            )
        version = function.latest if qualifier == LATEST else function.versions.get(qualifier)
        if version is None:
            raise resource_not_found(f"Function not found: {arn}")
        return version

    def _check_arn(self, version: FunctionVersion, update_on: str, arn: str | None) -> None:
        if update_on != MANUAL:
            if arn is not None:
                raise invalid_parameter(
                    f"RuntimeVersionArn is only for the runtime update mode {MANUAL}."
                )
            return
        if arn is None:
            raise invalid_parameter(
                f"RuntimeVersionArn is required for the runtime update mode {MANUAL}."
            )
        there = self._registry.account.runtime_arn(version.runtime)
        if arn != there:
            raise invalid_parameter(
                f"Runtime version {arn} is not available for the runtime {version.runtime}. "
                f"The one that this host has is {there}."
            )


def unpin(registry: Registry, name: str) -> list[Change]:
    """What a new runtime of $LATEST takes away: the version of the old one that it was bound to."""
    config = registry.resources.get(RUNTIME_MANAGEMENT, name, LATEST)
    if config is None or config.update_on != MANUAL:
        return []
    return [Remove(RUNTIME_MANAGEMENT, name, LATEST)]
