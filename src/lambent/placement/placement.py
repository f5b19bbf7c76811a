"""Which environment serves an invocation, and how many exist: the driver of the pools."""

from __future__ import annotations

from collections.abc import Callable

from lambent.clock import Instant
from lambent.domain.errors import LambdaError, throttled
from lambent.domain.function import FunctionVersion
from lambent.environment.environment import Environment
from lambent.environment.platform import Lease, Platform
from lambent.placement.concurrency import ACCOUNT_EXHAUSTED
from lambent.placement.pool import Placed, Pool

SWEEP_S = 1.0


class VersionPool:
    """One version's pool with its environments: starts them, hands them invocations."""

    def __init__(self, version: FunctionVersion, placement: Placement, platform: Platform) -> None:
        self.version = version
        self.pool: Pool[Environment, Lease] = Pool()
        self.retired = False
        self._stopping = False
        self._placement = placement
        self._platform = platform

    def submit(self, lease: Lease) -> None:
        placed = self.pool.arrive(lease)
        if isinstance(placed, Environment):
            placed.run(lease)
        elif placed is Placed.NEEDS_START and not self._start_one():
            self.pool.withdraw(lease)
            raise throttled(ACCOUNT_EXHAUSTED)

    def on_free(self, environment: Environment) -> None:
        now = self._platform.clock.now()
        lease = self.pool.free(environment, now)
        if lease is not None:
            environment.run(lease)
        elif self.retired:
            environment.stop()

    def on_init_failed(self, environment: Environment) -> Lease | None:
        return self.pool.init_failed(environment)

    def on_gone(self, environment: Environment) -> None:
        self._placement.count -= 1
        if self.pool.gone(environment) and not self._start_one() and not self.pool.size:
            for lease in self.pool.drain_waiting():
                lease.finish(throttled(ACCOUNT_EXHAUSTED))
        if self.retired and not self.pool.size:
            self._placement.forget(self)

    def expire(self, moment: Instant) -> None:
        """End what has been idle since before `moment`."""
        for environment in self.pool.take_idle_before(moment):
            environment.stop()
        most = self._placement.most_of(self.version)
        while most is not None and self.pool.size > most and self.pool.idle_count:
            surplus = self.pool.take_oldest()
            assert surplus is not None
            surplus.stop()

    def retire(self) -> None:
        """Serve what waits and runs, then end."""
        self.retired = True
        self.expire(self._platform.clock.now())
        if not self.pool.size:
            self._placement.forget(self)

    def stop(self) -> None:
        self.retired = self._stopping = True
        for lease in self.pool.drain_waiting():
            lease.finish(LambdaError("ServiceException", "Lambent is stopping.", Type="Service"))
        for environment in self.pool.environments():
            environment.stop()

    def _start_one(self) -> bool:
        most = self._placement.most_of(self.version)
        if most is not None and self.pool.size >= most:
            return False
        if self._stopping or not self._placement.make_room():
            return False
        self._placement.count += 1
        environment = Environment(self.version, self, self._platform)
        self.pool.starting(environment)
        environment.start()
        return True


class Placement:
    """All pools of this host, one for each version in use, under one ceiling of environments."""

    def __init__(self, platform: Platform, *, environments_max: int, idle_timeout_s: float) -> None:
        self._platform = platform
        self._pools: dict[tuple[str, str], VersionPool] = {}
        # By name and version, not by RevisionId: a new one comes with a policy or a publication
        # too, and what runs then is the same. `retire` is told of what changes.
        self._retired: set[VersionPool] = set()
        self._idle_timeout_s = idle_timeout_s
        self.environments_max = environments_max
        self.most_of: Callable[[FunctionVersion], int | None] = lambda version: None
        """The most environments that one version may have; None: only the host bounds it."""
        self.count = 0
        """Environments alive on this host."""

    def submit(self, version: FunctionVersion, lease: Lease) -> None:
        """Have `lease` served by an environment of `version`. Raises LambdaError when full."""
        key = version.name, version.version
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = VersionPool(version, self, self._platform)
        pool.submit(lease)

    def retire(self, name: str, version: str | None = None) -> None:
        """What `name` (or one `version` of it) runs has changed or gone: nothing new reaches it."""
        for key, pool in list(self._pools.items()):
            if pool.version.name == name and version in (None, pool.version.version):
                del self._pools[key]
                self._retired.add(pool)
                pool.retire()

    def retire_all(self) -> None:
        """For a reset: whatever runs is ended and answered with an error."""
        self.stop()

    def mounted(self) -> set[str]:
        """Digests of the code and layers that living environments have mounted."""
        return {
            package.digest
            for environment in self.environments()
            for package in (
                environment.version.code,
                *(layer.package for layer in environment.version.layers),
            )
        }

    def forget(self, pool: VersionPool) -> None:
        self._retired.discard(pool)

    def make_room(self) -> bool:
        """True where one more environment may start; ends the longest idle one if it must."""
        if self.count < self.environments_max:
            return True
        idle = [
            (since, pool, environment)
            for pool in self._pools.values()
            for environment, since in [entry for entry in [pool.pool.oldest_idle()] if entry]
        ]
        if not idle:
            return False
        _, pool, _ = min(idle, key=lambda entry: entry[0])
        environment = pool.pool.take_oldest()
        assert environment is not None
        environment.stop()
        return self.count < self.environments_max

    def expire_idle(self) -> None:
        """End environments idle for longer than the idle time-out: scale back to zero."""
        moment = Instant(self._platform.clock.now() - self._idle_timeout_s)
        for key, pool in list(self._pools.items()):
            pool.expire(moment)
            if not pool.pool.size and not pool.pool.waiting_count:
                del self._pools[key]

    def environments(self) -> list[Environment]:
        """All that are alive, in no order."""
        pools = [*self._pools.values(), *self._retired]
        return [one for pool in pools for one in pool.pool.environments()]

    def busy(self) -> int:
        """Invocations that run or wait now."""
        pools = [*self._pools.values(), *self._retired]
        return sum(pool.pool.busy_count + pool.pool.waiting_count for pool in pools)

    def stop(self) -> None:
        """End every environment; what runs is answered with an error."""
        for pool in [*self._pools.values(), *self._retired]:
            pool.stop()
        self._pools.clear()


def environments_ceiling(memory_bytes: int) -> int:
    """How many environments this host may hold: 80 % of its memory at 16 MiB each.

    An idle Python environment measures 2.4 MiB (architecture, 'density'); 16 leaves room for what
    handlers import. Each is limited by its own MemorySize besides.
    """
    return max(4, int(memory_bytes * 0.8) // (16 * 1024 * 1024))
