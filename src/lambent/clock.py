"""Time as a value that can be replaced: everything that waits or stamps asks a Clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NewType, Protocol, cast

Instant = NewType("Instant", float)
"""Seconds on a monotonic clock; only differences mean anything."""


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> Instant:
        """Seconds, monotonic."""
        ...

    def wall_s(self) -> float:
        """Seconds since the epoch."""
        ...


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    # The C functions themselves: a method around them would double what asking costs.
    now = cast("Callable[[], Instant]", staticmethod(time.monotonic))
    wall_s = staticmethod(time.time)


class ManualClock:
    """A clock for tests: stands still until told to advance."""

    __slots__ = ("_now", "_wall")

    def __init__(self, *, wall_s: float = 1_700_000_000.0) -> None:
        self._now = 0.0
        self._wall = wall_s

    def now(self) -> Instant:
        return Instant(self._now)

    def wall_s(self) -> float:
        return self._wall

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._wall += seconds


def format_iso_ms(wall_s: float) -> str:
    """AWS's LastModified form, e.g. `2026-11-21T01:30:24.123+0000`."""
    moment = datetime.fromtimestamp(wall_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"
