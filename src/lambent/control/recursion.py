"""Whether a function may take part in a loop. AWS counts loops of asynchronous events only."""

from __future__ import annotations

from lambent.control.kinds import RECURSION_CONFIGS
from lambent.control.registry import Registry
from lambent.control.resources import Put
from lambent.domain.recursion import RecursionConfig

_ONLY = "config"
"""The one key a function has."""


class Recursion:
    """The operations on recursion configs of one account."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def get(self, name: str) -> RecursionConfig:
        """Raises ResourceNotFoundException."""
        self._registry.find(name)
        found = self._registry.resources.get(RECURSION_CONFIGS, name, _ONLY)
        return RecursionConfig() if found is None else found

    async def put(self, name: str, recursive_loop: str) -> RecursionConfig:
        config = RecursionConfig(recursive_loop=recursive_loop)
        async with self._registry.settling:
            self._registry.find(name)
            await self._registry.change(
                self._registry.begin(), [Put(RECURSION_CONFIGS, name, _ONLY, config)]
            )
        return config
