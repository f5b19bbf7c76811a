"""How many environments a published version on a capacity provider may have.

Placement asks for the maximum whenever it would start one more; the minimum is held at all times,
as provisioned concurrency is, and takes from the account's concurrency as that does. Texts are
Lambent's own (UNVERIFIED).
"""

from __future__ import annotations

from lambent.control.capacity_providers import provider_of
from lambent.control.concurrency import Concurrency
from lambent.control.functions import Functions
from lambent.control.kinds import FUNCTION_SCALING
from lambent.control.registry import Registry
from lambent.control.resources import Change, Put, Remove
from lambent.domain.capacity_provider import FunctionScaling
from lambent.domain.errors import invalid_parameter
from lambent.domain.function import FunctionVersion


class FunctionScalings:
    """The operations on scaling configs of one account's functions."""

    def __init__(self, registry: Registry, functions: Functions, concurrency: Concurrency) -> None:
        self._concurrency = concurrency
        self._registry = registry
        self._functions = functions

    def environments_max(self, version: FunctionVersion) -> int | None:
        """The most environments that `version` may have; None: what the host holds."""
        found = self._registry.resources.get(FUNCTION_SCALING, version.name, version.version)
        return None if found is None else found.environments_max

    def get(self, name: str, number: str) -> FunctionScaling:
        """What holds; empty where nothing was set. Raises ResourceNotFoundException."""
        self._on_provider(name, number)
        found = self._registry.resources.get(FUNCTION_SCALING, name, number)
        return found or FunctionScaling()

    async def put(self, name: str, number: str, scaling: FunctionScaling) -> FunctionVersion:
        """Replace what was set; an empty config takes it away."""
        low, high = scaling.environments_min, scaling.environments_max
        async with self._registry.settling:
            version = self._on_provider(name, number)
            if low is not None and high is not None and low > high:
                raise invalid_parameter(
                    "MinExecutionEnvironments must not be greater than MaxExecutionEnvironments."
                )
            if low:
                self._concurrency.check_minimum(name, number, low)
            change: Change = (
                Remove(FUNCTION_SCALING, name, number)
                if scaling == FunctionScaling()
                else Put(FUNCTION_SCALING, name, number, scaling)
            )
            await self._registry.change(self._registry.begin(), [change])
        return version

    def _on_provider(self, name: str, number: str) -> FunctionVersion:
        version = self._functions.get_version(name, number)
        if provider_of(version) is None:
            raise invalid_parameter(
                f"The function version {self._registry.account.function_arn(name, number)} is not "
                "on a capacity provider."
            )
        return version
