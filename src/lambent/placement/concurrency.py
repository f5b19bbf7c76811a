"""How many invocations may run at once, and how often: the accounts of it. Pure.

The account's limit is shared out: a function's reserved concurrency is its own and no more than
that; provisioned concurrency is taken from the function's reservation, else from the account's
unreserved rest, whether it is used or not; everything else runs from that rest. An invocation of a
version that has provisioned units left is covered by one of them; beyond them it spills over.
Source: Developer Guide, "Understanding Lambda function scaling", "Configuring reserved
concurrency", "Configuring provisioned concurrency"; reasons: botocore's model, ThrottleReason.
"""

from __future__ import annotations

from collections.abc import Callable

from lambent.clock import Instant
from lambent.placement.rates import Bucket

ACCOUNT_EXHAUSTED = "ConcurrentInvocationLimitExceeded"
RESERVED_EXHAUSTED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_RATE = "FunctionInvocationRateLimitExceeded"
RESERVED_RATE = "ReservedFunctionInvocationRateLimitExceeded"

REQUESTS_PER_UNIT = 10.0  # [DG] requests a second for each unit of concurrency
STARTS_PER_S, STARTS_MAX = 100.0, 1_000.0  # [DG] 1,000 environments a function every 10 s


class FunctionUse:
    """What one function has and uses."""

    __slots__ = ("claimed", "name", "on_demand", "rate", "reserved", "starts", "versions")

    def __init__(self, name: str) -> None:
        self.name = name
        self.reserved: int | None = None
        self.claimed = 0
        """Provisioned units of all its versions."""
        self.on_demand = 0
        """Invocations that no provisioned unit covers."""
        self.rate: Bucket | None = None
        self.starts = Bucket(STARTS_PER_S, STARTS_MAX)
        self.versions: dict[str, VersionUse] = {}


class VersionUse:
    """What one version of a function has and uses."""

    __slots__ = ("claimed", "function", "in_use", "pools", "version")

    def __init__(self, function: FunctionUse, version: str) -> None:
        self.function = function
        self.version = version
        self.in_use = 0
        self.claimed = 0
        self.pools = 0
        """How many pools refer to this."""


class ConcurrencyLedger:
    """Every unit of the account's concurrency, and who has it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_use = 0
        """Invocations that run or wait for an environment."""
        self._on_demand = 0
        """Those of them that take from the unreserved rest."""
        self._on_demand_max = limit
        self._rate = Bucket(limit * REQUESTS_PER_UNIT, limit * REQUESTS_PER_UNIT)
        self._functions: dict[str, FunctionUse] = {}
        self.on_idle: Callable[[], None] | None = None
        """Called whenever nothing runs any more."""

    @property
    def unreserved(self) -> int:
        """UnreservedConcurrentExecutions: the limit without every reservation."""
        return self.limit - sum(one.reserved or 0 for one in self._functions.values())

    def use(self, name: str, version: str) -> VersionUse:
        """The account of one version, for one more pool; `drop` it when the pool is no more."""
        function = self._function(name)
        use = function.versions.get(version)
        if use is None:
            use = function.versions[version] = VersionUse(function, version)
        use.pools += 1
        return use

    def drop(self, use: VersionUse) -> None:
        """A pool is no more: the account goes with the last, unless something hangs on it."""
        use.pools -= 1
        self._tidy(use.function)

    def admit(self, use: VersionUse, now: Instant) -> str | None:
        """Take one unit; or the Reason why not."""
        function = use.function
        covered = use.in_use < use.claimed
        if function.reserved is None:
            if not covered and self._on_demand >= self._on_demand_max:
                return ACCOUNT_EXHAUSTED
            if not self._rate.take(now):
                return ACCOUNT_RATE
            if not covered:
                self._on_demand += 1
                function.on_demand += 1
        else:
            if not covered and function.on_demand >= function.reserved - function.claimed:
                return RESERVED_EXHAUSTED
            if function.rate is not None and not function.rate.take(now):
                return RESERVED_RATE
            if not covered:
                function.on_demand += 1
        use.in_use += 1
        self.in_use += 1
        return None

    def release(self, use: VersionUse) -> None:
        """Give one unit back."""
        assert use.in_use > 0, "a unit of concurrency was given back twice"
        use.in_use -= 1
        self.in_use -= 1
        if use.in_use >= use.claimed:
            use.function.on_demand -= 1
            if use.function.reserved is None:
                self._on_demand -= 1
        if not self.in_use and self.on_idle is not None:
            self.on_idle()

    def set_reserved(self, name: str, units: int | None) -> None:
        """A function's reserved concurrency from now on; what runs of it counts against it."""
        function = self._function(name)
        if units != function.reserved:
            function.reserved = units
            per_s = (units or 0) * REQUESTS_PER_UNIT
            function.rate = Bucket(per_s, max(1.0, per_s)) if units else None
            self._recount()
        self._tidy(function)

    def set_claimed(self, name: str, version: str, units: int) -> None:
        """A version's provisioned concurrency from now on; what runs of it is covered first."""
        function = self._function(name)
        use = function.versions.setdefault(version, VersionUse(function, version))
        if units != use.claimed:
            use.claimed = units
            self._recount()
        self._tidy(function)

    def _function(self, name: str) -> FunctionUse:
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = FunctionUse(name)
        return function

    def _tidy(self, function: FunctionUse) -> None:
        """Keep no account of what has nothing, uses nothing and is in no pool."""
        for use in list(function.versions.values()):
            if not (use.pools or use.in_use or use.claimed):
                del function.versions[use.version]
        if not function.versions and function.reserved is None:
            self._functions.pop(function.name, None)

    def _recount(self) -> None:
        """Work out anew who takes from where; rare."""
        self._on_demand, taken = 0, 0
        for function in self._functions.values():
            versions = function.versions.values()
            function.claimed = sum(one.claimed for one in versions)
            function.on_demand = sum(max(0, one.in_use - one.claimed) for one in versions)
            if function.reserved is None:
                self._on_demand += function.on_demand
                taken += function.claimed
            else:
                taken += function.reserved
        self._on_demand_max = max(0, self.limit - taken)
