"""Runtimes started ahead of need, for the versions that had a cold start or a change of late.

`decide_ahead` is the pure decision how many of each; AheadStarts drives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from lambent.clock import Instant
from lambent.domain.function import FunctionVersion, State
from lambent.environment.ahead import Waiting, start_ahead, what_waits
from lambent.environment.platform import Platform, StartedAhead
from lambent.placement.demand import Demand, Memory
from lambent.sandbox.interface import SandboxExit

log = logging.getLogger("lambent")

WANTED_S = 300.0
"""[own] How long after its last cold start or change a version is kept ready."""
EACH_MAX = 4
FORKS_FOR_EACH = 4
"""[own] A fork of Python takes 3 MB, a process 10 to 45."""
CHANGED_DELAY_S = 0.05
TAKEN_DELAY_S = 0.3
"""[own] Whoever just started has the processors first."""
GAP_S = 0.05
FAILURES_MAX = 3
"""[own] Processes of one version that may end while they wait, before no more are started."""

Key = tuple[str, str]
"""Name and version."""


@dataclass(frozen=True, slots=True)
class Use:
    """Of one version."""

    last: Instant
    """Its last cold start or change."""
    peak: int = 1
    """The most cold starts within one second of the last minute."""
    kind: Waiting = Waiting.PROCESS


def decide_ahead(
    uses: Mapping[Key, Use], *, most: Mapping[Waiting, int], now: Instant, memory: Memory
) -> dict[Key, int]:
    """How many of each are to wait; `most` of each kind."""
    if memory.is_short:
        return {}
    targets: dict[Key, int] = {}
    for kind, bound in most.items():
        recent = {
            key: use for key, use in uses.items() if use.kind is kind and now - use.last < WANTED_S
        }
        targets |= _share_out(recent, bound)
    return targets


def _share_out(uses: Mapping[Key, Use], most: int) -> dict[Key, int]:
    """One for each, the latest first, then what came at once."""
    recent = sorted(uses, key=lambda key: -uses[key].last)
    targets = dict.fromkeys(recent[:most], 1)
    left = most - len(targets)
    for key in targets:
        more = min(left, min(uses[key].peak, EACH_MAX) - 1)
        if more > 0:
            targets[key] += more
            left -= more
    return targets


class _Version:
    """What is known of one version."""

    def __init__(self, kind: Waiting) -> None:
        self.kind = kind
        self.last = Instant(0.0)
        self.demand = Demand()
        self.waiting: deque[tuple[FunctionVersion, StartedAhead]] = deque()
        self.failures = 0


class AheadStarts:
    """See environment.platform.AheadSource."""

    def __init__(self, *, processes: int, forks: bool) -> None:
        """How many processes may wait at once; and whether forks may, four times as many."""
        self._most = {
            Waiting.PROCESS: processes,
            Waiting.FORK: processes * FORKS_FOR_EACH if forks else 0,
        }
        self.platform: Platform
        """Set before anything is started."""
        self.current: Callable[[str, str], FunctionVersion | None] = lambda name, version: None
        """What a version runs now; None where it is gone."""
        self._versions: dict[Key, _Version] = {}
        self._memory = Memory(1.0)
        self._timer: asyncio.TimerHandle | None = None
        self._starting = False
        self._open = True

    def take(self, version: FunctionVersion) -> StartedAhead | None:
        known = self._wanted(version)
        if known is None:
            return None
        known.demand.took(self.platform.clock.now())
        self._soon(TAKEN_DELAY_S)
        while known.waiting:
            _, started = known.waiting.popleft()
            if not started.sandbox.exited.done():
                return started
        return None

    def changed(self, name: str, version: str | None = None) -> None:
        """What `name`, or one `version` of it, runs has changed or gone."""
        for key in [key for key in self._versions if key[0] == name and version in (None, key[1])]:
            self._forget(key)
        now = self.current(name, version) if version is not None else None
        if now is not None and self._wanted(now) is not None:
            self._soon(CHANGED_DELAY_S)

    def tend(self, memory: Memory) -> None:
        """Once a second: end what is not wanted any more."""
        self._memory = memory
        targets = self._targets()
        oldest = self.platform.clock.now() - WANTED_S
        for key, known in list(self._versions.items()):
            while len(known.waiting) > targets.get(key, 0):
                self._end(known.waiting.popleft()[1])
            if known.last <= oldest or self.current(*key) is None:  # it goes with a reset, too
                self._forget(key)

    def versions(self) -> Iterator[FunctionVersion]:
        """Of all that wait."""
        for known in self._versions.values():
            for version, _ in known.waiting:
                yield version

    def close(self) -> None:
        """End all and start no more."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        for key in list(self._versions):
            self._forget(key)

    def _wanted(self, version: FunctionVersion) -> _Version | None:
        kind = what_waits(version, self.platform)
        if not self._most.get(kind):
            return None
        known = self._versions.setdefault((version.name, version.version), _Version(kind))
        known.last = self.platform.clock.now()
        return known

    def _targets(self) -> dict[Key, int]:
        now = self.platform.clock.now()
        uses = {
            key: Use(known.last, known.demand.peak(now), known.kind)
            for key, known in self._versions.items()
            if known.failures < FAILURES_MAX
        }
        return decide_ahead(uses, most=self._most, now=now, memory=self._memory)

    def _forget(self, key: Key) -> None:
        for _, started in self._versions.pop(key).waiting:
            self._end(started)

    def _end(self, started: StartedAhead) -> None:
        sandbox = started.sandbox
        sandbox.kill()
        self.platform.tasks.spawn(sandbox.close(), name=f"close {sandbox.sandbox_id}")

    def _soon(self, delay_s: float) -> None:
        if self._open and not self._starting:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.platform.loop.call_later(delay_s, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._starting = True
        self.platform.tasks.spawn(self._fill(), name="start ahead")

    async def _fill(self) -> None:
        try:
            while self._open and (key := self._missing()) is not None:
                await self._start(key)
                await asyncio.sleep(GAP_S)
        finally:
            self._starting = False

    def _missing(self) -> Key | None:
        for key, target in self._targets().items():
            if len(self._versions[key].waiting) < target:
                return key
        return None

    async def _start(self, key: Key) -> None:
        known = self._versions[key]
        version = self.current(*key)
        if version is None or version.state.value != State.ACTIVE:
            self._forget(key)
            return
        try:
            started = await start_ahead(version, self.platform)
        except Exception as error:  # whatever the host refused: an invocation will be told
            log.warning("%s:%s could not be started ahead: %s", *key, error)
            known.failures = FAILURES_MAX
            return
        if self._versions.get(key) is not known:  # changed meanwhile
            self._end(started)
            return
        known.waiting.append((version, started))
        started.sandbox.exited.add_done_callback(partial(self._ended, key, started))

    def _ended(self, key: Key, started: StartedAhead, _: asyncio.Future[SandboxExit]) -> None:
        """By itself, if it still waits."""
        known = self._versions.get(key)
        if known is None:
            return
        for entry in known.waiting:
            if entry[1] is started:
                known.waiting.remove(entry)
                known.failures += 1
                self._end(started)
                self._soon(TAKEN_DELAY_S)
                return
