"""Sandboxes kept blank and warm, so that a cold start only binds code."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from functools import partial

from lambent.domain.interpreter import Interpreter
from lambent.sandbox.interface import Sandbox, SandboxBackend, SandboxExit
from lambent.tasks import Tasks

log = logging.getLogger("lambent")

REFILL_DELAY_S = 0.02


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
    ) -> None:
        self._backend = backend
        self._interpreters = interpreters
        self._tasks = tasks
        self._target = parked
        self._parked: dict[str, deque[Sandbox]] = {}
        self._refilling: set[str] = set()
        self._open = True

    def parked_count(self, runtime: str) -> int:
        return len(self._parked.get(runtime, ()))

    async def take(self, runtime: str) -> Sandbox:
        """A blank sandbox. Raises RuntimeUnavailable, or OSError where the host refuses."""
        parked = self._parked.get(runtime)
        sandbox = parked.pop() if parked else None
        if sandbox is None:
            sandbox = await self._launch(runtime)
        self.refill(runtime, delay_s=REFILL_DELAY_S)
        return sandbox

    def refill(self, runtime: str, *, delay_s: float = 0.0) -> None:
        """See to it that `runtime` soon has its parked sandboxes again."""
        if self._target and self._open and runtime not in self._refilling:
            self._refilling.add(runtime)
            self._tasks.spawn(self._refill(runtime, delay_s), name=f"park {runtime}")

    async def close(self) -> None:
        """End all parked sandboxes and park no more."""
        self._open = False
        for parked in self._parked.values():
            while parked:
                sandbox = parked.pop()
                sandbox.kill()
                await sandbox.close()

    async def _refill(self, runtime: str, delay_s: float) -> None:
        try:
            await asyncio.sleep(delay_s)  # the invocation that took one goes first
            parked = self._parked.setdefault(runtime, deque())
            while self._open and len(parked) < self._target:
                sandbox = await self._launch(runtime)
                if not self._open:
                    sandbox.kill()
                    await sandbox.close()
                    return
                parked.append(sandbox)
                sandbox.exited.add_done_callback(partial(self._died, runtime, sandbox))
        except (OSError, RuntimeUnavailable) as error:
            log.warning("no sandbox could be parked for %s: %s", runtime, error)
        finally:
            self._refilling.discard(runtime)

    def _died(self, runtime: str, sandbox: Sandbox, _exit: asyncio.Future[SandboxExit]) -> None:
        parked = self._parked.get(runtime)
        if parked is not None and sandbox in parked:
            parked.remove(sandbox)
            self._tasks.spawn(sandbox.close(), name=f"close {sandbox.sandbox_id}")
            self.refill(runtime, delay_s=1.0)

    async def _launch(self, runtime: str) -> Sandbox:
        interpreter = self._interpreters.get(runtime)
        if interpreter is None:
            raise RuntimeUnavailable(f"no interpreter for {runtime} was found on this host")
        return await self._backend.launch(interpreter)
