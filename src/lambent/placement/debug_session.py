"""One function's debugging session: which environment a debugger reaches, and whether the clock
stands still. Pure.

Rules: a debugger reaches the environment that was opened last; where none lives one is to be
started; one that does not listen yet is waited for while it initialises, and not after. The clock
stands still from the session's beginning to its end, for every environment opened in it.
"""

from __future__ import annotations

from enum import Enum
from typing import Generic, TypeVar

E = TypeVar("E")  # an environment


class Step(Enum):
    """What a connection does that has no debugger yet."""

    START = "start"
    """An environment must be started."""
    WAIT = "wait"
    """For one to be initialised, or to end."""
    REFUSE = "refuse"


class DebugSession(Generic[E]):
    """A state machine without I/O: methods are its events, return values what is to be done."""

    __slots__ = ("_living", "_settled", "active")

    def __init__(self) -> None:
        self.active = True
        """Whether the clock is held."""
        self._living: list[E] = []
        """In the order in which they were opened."""
        self._settled: set[E] = set()
        """Those that have initialised."""

    @property
    def settled(self) -> bool:
        """Whether a debugger can be attached, as far as is known."""
        return bool(self._living) and self._living[-1] in self._settled

    def opened(self, environment: E) -> None:
        self._living.append(environment)

    def initialised(self, environment: E) -> None:
        """It is free, for the first time or again."""
        self._settled.add(environment)

    def gone(self, environment: E) -> None:
        self._living.remove(environment)
        self._settled.discard(environment)

    def target(self) -> E | Step:
        """Where a connection goes that has just come."""
        if not self.active:
            return Step.REFUSE
        return self._living[-1] if self._living else Step.START

    def refused_by(self, environment: E, *, after_init: bool) -> E | Step:
        """Where a connection goes that this environment refused.

        `after_init`: whether it was initialised already when it was asked.
        """
        target = self.target()
        if target is not environment:
            return target
        if after_init:
            return Step.REFUSE
        return environment if environment in self._settled else Step.WAIT

    def is_initialised(self, environment: E) -> bool:
        return environment in self._settled

    def end(self) -> list[E]:
        """No connection any more; the environments whose clock is to start."""
        self.active = False
        return list(self._living)
