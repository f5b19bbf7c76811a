"""The synchronous path: resolve, admit, place; the answer comes by callback."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lambent.domain.errors import LambdaError, resource_conflict, throttled
from lambent.domain.function import FunctionVersion, State
from lambent.domain.invocation import Invocation
from lambent.environment.platform import Done, Lease
from lambent.observe.meter import Meter
from lambent.placement.concurrency import ConcurrencyLedger
from lambent.placement.placement import Placement


class Router(Protocol):
    """Finds what a name and a qualifier stand for, this time."""

    def route(self, name: str, qualifier: str | None) -> FunctionVersion:
        """Raises LambdaError ResourceNotFoundException."""
        ...


class Invoker:
    """Runs functions."""

    def __init__(
        self,
        router: Router,
        ledger: ConcurrencyLedger,
        placement: Placement,
        meter: Meter,
    ) -> None:
        self._router = router
        self._ledger = ledger
        self._placement = placement
        self._meter = meter
        self._drained: asyncio.Event | None = None

    def check(self, name: str, qualifier: str | None) -> FunctionVersion:
        """The version that would run, if it can: what DryRun verifies. Raises LambdaError."""
        version = self._router.route(name, qualifier)
        if version.state.value != State.ACTIVE:
            text = (
                "The operation cannot be performed at this time. "
                f"The function is currently in the following state: {version.state.value}"
            )
            if version.state.reason and version.state.value == State.FAILED:
                text += f". {version.state.reason}"
            raise resource_conflict(text)
        return version

    def invoke(self, name: str, qualifier: str | None, invocation: Invocation, done: Done) -> None:
        """Run it; `done` is called exactly once, later or now. Raises LambdaError when refused."""
        version = self.check(name, qualifier)
        if self._drained is not None:
            raise LambdaError("ServiceException", "Lambent is shutting down.", Type="Service")
        reason = self._ledger.admit()
        if reason is not None:
            self._meter.throttled(version.name)
            raise throttled(reason)

        try:
            self._placement.submit(version, Lease(invocation, self._release, done))
        except LambdaError:
            self._release()
            self._meter.throttled(version.name)
            raise

    async def drain(self) -> None:
        """Refuse new invocations; returns when all that run have ended (each has a deadline)."""
        self._drained = asyncio.Event()
        if self._ledger.in_use:
            await self._drained.wait()

    def _release(self) -> None:
        self._ledger.release()
        if self._drained is not None and not self._ledger.in_use:
            self._drained.set()
