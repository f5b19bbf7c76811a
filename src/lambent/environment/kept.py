"""What a reset keeps for the next sandbox of an environment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambent.sandbox.interface import Remains, Sandbox

Done = Callable[[bool], None]
"""Told whether anything is kept, once all has ended in the sandbox before."""


class Kept:
    """At most one sandbox's remains at a time."""

    def __init__(self) -> None:
        self._remains: Remains | None = None

    @property
    def is_any(self) -> bool:
        return self._remains is not None

    def take(self) -> Remains | None:
        """The taker's to close."""
        remains, self._remains = self._remains, None
        return remains

    def let_go(self) -> None:
        remains = self.take()
        if remains is not None:
            remains.close()

    async def close(self, sandbox: Sandbox, done: Done | None) -> None:
        """Close `sandbox`, which is being killed; with `done` keep what it leaves."""
        if done is not None:
            await asyncio.shield(sandbox.exited)
            self._remains = sandbox.remains()  # now, for closing it may take a moment
            try:
                done(self.is_any)
            finally:
                await sandbox.close()
        else:
            await sandbox.close()
