"""One version's pool: starts environments, hands them invocations, keeps some ready."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from lambent.clock import Instant
from lambent.domain import limits
from lambent.domain.errors import LambdaError, throttled
from lambent.domain.function import FunctionVersion
from lambent.environment.environment import Environment
from lambent.environment.lifecycle import Phase
from lambent.environment.platform import Lease, Platform
from lambent.environment.restored import open_environment
from lambent.placement.concurrency import (
    ACCOUNT_EXHAUSTED,
    ACCOUNT_RATE,
    RESERVED_RATE,
    VersionUse,
)
from lambent.placement.pool import Placed, Pool

if TYPE_CHECKING:
    from lambent.placement.placement import Placement

LINGER_S = 0.2
"""[own] How long an answered environment counts as free soon. A runtime asks for its next
invocation within a millisecond of its answer, unless the function goes on working; on a host whose
processors are all busy a small function's waits for its turn, for less time than this."""
RESET_S_MAX = limits.SHUTDOWN_EXTERNAL_S + 1.0
"""[own] How long one counts as free soon that is being reset: what its extensions are given."""
PROVISIONED_STARTS_MAX = 16
"""[own] Provisioned environments of one version that initialise at once."""
RETRY_S_MIN, RETRY_S_MAX = 0.5, 60.0
FAILURES_TOLD = 2
"""Initialisations in a row that may fail before the status says FAILED."""
INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"


