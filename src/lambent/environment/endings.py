"""Sandboxes that serve no more and have been given time to leave."""

from __future__ import annotations

import asyncio


class Endings:
    """How many there are, and the wait until there is none."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def begin(self) -> None:
        self._count += 1
        self._none.clear()

    def end(self) -> None:
        self._count -= 1
        if not self._count:
            self._none.set()

    async def wait(self) -> None:
        """Bounded by what each of them is given."""
        await self._none.wait()
