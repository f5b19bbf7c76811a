"""How Hypothesis runs here: the same examples every time, new ones when asked for."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "wire",
    deadline=None,  # the machine is shared
    database=None,
    derandomize="WIRE_RANDOM" not in os.environ,
    phases=(Phase.explicit, Phase.generate),  # shrinking an operation's shapes takes minutes
    suppress_health_check=list(HealthCheck),  # shapes with many patterns are slow to draw
)


def load_profile() -> settings:
    """The profile, without making it everyone's: `WIRE_RANDOM=1` draws new examples."""
    return settings.get_profile("wire")
