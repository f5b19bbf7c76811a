"""An alias: a name for a version, perhaps with a share of the calls going to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    name: str
    version: str
    """`$LATEST` or a number."""
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    """AdditionalVersionWeights: another version's share of the calls, 0 to 1."""
    revision_id: str

    def choose(self, thrown: float) -> str:
        """The version that a call runs for which `thrown`, from 0 up to 1, came up."""
        for version, weight in self.weights.items():
            if thrown < weight:
                return version
            thrown -= weight
        return self.version
