"""What is due when: many keys, one timer for the first of them."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from lambent.clock import Clock
from lambent.queue.alarm import Alarm

LATE_S_MAX = 60.0
"""[own] A schedule that is due is in time for so long, as AWS promises no more than the minute.
After that it was missed: the server was down, or the machine slept."""


class Timetable:
    """Calls `fire` with each key at its time, once: whoever wants more sets it again."""

    def __init__(self, clock: Clock, fire: Callable[[str], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._alarm = Alarm(clock, self.pump)
        self._open = False

    def start(self) -> None:
        self._open = True
        self.pump()

    def stop(self) -> None:
        self._open = False
        self._alarm.set(None)

    def set(self, key: str, due_s: float | None) -> None:
        """In place of what was; None: never."""
        if due_s is None:
            self._due.pop(key, None)
        else:
            self._due[key] = due_s
            heappush(self._heap, (due_s, key))
        if len(self._heap) > 2 * len(self._due) + 64:  # mostly stale entries
            self._heap = [(one, name) for name, one in self._due.items()]
            heapify(self._heap)
        if self._open:
            self._set_alarm()

    def clear(self) -> None:
        self._due.clear()
        self._heap.clear()

    def pump(self) -> None:
        """Fire what is due."""
        if not self._open:
            return
        now_s = self._clock.wall_s()
        while (first := self._first()) is not None and first[0] <= now_s:
            heappop(self._heap)
            del self._due[first[1]]
            self._fire(first[1])
        self._set_alarm()

    def _first(self) -> tuple[float, str] | None:
        while self._heap:
            due_s, key = self._heap[0]
            if self._due.get(key) == due_s:
                return due_s, key
            heappop(self._heap)
        return None

    def _set_alarm(self) -> None:
        first = self._first()
        self._alarm.set(None if first is None else first[0])
