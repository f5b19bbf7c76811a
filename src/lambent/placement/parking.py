"""Sandboxes kept blank and warm, so that a cold start only binds code: the driver of `demand`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from functools import partial

from lambent.clock import Clock
from lambent.domain.interpreter import Interpreter
from lambent.placement.demand import Demand, Memory, decide_targets
from lambent.sandbox.interface import HostFolder, Sandbox, SandboxBackend, SandboxExit
from lambent.tasks import Tasks

log = logging.getLogger("lambent")

REFILL_DELAY_S = 0.02

Kind = tuple[str, str]
"""Runtime, and what its zygote has loaded: parked sandboxes of one kind are alike."""


class RuntimeUnavailable(Exception):
    """No interpreter of that runtime was found on this host."""


class Parking:
    """Gives blank sandboxes: a parked one where there is one, else a new one."""

    def __init__(
        self,
        backend: SandboxBackend,
        interpreters: Mapping[str, Interpreter],
        tasks: Tasks,
        *,
        parked: int,
        clock: Clock,
    ) -> None:
        """`parked`: how many are kept of each kind in use, at least; 0 turns parking off."""
        self._backend = backend
        self._interpreters = interpreters
        self._tasks = tasks
        self._least = parked
        self._clock = clock
        self._demands: dict[Kind, Demand] = {}
        self._targets: dict[Kind, int] = {}
        self._parked: dict[Kind, deque[Sandbox]] = {}
        self.refilling: set[Kind] = set()
        """Kinds of which some are being made."""
        self._open = True

    async def take(self, runtime: str, preload: str) -> Sandbox:
        """A blank sandbox. Raises RuntimeUnavailable, or OSError where the host refuses."""
        kind = (runtime, preload)
        parked = self._parked.get(kind)
        sandbox = parked.pop() if parked else None
        if self._least:
            self._demand(kind).took(self._clock.now())
        if sandbox is None:
            sandbox = await self._launch(kind, park=False)
        self._refill_soon(kind, REFILL_DELAY_S)
        return sandbox

    def tend(self, memory: Memory) -> None:
        """Once a second: park what demand asks for, end what is too much, oldest first."""
        now = self._clock.now()
        peaks = {kind: demand.peak(now) for kind, demand in self._demands.items()}
        self._targets = decide_targets(peaks, least=self._least, memory=memory)
        for kind, target in self._targets.items():
            parked = self._parked.get(kind, deque())
            while len(parked) > target:
                sandbox = parked.popleft()
                sandbox.kill()
                self._tasks.spawn(sandbox.close(), name=f"close {sandbox.sandbox_id}")
            if len(parked) < target:
                self._refill_soon(kind, 0.0)

    def parked_count(self) -> int:
        """Sandboxes that are parked now."""
        return sum(map(len, self._parked.values()))

    async def make(self, runtime: str, preload: str, folders: tuple[HostFolder, ...]) -> Sandbox:
        """A new blank sandbox with folders of the host: none of these are parked."""
        return await self._launch((runtime, preload), park=False, folders=folders)

    def refill(self, runtime: str, preload: str) -> None:
        """See to it that there are parked sandboxes for such functions."""
        if self._least:
            self._demand((runtime, preload))
        self._refill_soon((runtime, preload), 0.0)

    def _demand(self, kind: Kind) -> Demand:
        demand = self._demands.get(kind)
        if demand is None:
            demand = self._demands[kind] = Demand()
        return demand

    def _target(self, kind: Kind) -> int:
        """Between two looks at demand: as decided, and the least for a kind that is new."""
        return self._targets.get(kind, self._least)

    def _refill_soon(self, kind: Kind, delay_s: float) -> None:
        if self._target(kind) and self._open and kind not in self.refilling:
            self.refilling.add(kind)
            self._tasks.spawn(self._refill(kind, delay_s), name=f"park {kind[0]}")

    async def close(self) -> None:
        """End all parked sandboxes and park no more."""
        self._open = False
        for parked in self._parked.values():
            while parked:
                sandbox = parked.pop()
                sandbox.kill()
                await sandbox.close()

    async def _refill(self, kind: Kind, delay_s: float) -> None:
        try:
            await asyncio.sleep(delay_s)  # the invocation that took one goes first
            parked = self._parked.setdefault(kind, deque())
            while self._open and len(parked) < self._target(kind):
                sandbox = await self._launch(kind, park=True)
                if not self._open:
                    sandbox.kill()
                    await sandbox.close()
                    return
                parked.append(sandbox)
                sandbox.exited.add_done_callback(partial(self._died, kind, sandbox))
        except (OSError, RuntimeUnavailable) as error:
            log.warning("no sandbox could be parked for %s: %s", kind[0], error)
        finally:
            self.refilling.discard(kind)

    def _died(self, kind: Kind, sandbox: Sandbox, _exit: asyncio.Future[SandboxExit]) -> None:
        parked = self._parked.get(kind)
        if parked is not None and sandbox in parked:
            parked.remove(sandbox)
            self._tasks.spawn(sandbox.close(), name=f"close {sandbox.sandbox_id}")
            self._refill_soon(kind, 1.0)

    async def _launch(
        self, kind: Kind, *, park: bool, folders: tuple[HostFolder, ...] = ()
    ) -> Sandbox:
        runtime, preload = kind
        interpreter = self._interpreters.get(runtime)
        if interpreter is None:
            raise RuntimeUnavailable(f"no interpreter for {runtime} was found on this host")
        return await self._backend.launch(interpreter, preload=preload, park=park, folders=folders)
