"""The bill: what each function ran, by the millisecond, at AWS's public prices of us-east-1.

Prices and their sources: facts, 'Billing'. Only the first price tier is used and the free tier is
not deducted, so that the figure is the same wherever in a month it falls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambent.domain.limits import EPHEMERAL_MIB_MIN

USD_PER_GB_S = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
USD_PER_REQUEST = 0.20 / 1_000_000
USD_PER_TMP_GB_S = 0.0000000309  # /tmp over 512 MB; unverified: AWS's price page, from memory


@dataclass(slots=True, kw_only=True)
class Usage:
    """What one function has used since the meter was last emptied."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    billed_ms: int = 0
    gb_s: float = 0.0
    usd: float = 0.0

    def add(self, other: Usage) -> None:
        self.invocations += other.invocations
        self.errors += other.errors
        self.throttles += other.throttles
        self.billed_ms += other.billed_ms
        self.gb_s += other.gb_s
        self.usd += other.usd

    def as_dict(self) -> dict[str, int | float]:
        return {
            "Invocations": self.invocations,
            "Errors": self.errors,
            "Throttles": self.throttles,
            "BilledDurationMs": self.billed_ms,
            "GBSeconds": round(self.gb_s, 6),
            "USD": round(self.usd, 10),
        }


class Account:
    """One version's side of the meter, with its prices worked out beforehand."""

    __slots__ = ("_gb", "_meter", "_name", "_usd_per_ms")

    def __init__(
        self, meter: Meter, name: str, *, memory_mib: int, ephemeral_mib: int, architecture: str
    ) -> None:
        self._meter = meter
        self._name = name
        self._gb = memory_mib / 1_024_000  # GB-s in each ms
        rate = USD_PER_GB_S.get(architecture, USD_PER_GB_S["x86_64"])
        extra_gb = max(0, ephemeral_mib - EPHEMERAL_MIB_MIN) / 1_024_000
        self._usd_per_ms = self._gb * rate + extra_gb * USD_PER_TMP_GB_S

    def ran(self, billed: int, failed: bool) -> None:
        """Count one invocation of `billed` ms."""
        usage = self._meter.usage_of(self._name)
        usage.invocations += 1
        usage.errors += failed
        usage.billed_ms += billed
        usage.gb_s += billed * self._gb
        usage.usd += billed * self._usd_per_ms + USD_PER_REQUEST


class Meter:
    """Usage by function name, kept in memory and handed to whoever persists it."""

    def __init__(self) -> None:
        self._usage: dict[str, Usage] = {}
        self._changed: set[str] = set()

    def open(
        self, function_name: str, *, memory_mib: int, ephemeral_mib: int, architecture: str
    ) -> Account:
        """Where the invocations of one version are counted."""
        return Account(
            self,
            function_name,
            memory_mib=memory_mib,
            ephemeral_mib=ephemeral_mib,
            architecture=architecture,
        )

    def throttled(self, function_name: str) -> None:
        """Count one refusal; throttles are not invocations."""
        self.usage_of(function_name).throttles += 1

    def usage(self) -> Mapping[str, Usage]:
        return self._usage

    def load(self, rows: Mapping[str, Usage]) -> None:
        """Continue from what was persisted."""
        self._usage.update(rows)

    def take_changed(self) -> dict[str, Usage]:
        """What changed since the last call, as totals: for persisting."""
        changed = {name: self._usage[name] for name in self._changed if name in self._usage}
        self._changed = set()
        return changed

    def clear(self) -> None:
        self._usage.clear()
        self._changed.clear()

    def usage_of(self, function_name: str) -> Usage:
        """The totals of one function, about to be changed."""
        self._changed.add(function_name)
        usage = self._usage.get(function_name)
        if usage is None:
            usage = self._usage[function_name] = Usage()
        return usage
