"""How many batches of one mapping run at once. Pure.

It starts with five. While all that are allowed are busy, 300 a minute come along, up to 1,250 or
to MaximumConcurrency; while they are not, they go as fast. A throttle closes the window to what
runs without it, each success opens it by one: so a function with little concurrency is not stormed
with messages that it cannot take, whose receives would count towards the dead-letter queue.
Source: [DG] "Configuring scaling behavior for SQS event source mappings" (2025: 300 a minute and
1,250; before 2024: 60 and 1,000). The window is Lambent's own.
"""

from __future__ import annotations

START = 5
PER_S = 300 / 60
MOST = 1_250


class Scaling:
    """Times are seconds on any one clock."""

    def __init__(self, most: int | None, now_s: float) -> None:
        self._seen_s = now_s
        self._busy = False
        self.resize(most)
        self._grown = float(min(START, self._most))
        self._window = self._most

    def resize(self, most: int | None) -> None:
        """Another MaximumConcurrency."""
        self._most = most or MOST

    def allowed(self, now_s: float, active: int) -> int:
        """How many may run now, where `active` do; at least one."""
        elapsed_s, self._seen_s = max(0.0, now_s - self._seen_s), now_s
        if self._busy:
            self._grown += PER_S * elapsed_s
        else:
            self._grown = max(float(START), self._grown - PER_S * elapsed_s)
        self._grown = min(self._grown, float(self._most))
        self._busy = active >= int(self._grown)
        return max(1, min(int(self._grown), self._window))

    def grows_in_s(self) -> float | None:
        """When to ask again, where one more may be allowed by then."""
        if not self._busy or self._grown >= self._most or self._window < self._grown:
            return None
        return 1 / PER_S

    def throttled(self, active: int) -> None:
        """One of `active` was not run, for want of concurrency."""
        self._window = max(1, min(self._window, active - 1))

    def succeeded(self) -> None:
        """One was run."""
        self._window = min(self._window + 1, MOST)
