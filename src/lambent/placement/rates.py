"""How often something may happen: a token bucket. Pure; time is handed in."""

from __future__ import annotations

from lambent.clock import Instant


class Bucket:
    """At most `burst` at once, refilled at `per_s`; what is not used does not add up further."""

    __slots__ = ("_at", "_tokens", "burst", "per_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self.per_s = per_s
        self.burst = burst
        self._tokens = burst
        self._at = Instant(0.0)

    def take(self, now: Instant) -> bool:
        """One more, if the rate allows it."""
        tokens = self._tokens + (now - self._at) * self.per_s
        if tokens > self.burst:
            tokens = self.burst
        self._at = now
        if tokens < 1.0:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1.0
        return True

    def wait_s(self) -> float:
        """How long until the next may happen, seen from the last look."""
        return max(0.0, (1.0 - self._tokens) / self.per_s) if self.per_s else float("inf")
