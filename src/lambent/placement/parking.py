"""Sandboxes kept blank and warm, so that a cold start only binds code."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from functools import partial

from lambent.domain.interpreter import Interpreter
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
    ) -> None:
        self._backend = backend
        self._interpreters = interpreters
        self._tasks = tasks
        self._target = parked
        self._parked: dict[Kind, deque[Sandbox]] = {}
        self._refilling: set[Kind] = set()
        self._open = True

    async def take(self, runtime: str, preload: str) -> Sandbox:
        """A blank sandbox. Raises RuntimeUnavailable, or OSError where the host refuses."""
        kind = (runtime, preload)
        parked = self._parked.get(kind)
        sandbox = parked.pop() if parked else None
        if sandbox is None:
            sandbox = await self._launch(kind, park=False)
        self._refill_soon(kind, REFILL_DELAY_S)
        return sandbox

    async def make(self, runtime: str, preload: str, folders: tuple[HostFolder, ...]) -> Sandbox:
        """A new blank sandbox with folders of the host: none of these are parked."""
        return await self._launch((runtime, preload), park=False, folders=folders)

    def refill(self, runtime: str, preload: str) -> None:
        """See to it that there are parked sandboxes for such functions."""
        self._refill_soon((runtime, preload), 0.0)

    def _refill_soon(self, kind: Kind, delay_s: float) -> None:
        if self._target and self._open and kind not in self._refilling:
            self._refilling.add(kind)
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
            while self._open and len(parked) < self._target:
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
            self._refilling.discard(kind)

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