class VersionPool:
    """The environments of one version (of one tenant, where the function isolates them)."""

    def __init__(
        self, version: FunctionVersion, use: VersionUse, placement: Placement, platform: Platform
    ) -> None:
        self.version = version
        self.use = use
        self.release = partial(placement.ledger.release, use)
        self.pool: Pool[Environment, Lease] = Pool()
        self.retired = False
        self.wanted = 0
        """Provisioned environments that are to be held."""
        self.failure = ""
        """Why there are fewer; empty while they are there or being made."""
        self._failures = 0
        self._retry: asyncio.TimerHandle | None = None
        self._stopping = False
        self._placement = placement
        self._platform = platform

    def submit(self, lease: Lease) -> None:
        placed = self.pool.arrive(lease)
        if isinstance(placed, Environment):
            placed.run(lease)
        elif placed is Placed.NEEDS_START:
            refusal = self._start_one()
            if refusal is not None:
                self.pool.withdraw(lease)
                raise throttled(refusal)

    def warm(self) -> None:
        """Have one environment, though nothing is invoked; where the host allows it."""
        if not self.pool.size:
            self._start_one()

    def on_free(self, environment: Environment) -> None:
        now = self._platform.clock.now()
        if now >= environment.expires_at:  # its credentials end: the next one has new ones
            environment.stop()
            return
        if environment.provisioned and not environment.was_free:
            self._failures = 0
            self.failure = ""
            environment.was_free = True
            self._hold()
        lease = self.pool.free(environment, now)
        if lease is not None:
            environment.run(lease)
        elif self.retired:
            environment.stop()
        elif environment.provisioned:
            self._let_go()
            self._placement.on_provisioned(self)

    def on_answered(self, environment: Environment) -> None:
        answer = self.pool.answered(environment)
        patience_s = RESET_S_MAX if environment.phase is Phase.RESETTING else LINGER_S
        self._platform.loop.call_later(patience_s, self._lingers, environment, answer)

    def on_init_failed(self, environment: Environment) -> Lease | None:
        return self.pool.init_failed(environment)

    def on_gone(self, environment: Environment) -> None:
        self._placement.count -= 1
        waits = self.pool.gone(environment)
        if environment.provisioned:
            self._lost(environment)
        if waits:
            self._start_for_waiting()
        if self.retired and not self.pool.size:
            self._placement.forget(self)

    def _lingers(self, environment: Environment, answer: int) -> None:
        if self.pool.lingers(environment, answer):
            self._start_for_waiting()

    def _start_for_waiting(self) -> None:
        refusal = self._start_one()
        if refusal is not None and not self.pool.size:
            for lease in self.pool.drain_waiting():
                lease.finish(throttled(refusal))

    def expire(self, moment: Instant) -> None:
        """End what has been idle since before `moment`."""
        for environment in self.pool.take_idle_before(moment):
            environment.stop()
        most = self._placement.most_of(self.version)
        while most is not None and self.pool.size > most:
            surplus = self.pool.take_oldest()
            if surplus is None:
                break
            surplus.stop()

    def renew(self, now: Instant) -> None:
        """End idle environments whose time is over; provisioned ones are replaced."""
        for environment in self.pool.environments():
            if environment.expires_at <= now and self.pool.take_idle(environment):
                environment.stop()

    def retire(self) -> None:
        """Serve what waits and runs, then end."""
        self.retired = True
        self._cancel_retry()
        self.wanted = 0
        self._let_go()
        self.expire(self._platform.clock.now())
        if not self.pool.size:
            self._placement.forget(self)

    def stop(self) -> None:
        self.retired = self._stopping = True
        self._cancel_retry()
        for lease in self.pool.drain_waiting():
            lease.finish(LambdaError("ServiceException", "Lambent is stopping.", Type="Service"))
        for environment in self.pool.environments():
            environment.stop()

    # Provisioned concurrency

    def provision(self, wanted: int) -> None:
        """Hold that many initialised environments from now on."""
        self.wanted = wanted
        self._failures = 0
        self.failure = ""
        self._cancel_retry()
        self._hold()
        self._let_go()

    def ready(self) -> int:
        """Provisioned environments that are initialised."""
        return min(self.wanted, self.pool.provisioned_ready_count)

    def _hold(self) -> None:
        """Start what is missing, a few at once."""
        while not self.retired and self._retry is None:
            missing = self.wanted - self.pool.provisioned_count
            starting = self.pool.provisioned_count - self.pool.provisioned_ready_count
            if missing <= 0 or starting >= PROVISIONED_STARTS_MAX:
                return
            if self._start_one(provisioned=True) is not None:
                self.failure = (
                    f"This host holds at most {self._placement.environments_max} environments."
                )
                self._retry_later(RETRY_S_MAX)
                self._placement.on_provisioned(self)

    def _let_go(self) -> None:
        """End what is too much; a busy one ends when it is free."""
        surplus = self.pool.provisioned_count - self.wanted
        if surplus > 0:
            for environment in self.pool.take_idle_provisioned(surplus):
                environment.stop()

    def _lost(self, environment: Environment) -> None:
        """One is gone: replace it; slower and slower where they do not even initialise."""
        if self.retired:
            return
        if environment.was_free:
            self._hold()
            return
        self._failures += 1
        if self._failures >= FAILURES_TOLD:
            self.failure = INIT_FAILURE
            self._placement.on_provisioned(self)
        self._retry_later(min(RETRY_S_MAX, RETRY_S_MIN * 2.0 ** min(self._failures, 10)))

    def _retry_later(self, delay_s: float) -> None:
        self._cancel_retry()
        self._retry = self._platform.loop.call_later(delay_s, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._hold()

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _start_one(self, *, provisioned: bool = False) -> str | None:
        """Start an environment; or the Reason why not."""
        if self._stopping:
            return ACCOUNT_EXHAUSTED
        debugged = None if self.retired else self._placement.debugged_by(self.version)
        most = self._placement.most_of(self.version) if debugged is None else 1
        if most is not None and self.pool.size >= most:
            return ACCOUNT_EXHAUSTED
        if not self._placement.make_room():
            return ACCOUNT_EXHAUSTED
        now = self._platform.clock.now()
        function = self.use.function
        if not provisioned and not function.starts.take(now):  # the Reason here is unverified
            return ACCOUNT_RATE if function.reserved is None else RESERVED_RATE
        self._placement.count += 1
        if debugged is not None:
            environment = debugged.open_environment(self.version, self)
        else:
            environment = open_environment(
                self.version, self, self._platform, provisioned=provisioned
            )
        age_max_s = self._placement.age_max_s - self.version.timeout_s
        environment.expires_at = Instant(environment.since + age_max_s)
        self.pool.starting(environment, provisioned=provisioned)
        environment.start()
        return None
