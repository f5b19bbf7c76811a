"""The synchronous path: resolve, admit, place; the answer comes by callback."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lambent.clock import Clock
from lambent.domain.errors import (
    LambdaError,
    invalid_parameter,
    resource_conflict,
    snap_start_not_ready,
    throttled,
)
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
        clock: Clock,
    ) -> None:
        self._router = router
        self._ledger = ledger
        self._placement = placement
        self._meter = meter
        self._now = clock.now
        self._drained = False

    def check(self, name: str, qualifier: str | None) -> FunctionVersion:
        """The version that would run, if it can: what DryRun verifies. Raises LambdaError."""
        version = self._router.route(name, qualifier)
        if version.state.value != State.ACTIVE:
            if version.state.value == State.PENDING and version.snap_start:
                raise snap_start_not_ready()
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
        if self._drained:
            raise LambdaError("ServiceException", "Lambent is shutting down.", Type="Service")
        tenant_id = invocation.tenant_id
        if version.tenant_isolation or tenant_id:
            check_tenant(version, tenant_id)
        pool = self._placement.pool(version, tenant_id)
        reason = self._ledger.admit(pool.use, self._now())
        if reason is not None:
            self._meter.throttled(version.name)
            raise throttled(reason)

        try:
            pool.submit(Lease(invocation, pool.release, done))
        except LambdaError:
            pool.release()
            self._meter.throttled(version.name)
            raise

    async def drain(self) -> None:
        """Refuse new invocations; returns when all that run have ended (each has a deadline)."""
        self._drained = True
        if self._ledger.in_use:
            idle = asyncio.Event()
            self._ledger.on_idle = idle.set
            await idle.wait()


def check_tenant(version: FunctionVersion, tenant_id: bytes) -> None:
    """A tenant id comes with exactly the functions that isolate tenants.

    The first text: AWS, as quoted by many; the second is unverified.
    """
    if version.tenant_isolation and not tenant_id:
        raise invalid_parameter(
            "The invoked function is enabled with tenancy configuration. "
            "Add a valid tenant ID in your request and try again."
        )
    if tenant_id and not version.tenant_isolation:
        raise invalid_parameter(
            "The invoked function is not enabled with tenancy configuration. "
            "Remove the tenant ID from your request and try again."
        )
