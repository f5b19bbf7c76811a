"""Runs what is due, as a backlog decides: the driver of the queue of events and of the courier.

What is new stays in memory until its first try, while there is room; all else is loaded when its
turn comes. One timer waits for the first of what is due later.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Generic, TypeVar

from lambent.clock import Clock
from lambent.domain.errors import PlatformFault
from lambent.queue.alarm import Alarm
from lambent.queue.backlog import WINDOW_MAX, Backlog, Taken
from lambent.queue.fresh import Fresh
from lambent.tasks import Tasks

log = logging.getLogger("lambent")

Item = TypeVar("Item")

LOADED_AT_ONCE = 32
LOAD_AGAIN_S = 5.0


class Dispatcher(Generic[Item]):
    """Calls `run` with each item when its turn has come; `finished` has to be told of each."""

    def __init__(
        self,
        *,
        name: str,
        run: Callable[[Item], None],
        load: Callable[[list[str]], Awaitable[Mapping[str, Item]]],
        clock: Clock,
        tasks: Tasks,
        window_max: Callable[[str], int] = lambda lane: WINDOW_MAX,
    ) -> None:
        """`name`: of the items, for the log. `load`: key → item of those that are on disk.

        `window_max`: how many of one lane run at once, at most.
        """
        self.generation = 0
        """Another one after a reset or the close: what runs since before is of no more concern."""
        self._name = name
        self._run = run
        self._load = load
        self._clock = clock
        self._tasks = tasks
        self._window_max = window_max
        self._backlog = Backlog(window_max)
        self._fresh: Fresh[str, Item] = Fresh()
        self._alarm = Alarm(clock, self.pump)
        self._open = False
        self._pumping = False

    def start(self) -> None:
        self._open = True
        self.pump()

    def stop(self) -> None:
        """Run nothing more."""
        self._open = False
        self._alarm.set(None)

    def close(self) -> None:
        """What runs is of no more concern either."""
        self.stop()
        self.generation += 1

    def reset(self) -> None:
        """Forget every item."""
        self.generation += 1
        self._backlog = Backlog(self._window_max)
        self._fresh.clear()

    def depths(self) -> dict[str, int]:
        """Lane → items that wait or run."""
        return self._backlog.depths()

    def running(self) -> dict[str, int]:
        """Lane → items that run."""
        return self._backlog.running()

    # What waits; `pump` after it

    def admit(self, item: Item, key: str, lane: str, due_s: float, size: int) -> None:
        """A new one with a payload of `size` bytes, to be run at `due_s`."""
        self._fresh.put(key, item, size)
        self._backlog.add(key, lane, due_s)

    def add(self, key: str, lane: str, due_s: float) -> None:
        """One that is on disk, to be run at `due_s`."""
        self._backlog.add(key, lane, due_s)

    def finished(self, lane: str, *, throttled: bool) -> None:
        """One of `lane` runs no more; `add` it again where it is to be retried."""
        self._backlog.finished(lane, throttled=throttled, now_s=self._clock.wall_s())

    def forget(self, lane: str) -> None:
        """Run none of a lane but what runs; the rows are the caller's to delete."""
        for key in self._backlog.forget(lane):
            self._fresh.take(key)

    def take_waiting(self, lane: str) -> list[str]:
        """Hold back what waits for its next try, until `give_back`."""
        return self._backlog.take_waiting(lane)

    def give_back(self, lane: str, keys: Iterable[str], due_s: float) -> None:
        """Have them run at `due_s`."""
        for key in keys:
            self._backlog.add(key, lane, due_s)
        self.pump()

    # What is due

    def pump(self) -> None:
        """Run what is due, and come back when more is."""
        if not self._open or self._pumping:  # what ends at once pumps again: the loop sees to it
            return
        self._pumping = True
        try:
            while taken := self._backlog.take(self._clock.wall_s()):
                self._run_all(taken)
        finally:
            self._pumping = False
        if self._open:
            self._alarm.set(self._backlog.next_due_s())

    def _run_all(self, taken: list[Taken]) -> None:
        missing = []
        for one in taken:
            item = self._fresh.take(one.key)
            if item is None:
                missing.append(one)
            else:
                self._run(item)
        if missing:
            self._tasks.spawn(self._load_and_run(missing), name=f"load {self._name}")

    async def _load_and_run(self, taken: list[Taken]) -> None:
        """A few at a time: their contents need not all be in memory at once."""
        generation = self.generation
        for start in range(0, len(taken), LOADED_AT_ONCE):
            part = taken[start : start + LOADED_AT_ONCE]
            again_s: float | None = None
            found: Mapping[str, Item] = {}
            try:
                found = await self._load([one.key for one in part])
            except (PlatformFault, sqlite3.Error) as error:
                log.error("%s could not be loaded: %s", self._name, error)
                again_s = self._clock.wall_s() + LOAD_AGAIN_S
            if generation != self.generation:
                return
            for one in part:
                item = found.get(one.key)
                if item is not None:
                    self._run(item)
                    continue
                self.finished(one.lane, throttled=False)  # not to be had now, or gone
                if again_s is not None:
                    self._backlog.add(one.key, one.lane, again_s)
        self.pump()
