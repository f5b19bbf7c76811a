"""Whether a function may take part in a loop, and the end of it where it may not."""

from __future__ import annotations

from lambent.control.kinds import RECURSION_CONFIGS
from lambent.control.registry import Registry
from lambent.control.resources import Put
from lambent.domain.errors import LambdaError
from lambent.domain.lineage import LOOP_INVOCATIONS_MAX, advance, count_of
from lambent.domain.recursion import TERMINATE, RecursionConfig

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

    def step(self, name: str, trace_id: bytes) -> bytes:
        """The trace header of the next invocation in the chain that `trace_id` is of.

        Raises RecursiveInvocationException where the function was in the chain too often and may
        not loop. Text: [B].
        """
        if count_of(trace_id, name) >= LOOP_INVOCATIONS_MAX:
            found = self._registry.resources.get(RECURSION_CONFIGS, name, _ONLY)
            if found is None or found.recursive_loop == TERMINATE:
                raise LambdaError(
                    "RecursiveInvocationException",
                    "Lambda has detected your function being invoked in a recursive loop with "
                    "other Amazon Web Services resources and stopped your function's invocation.",
                    Type="User",
                )
        return advance(trace_id, name)

    async def put(self, name: str, recursive_loop: str) -> RecursionConfig:
        config = RecursionConfig(recursive_loop=recursive_loop)
        async with self._registry.settling:
            self._registry.find(name)
            await self._registry.change(
                self._registry.begin(), [Put(RECURSION_CONFIGS, name, _ONLY, config)]
            )
        return config
