"""Max Memory Used of the invocations of one environment."""

from __future__ import annotations

from typing import Protocol

MIB = 1024 * 1024
READ_MS = 1.0
"""A page fault costs 0.25 µs or more: a shorter invocation cannot have added 16 MiB."""


class Measured(Protocol):
    """What runs in the environment."""

    def memory_peak_bytes(self) -> int:
        """0 where nothing runs."""
        ...


class Peak:
    """Not read again after what was too short to touch many pages."""

    __slots__ = ("_guest", "_most_mib", "_peak_mib")

    def __init__(self, guest: Measured, memory_mib: int) -> None:
        self._guest = guest
        self._most_mib = memory_mib
        self._peak_mib = 0

    def after(self, duration_ms: float) -> int:
        """In MiB, of an invocation that took so long and those before it."""
        if duration_ms >= READ_MS or not self._peak_mib:
            peak_mib = -(-self._guest.memory_peak_bytes() // MIB)
            if peak_mib:
                self._peak_mib = min(peak_mib, self._most_mib)
        return self._peak_mib

    def forget(self) -> None:
        """Another runtime begins."""
        self._peak_mib = 0
