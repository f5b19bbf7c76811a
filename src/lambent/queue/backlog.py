"""Which of what waits runs now, by lanes, so that none delays another. Pure.

Events have a lane for each function, messages of services one for each target. A lane runs at most
`window` of them at once. A throttle shrinks its window to what runs, each success opens it by one:
a function with little concurrency is tried about as often as it can run, and its throttles cost the
others nothing. Where nothing of a lane runs that could open it again, a throttle closes it for a
moment, which doubles until something succeeds: what waits in it is not tried, so that one throttle
does not send all of it into back-off. Lanes take turns.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

WINDOW_MAX = 1_000
"""[own] Of one lane at once: no more than an account's concurrency."""
RUNNING_MAX = 2_000
"""[own] Of all lanes at once."""
PAUSE_S_MIN, PAUSE_S_MAX = 0.05, 5.0
"""[own] How long a throttle closes a lane of which nothing runs."""


class Taken(NamedTuple):
    """What runs from now on."""

    key: str
    lane: str


@dataclass(slots=True)
class Lane:
    ready: deque[str] = field(default_factory=deque)
    running: int = 0
    window: int = WINDOW_MAX
    window_max: int = WINDOW_MAX
    pause_s: float = 0.0


class Backlog:
    """Keys of what waits for its time, is ready, or runs; lanes by their names."""

    def __init__(self, window_max: Callable[[str], int] = lambda name: WINDOW_MAX) -> None:
        """`window_max`: how many of one lane run at once, at most."""
        self._window_max = window_max
        self._due: list[tuple[float, int, str, str]] = []
        self._lanes: dict[str, Lane] = {}
        self._turns: deque[str] = deque()
        """Lanes with something ready, in the order of their turns."""
        self._paused: dict[str, float] = {}
        """Lane → when it opens again."""
        self._running = 0
        self._count = 0
        self._order = 0

    def __len__(self) -> int:
        """How many wait or run."""
        return self._count

    def add(self, key: str, name: str, due_s: float) -> None:
        """Something that is to run at `due_s`."""
        self._order += 1
        self._count += 1
        heapq.heappush(self._due, (due_s, self._order, name, key))

    def next_due_s(self) -> float | None:
        """When something becomes ready next, or may be tried again."""
        times = [self._due[0][0]] if self._due else []
        return min([*times, *self._paused.values()], default=None)

    def take(self, now_s: float) -> list[Taken]:
        """What runs now; `finished` must be told of each."""
        if self._paused:
            self._paused = {name: at_s for name, at_s in self._paused.items() if at_s > now_s}
        while self._due and self._due[0][0] <= now_s:
            _, _, name, key = heapq.heappop(self._due)
            lane = self._lanes.get(name)
            if lane is None:
                most = self._window_max(name)
                lane = self._lanes[name] = Lane(window=most, window_max=most)
            if not lane.ready:
                self._turns.append(name)
            lane.ready.append(key)
        taken: list[Taken] = []
        full = 0
        while self._turns and full < len(self._turns) and self._running < RUNNING_MAX:
            name = self._turns[0]
            lane = self._lanes[name]
            if lane.running >= lane.window or name in self._paused:
                self._turns.rotate(-1)
                full += 1
                continue
            full = 0
            taken.append(Taken(lane.ready.popleft(), name))
            lane.running += 1
            self._running += 1
            if lane.ready:
                self._turns.rotate(-1)
            else:
                self._turns.popleft()
        return taken

    def finished(self, name: str, *, throttled: bool, now_s: float) -> None:
        """One of the lane `name` runs no more; `add` it again where it is to be retried."""
        lane = self._lanes[name]
        lane.running -= 1
        self._running -= 1
        self._count -= 1
        if throttled:
            lane.window = max(1, min(lane.window, lane.running))
            if not lane.running:
                lane.pause_s = min(max(PAUSE_S_MIN, 2 * lane.pause_s), PAUSE_S_MAX)
                self._paused[name] = now_s + lane.pause_s
        else:
            lane.pause_s = 0.0
            self._paused.pop(name, None)
            lane.window = min(lane.window_max, lane.window + 1)
        if not lane.running and not lane.ready and lane.window == lane.window_max:
            del self._lanes[name]

    def take_waiting(self, name: str) -> list[str]:
        """Take out what waits for its time; `add` it again, or not."""
        taken = [item[3] for item in sorted(self._due) if item[2] == name]
        self._due = [item for item in self._due if item[2] != name]
        heapq.heapify(self._due)
        self._count -= len(taken)
        return taken

    def forget(self, name: str) -> list[str]:
        """Take out all that does not run."""
        taken = self.take_waiting(name)
        lane = self._lanes.get(name)
        if lane is not None and lane.ready:
            taken += lane.ready
            self._count -= len(lane.ready)
            lane.ready.clear()
            self._turns.remove(name)
        return taken

    def running(self) -> dict[str, int]:
        """Lane → how many run."""
        return {name: lane.running for name, lane in self._lanes.items() if lane.running}

    def depths(self) -> dict[str, int]:
        """Lane → how many wait or run."""
        depths = {name: len(lane.ready) + lane.running for name, lane in self._lanes.items()}
        for _, _, name, _ in self._due:
            depths[name] = depths.get(name, 0) + 1
        return depths
