"""Which environment serves an invocation, and how many exist: the driver of the pools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lambent.clock import Instant
from lambent.domain.arns import LATEST
from lambent.domain.function import FunctionVersion
from lambent.environment.environment import Environment
from lambent.environment.owner import Owner
from lambent.environment.platform import Platform
from lambent.placement.concurrency import ConcurrencyLedger
from lambent.placement.version_pool import VersionPool

SWEEP_S = 1.0


@dataclass(frozen=True, slots=True)
class ProvisionedStatus:
    """What became of a version's provisioned concurrency."""

    ready: int
    """Environments that are initialised."""
    failure: str
    """StatusReason; empty unless they could not all be made."""


class DebuggedFunction(Protocol):
    """Who opens the environments of a function that is being debugged."""

    def open_environment(self, version: FunctionVersion, owner: Owner) -> Environment: ...


class Placement:
    """All pools of this host, one for each version in use, under one ceiling of environments."""

    def __init__(
        self,
        platform: Platform,
        ledger: ConcurrencyLedger,
        *,
        environments_max: int,
        idle_timeout_s: float,
        age_max_s: float = float("inf"),
    ) -> None:
        """`age_max_s`: how long an environment may serve, for its credentials end."""
        self._platform = platform
        self._pools: dict[tuple[str, str, bytes], VersionPool] = {}
        # By name, version and tenant, not by RevisionId: a new one comes with a policy or a
        # publication too, and what runs then is the same. `retire` is told of what changes.
        self._retired: set[VersionPool] = set()
        self._leaving: dict[str, set[str]] = {}
        """Function → versions that keep their provisioned environments until new ones are ready."""
        self._idle_timeout_s = idle_timeout_s
        self.ledger = ledger
        self.age_max_s = age_max_s
        self.environments_max = environments_max
        self.most_of: Callable[[FunctionVersion], int | None] = lambda version: None
        """The most environments that one version may have; None: only the host bounds it."""
        self.on_retired: Callable[[str, str | None], None] = lambda name, version: None
        """Told what is not to be run any more."""
        self.waiting_ahead: Callable[[], Iterable[FunctionVersion]] = tuple
        """Versions of which a process waits for its init."""
        self.debugged: dict[str, DebuggedFunction] = {}
        """By name: functions whose $LATEST has one environment at most, and no time-outs."""
        self.count = 0
        """Environments alive on this host."""

    def pool(self, version: FunctionVersion, tenant_id: bytes = b"") -> VersionPool:
        """The environments of `version`; no two tenants share one."""
        key = version.name, version.version, tenant_id
        pool = self._pools.get(key)
        if pool is None:
            use = self.ledger.use(version.name, version.version)
            pool = self._pools[key] = VersionPool(version, use, self, self._platform)
        return pool

    def debugged_by(self, version: FunctionVersion) -> DebuggedFunction | None:
        if self.debugged and version.version == LATEST:
            return self.debugged.get(version.name)
        return None

    def retire(self, name: str, version: str | None = None) -> None:
        """What `name` (or one `version` of it) runs has changed or gone: nothing new reaches it."""
        self.on_retired(name, version)
        for key, pool in list(self._pools.items()):
            if pool.version.name == name and version in (None, pool.version.version):
                del self._pools[key]
                if pool.wanted:
                    self.ledger.set_claimed(name, pool.version.version, 0)
                self._retired.add(pool)
                pool.retire()

    def retire_all(self) -> None:
        """For a reset: whatever runs is ended and answered with an error."""
        self.stop()

    def mounted(self) -> set[str]:
        """Digests of the code and layers that living environments have mounted."""
        living = (environment.version for environment in self.environments())
        return {
            package.digest
            for version in (*living, *self.waiting_ahead())
            for package in (version.code, *(layer.package for layer in version.layers))
        }

    def forget(self, pool: VersionPool) -> None:
        self._retired.discard(pool)
        self.ledger.drop(pool.use)

    # control.Scaler

    def set_reserved(self, name: str, units: int | None) -> None:
        self.ledger.set_reserved(name, units)

    def set_provisioned(self, name: str, wanted: Mapping[str, tuple[FunctionVersion, int]]) -> None:
        held = {key[1] for key, pool in self._pools.items() if key[0] == name and pool.wanted}
        for number, (version, units) in wanted.items():
            pool = self.pool(version)
            if pool.wanted != units:
                self.ledger.set_claimed(name, number, units)
                pool.provision(units)
        self._leaving[name] = held - wanted.keys()
        self._let_leave(name)

    def provisioned_status(self, name: str, version: str) -> ProvisionedStatus:
        pool = self._pools.get((name, version, b""))
        if pool is None:
            return ProvisionedStatus(0, "")
        return ProvisionedStatus(pool.ready(), pool.failure)

    def on_provisioned(self, pool: VersionPool) -> None:
        """A pool has more or fewer provisioned environments than before."""
        if self._leaving.get(pool.version.name):
            self._let_leave(pool.version.name)

    def _let_leave(self, name: str) -> None:
        """End what an alias or a config has left, once all that it went to is ready."""
        leaving = self._leaving.get(name)
        pools = [(key, pool) for key, pool in self._pools.items() if key[0] == name and pool.wanted]
        if leaving and all(
            pool.ready() >= pool.wanted for key, pool in pools if key[1] not in leaving
        ):
            for key, pool in pools:
                if key[1] in leaving:
                    self.ledger.set_claimed(name, key[1], 0)
                    pool.provision(0)
            leaving = None
        if not leaving:
            self._leaving.pop(name, None)

    def make_room(self) -> bool:
        """True where one more environment may start; ends the longest idle one if it must."""
        if self.count < self.environments_max:
            return True
        idle = [
            (since, pool, environment)
            for pool in self._pools.values()
            for environment, since in [entry for entry in [pool.pool.oldest_idle()] if entry]
            if self.debugged_by(pool.version) is None
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
        now = self._platform.clock.now()
        moment = Instant(now - self._idle_timeout_s)
        for key, pool in list(self._pools.items()):
            if self.debugged_by(pool.version) is None:
                pool.expire(moment)
            pool.renew(now)
            if not pool.pool.size and not pool.pool.waiting_count and not pool.wanted:
                del self._pools[key]
                self.ledger.drop(pool.use)

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

    async def ended(self) -> None:
        """Wait for those that have extensions, which are given time to leave."""
        await self._platform.endings.wait()


def environments_ceiling(memory_bytes: int) -> int:
    """How many environments this host may hold: 80 % of its memory at 16 MiB each.

    An idle Python environment measures 2.4 MiB (architecture, 'density'); 16 leaves room for what
    handlers import. Each is limited by its own MemorySize besides.
    """
    return max(4, int(memory_bytes * 0.8) // (16 * 1024 * 1024))
