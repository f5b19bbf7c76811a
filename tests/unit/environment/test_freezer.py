"""When an environment is frozen, in virtual time.

Source: Developer Guide, "Understanding the Lambda execution environment lifecycle": the environment
is frozen when runtime and extensions have completed and no event is pending.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from lambent.environment.freezer import FREEZE_AFTER_S, Freezer


class Loop(asyncio.AbstractEventLoop):
    """Its time stands still until told to advance."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[asyncio.TimerHandle] = []

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(self.now + delay, callback, args, self, context)
        self.timers.append(timer)
        return timer

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers.remove(handle)

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.when() <= until]:
            first = min(due, key=lambda timer: timer.when())
            self.now = first.when()
            self.timers.remove(first)
            first._run()
        self.now = until


class Guest:
    def __init__(self) -> None:
        self.frozen = False
        self.changes = 0

    def freeze(self) -> None:
        assert not self.frozen
        self.frozen = True
        self.changes += 1

    def thaw(self) -> None:
        assert self.frozen
        self.frozen = False
        self.changes += 1


def make(*, allowed: bool = True) -> tuple[Loop, Guest, Freezer]:
    loop, guest = Loop(), Guest()
    return loop, guest, Freezer(guest, loop, allowed=allowed)


def test_an_environment_is_frozen_once_it_has_been_idle_for_a_moment() -> None:
    loop, guest, freezer = make()
    freezer.rest()
    loop.advance(FREEZE_AFTER_S * 0.9)
    assert not guest.frozen
    loop.advance(FREEZE_AFTER_S)
    assert guest.frozen
    freezer.wake()
    assert not guest.frozen


def test_invocations_back_to_back_are_never_frozen_between() -> None:
    loop, guest, freezer = make()
    for _ in range(1000):
        freezer.rest()
        assert len(loop.timers) <= 1
        loop.advance(FREEZE_AFTER_S / 10)
        freezer.wake()
        loop.advance(FREEZE_AFTER_S / 3)
    assert guest.changes == 0


def test_a_long_invocation_is_never_frozen_and_the_rest_after_it_is() -> None:
    loop, guest, freezer = make()
    freezer.rest()
    freezer.wake()
    loop.advance(100.0)
    assert guest.changes == 0
    assert not loop.timers
    freezer.rest()
    loop.advance(2 * FREEZE_AFTER_S)
    assert guest.frozen


def test_what_is_about_to_end_is_thawed_and_stays_so() -> None:
    loop, guest, freezer = make()
    freezer.rest()
    loop.advance(1.0)
    freezer.stop()
    assert not guest.frozen
    freezer.rest()
    freezer.stop()
    loop.advance(1.0)
    assert not guest.frozen


def test_nothing_is_frozen_where_the_operator_turned_it_off() -> None:
    loop, guest, freezer = make(allowed=False)
    freezer.rest()
    loop.advance(10.0)
    assert not loop.timers
    assert guest.changes == 0
