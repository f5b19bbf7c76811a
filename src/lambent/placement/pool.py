"""The environments of one function version: which serves, and when one more is needed. Pure.

Rules: provisioned environments serve before others; among each the one used last serves first (so
that the others can go idle and end); an environment that becomes free takes the invocation that has
waited longest, at once; never are more environments starting on demand than invocations waiting; no
environment serves two invocations; provisioned ones do not end for being idle.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Generic, TypeVar

from lambent.clock import Instant

E = TypeVar("E")  # an environment
L = TypeVar("L")  # a lease: one invocation


class Placed(Enum):
    """What becomes of an arriving invocation that no idle environment could take."""

    WAITS = "waits"
    """An environment that starts already will take it."""
    NEEDS_START = "needs start"
    """One more environment must be started: tell `starting` or `withdraw`."""


class Pool(Generic[E, L]):
    """A state machine without I/O: methods are its events, return values what is to be done."""

    __slots__ = (
        "_answers",
        "_busy",
        "_finishing",
        "_idle",
        "_idle_provisioned",
        "_provisioned",
        "_starting",
        "_waiting",
    )

    def __init__(self) -> None:
        self._idle: list[tuple[E, Instant]] = []
        self._idle_provisioned: list[E] = []
        self._provisioned: set[E] = set()
        """All provisioned ones that are alive, starting ones too."""
        self._busy: set[E] = set()
        self._finishing: dict[E, int] = {}
        self._answers = 0
        """Of the busy ones those that have answered and are expected to be free at once."""
        self._starting: set[E] = set()
        self._waiting: deque[L] = deque()

    @property
    def size(self) -> int:
        return len(self._idle) + len(self._idle_provisioned) + len(self._busy) + len(self._starting)

    @property
    def idle_count(self) -> int:
        return len(self._idle) + len(self._idle_provisioned)

    @property
    def busy_count(self) -> int:
        return len(self._busy)

    @property
    def starting_count(self) -> int:
        return len(self._starting)

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    @property
    def provisioned_count(self) -> int:
        """Provisioned environments, starting ones included."""
        return len(self._provisioned)

    @property
    def provisioned_ready_count(self) -> int:
        """Provisioned environments that are initialised, busy or not."""
        return len(self._provisioned - self._starting)

    def environments(self) -> list[E]:
        idle = [environment for environment, _ in self._idle]
        return [*idle, *self._idle_provisioned, *self._busy, *self._starting]

    def arrive(self, lease: L) -> E | Placed:
        """An invocation comes: the environment that serves it now, or what it waits for."""
        if self._idle_provisioned:
            environment = self._idle_provisioned.pop()
            self._busy.add(environment)
            return environment
        if self._idle:
            environment, _ = self._idle.pop()
            self._busy.add(environment)
            return environment
        self._waiting.append(lease)
        if self._one_is_missing():
            return Placed.NEEDS_START
        return Placed.WAITS

    def withdraw(self, lease: L) -> None:
        """The invocation waits no more (none could be started for it)."""
        self._waiting.remove(lease)

    def drain_waiting(self) -> list[L]:
        """Remove and return all that wait."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def starting(self, environment: E, *, provisioned: bool = False) -> None:
        """One more environment is being started."""
        self._starting.add(environment)
        if provisioned:
            self._provisioned.add(environment)

    def free(self, environment: E, now: Instant) -> L | None:
        """An environment is ready or has answered: the invocation it takes next, else it idles."""
        self._starting.discard(environment)
        if self._finishing:
            self._finishing.pop(environment, None)
        if self._waiting:
            self._busy.add(environment)
            return self._waiting.popleft()
        self._busy.discard(environment)
        if self._provisioned and environment in self._provisioned:
            self._idle_provisioned.append(environment)
        else:
            self._idle.append((environment, now))
        return None

    def answered(self, environment: E) -> int:
        """A busy one has answered and will be free: an invocation that comes now waits for it.

        Returns which answer it was, for `lingers`.
        """
        self._answers += 1
        self._finishing[environment] = self._answers
        return self._answers

    def lingers(self, environment: E, answer: int) -> bool:
        """It takes long to be free after that answer. True where one must be started instead."""
        if self._finishing.get(environment) == answer:
            del self._finishing[environment]
        return self._one_is_missing()

    def init_failed(self, environment: E) -> L | None:
        """Its first init failed: the invocation in which it tries again, if one waits."""
        self._starting.discard(environment)
        if not self._waiting:
            return None
        self._busy.add(environment)
        return self._waiting.popleft()

    def gone(self, environment: E) -> bool:
        """It is no more. True where an invocation now waits for which nothing is starting."""
        self._starting.discard(environment)
        self._busy.discard(environment)
        self._finishing.pop(environment, None)
        self._provisioned.discard(environment)
        self._idle = [entry for entry in self._idle if entry[0] is not environment]
        if environment in self._idle_provisioned:
            self._idle_provisioned.remove(environment)
        return self._one_is_missing()

    def _one_is_missing(self) -> bool:
        return len(self._starting) + len(self._finishing) < len(self._waiting)

    def oldest_idle(self) -> tuple[E, Instant] | None:
        """The on-demand environment that has been idle longest: first to end."""
        return self._idle[0] if self._idle else None

    def take_idle_before(self, moment: Instant) -> list[E]:
        """Remove and return those idle since before `moment`, longest first; none provisioned."""
        count = 0
        while count < len(self._idle) and self._idle[count][1] <= moment:
            count += 1
        expired = [environment for environment, _ in self._idle[:count]]
        del self._idle[:count]
        return expired

    def take_oldest(self) -> E | None:
        """Remove and return the on-demand environment that has been idle longest."""
        return self._idle.pop(0)[0] if self._idle else None

    def take_idle_provisioned(self, count: int) -> list[E]:
        """Remove and return up to `count` idle provisioned environments."""
        taken = self._idle_provisioned[:count]
        del self._idle_provisioned[:count]
        self._provisioned.difference_update(taken)
        return taken

    def take_idle(self, environment: E) -> bool:
        """Remove this one if it is idle."""
        if environment in self._idle_provisioned:
            self._idle_provisioned.remove(environment)
            self._provisioned.discard(environment)
            return True
        kept = [entry for entry in self._idle if entry[0] is not environment]
        found = len(kept) < len(self._idle)
        self._idle = kept
        return found
