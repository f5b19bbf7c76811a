"""Freezes an environment's processes while it waits for an invocation.

As on AWS nothing runs between invocations. Here it is done a moment after the last one, so that an
environment that is invoked again at once pays nothing for it.
Source: Developer Guide, "Lambda execution environment lifecycle": Lambda freezes the environment
when the runtime and each extension have completed and there are no pending events.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

FREEZE_AFTER_S = 0.1
"""[own] Idle for this long, and less than twice as long, it is frozen: a thaw costs 0.2 ms."""


class Freezable(Protocol):
    """What runs in an environment, as its freezer knows it."""

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


class Freezer:
    """Told of every idle moment by `rest`, and of every end of one by `wake`."""

    __slots__ = ("_allowed", "_frozen", "_guest", "_idle", "_loop", "_rests", "_seen", "_timer")

    def __init__(self, guest: Freezable, loop: asyncio.AbstractEventLoop, *, allowed: bool) -> None:
        self._guest = guest
        self._loop = loop
        self._allowed = allowed
        self._idle = False
        self._frozen = False
        self._rests = 0
        self._seen = 0
        self._timer: asyncio.TimerHandle | None = None

    def rest(self) -> None:
        """It is idle from now on; no clock is read and, mostly, no timer set."""
        self._idle = True
        self._rests += 1
        if self._timer is None and self._allowed:
            self._arm()

    def wake(self) -> None:
        """It is about to be invoked."""
        self._idle = False
        if self._frozen:
            self._frozen = False
            self._guest.thaw()

    def stop(self) -> None:
        """It is about to end, and must hear so."""
        self.wake()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _arm(self) -> None:
        self._seen = self._rests
        self._timer = self._loop.call_later(FREEZE_AFTER_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._idle:
            return
        if self._rests != self._seen:
            self._arm()
            return
        self._frozen = True
        self._guest.freeze()
