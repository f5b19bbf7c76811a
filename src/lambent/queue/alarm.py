"""One timer that is set anew whenever what it waits for changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambent.clock import Clock

TIMER_S_MAX = 3_600.0
"""The clock is looked at that often: it may be set, or the machine may sleep."""


class Alarm:
    """Calls back once its time has come, or somewhat earlier."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._due_s: float | None = None

    def set(self, due_s: float | None) -> None:
        """Instead of what it was set to; None: not at all. `due_s` of the wall's clock."""
        if due_s == self._due_s:  # most often so: a timer costs more than all else here
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due_s = due_s
        if due_s is not None:
            delay_s = min(max(0.0, due_s - self._clock.wall_s()), TIMER_S_MAX)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = self._due_s = None
        self._ring()
