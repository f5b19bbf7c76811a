"""Which accepted events run now: one lane a function, so that none delays another's. Pure.

A lane runs at most `window` events at once. A throttle shrinks its window to what runs, each
success opens it by one: a function with little concurrency is tried about as often as it can run,
and its throttles cost the others nothing. Where nothing of a lane runs that could open it again, a
throttle closes it for a moment, which doubles until something succeeds: what waits in it is not
tried, so that one throttle does not send all of it into back-off. Lanes take turns.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

WINDOW_MAX = 1_000
"""[own] Events of one function that run at once: no more than an account's concurrency."""
RUNNING_MAX = 2_000
"""[own] Events of all functions that run at once."""
PAUSE_S_MIN, PAUSE_S_MAX = 0.05, 5.0
"""[own] How long a throttle closes a lane of which nothing runs."""


class Taken(NamedTuple):
    """An event that runs from now on."""

    request_id: str
    function: str


@dataclass(slots=True)
class Lane:
    ready: deque[str] = field(default_factory=deque)
    running: int = 0
    window: int = WINDOW_MAX
    window_max: int = WINDOW_MAX
    pause_s: float = 0.0


class Backlog:
    """Ids of events that wait for their time, are ready, or run."""

    def __init__(self, window_max: Callable[[str], int] = lambda function: WINDOW_MAX) -> None:
        """`window_max`: how many of one function run at once, at most."""
        self._window_max = window_max
        self._due: list[tuple[float, int, str, str]] = []
        self._lanes: dict[str, Lane] = {}
        self._turns: deque[str] = deque()
        """Functions with something ready, in the order of their turns."""
        self._paused: dict[str, float] = {}
        """Function → when its lane opens again."""
        self._running = 0
        self._count = 0
        self._order = 0

    def __len__(self) -> int:
        """Events that wait or run."""
        return self._count

    def add(self, request_id: str, function: str, due_s: float) -> None:
        """An event that is to run at `due_s`."""
        self._order += 1
        self._count += 1
        heapq.heappush(self._due, (due_s, self._order, function, request_id))

    def next_due_s(self) -> float | None:
        """When something becomes ready next, or may be tried again."""
        times = [self._due[0][0]] if self._due else []
        return min([*times, *self._paused.values()], default=None)

    def take(self, now_s: float) -> list[Taken]:
        """The events that run now; `finished` must be told of each."""
        if self._paused:
            self._paused = {name: at_s for name, at_s in self._paused.items() if at_s > now_s}
        while self._due and self._due[0][0] <= now_s:
            _, _, function, request_id = heapq.heappop(self._due)
            lane = self._lanes.get(function)
            if lane is None:
                most = self._window_max(function)
                lane = self._lanes[function] = Lane(window=most, window_max=most)
            if not lane.ready:
                self._turns.append(function)
            lane.ready.append(request_id)
        taken: list[Taken] = []
        full = 0
        while self._turns and full < len(self._turns) and self._running < RUNNING_MAX:
            function = self._turns[0]
            lane = self._lanes[function]
            if lane.running >= lane.window or function in self._paused:
                self._turns.rotate(-1)
                full += 1
                continue
            full = 0
            taken.append(Taken(lane.ready.popleft(), function))
            lane.running += 1
            self._running += 1
            if lane.ready:
                self._turns.rotate(-1)
            else:
                self._turns.popleft()
        return taken

    def finished(self, function: str, *, throttled: bool, now_s: float) -> None:
        """One event of `function` runs no more; `add` it again where it is to be retried."""
        lane = self._lanes[function]
        lane.running -= 1
        self._running -= 1
        self._count -= 1
        if throttled:
            lane.window = max(1, min(lane.window, lane.running))
            if not lane.running:
                lane.pause_s = min(max(PAUSE_S_MIN, 2 * lane.pause_s), PAUSE_S_MAX)
                self._paused[function] = now_s + lane.pause_s
        else:
            lane.pause_s = 0.0
            self._paused.pop(function, None)
            lane.window = min(lane.window_max, lane.window + 1)
        if not lane.running and not lane.ready and lane.window == lane.window_max:
            del self._lanes[function]

    def take_waiting(self, function: str) -> list[str]:
        """Take out what waits for its time; `add` it again, or not."""
        taken = [item[3] for item in sorted(self._due) if item[2] == function]
        self._due = [item for item in self._due if item[2] != function]
        heapq.heapify(self._due)
        self._count -= len(taken)
        return taken

    def forget(self, function: str) -> list[str]:
        """Take out all that does not run."""
        taken = self.take_waiting(function)
        lane = self._lanes.get(function)
        if lane is not None and lane.ready:
            taken += lane.ready
            self._count -= len(lane.ready)
            lane.ready.clear()
            self._turns.remove(function)
        return taken

    def running(self) -> dict[str, int]:
        """Function → events that run."""
        return {name: lane.running for name, lane in self._lanes.items() if lane.running}

    def depths(self) -> dict[str, int]:
        """Function → events that wait or run."""
        depths = {name: len(lane.ready) + lane.running for name, lane in self._lanes.items()}
        for _, _, function, _ in self._due:
            depths[function] = depths.get(function, 0) + 1
        return depths
