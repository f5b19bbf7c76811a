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


class Meter:
    """Usage by function name, kept in memory and handed to whoever persists it."""

    def __init__(self) -> None:
        self._usage: dict[str, Usage] = {}
        self._changed: set[str] = set()

    def ran(
        self,
        function_name: str,
        *,
        billed: int,
        memory_mib: int,
        ephemeral_mib: int,
        architecture: str,
        failed: bool,
    ) -> None:
        """Count one invocation of `billed` ms."""
        usage = self._of(function_name)
        usage.invocations += 1
        usage.errors += failed
        usage.billed_ms += billed
        gb_s = billed * memory_mib / 1_024_000
        usage.gb_s += gb_s
        usage.usd += gb_s * USD_PER_GB_S.get(architecture, USD_PER_GB_S["x86_64"])
        usage.usd += USD_PER_REQUEST
        if ephemeral_mib > EPHEMERAL_MIB_MIN:
            extra_gb_s = billed * (ephemeral_mib - EPHEMERAL_MIB_MIN) / 1_024_000
            usage.usd += extra_gb_s * USD_PER_TMP_GB_S

    def throttled(self, function_name: str) -> None:
        """Count one refusal; throttles are not invocations."""
        self._of(function_name).throttles += 1

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

    def _of(self, function_name: str) -> Usage:
        usage = self._usage.get(function_name)
        if usage is None:
            usage = self._usage[function_name] = Usage()
        self._changed.add(function_name)
        return usage
