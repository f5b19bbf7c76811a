"""An event loop whose time jumps to the next timer when nothing else is to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

from lambent.clock import Instant


class _Selector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.jumped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            assert timeout is not None, "nothing will ever happen"
            self.jumped_s += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs days in milliseconds."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.jumped_s


class LoopClock:
    """`clock.Clock` of the running loop."""

    def now(self) -> Instant:
        return Instant(asyncio.get_running_loop().time())

    def wall_s(self) -> float:
        return 1_700_000_000.0 + asyncio.get_running_loop().time()


def run_virtually(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work)
