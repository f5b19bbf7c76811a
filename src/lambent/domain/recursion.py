"""What happens when a function takes part in a loop of invocations."""

from __future__ import annotations

from dataclasses import dataclass

ALLOW = "Allow"
TERMINATE = "Terminate"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecursionConfig:
    """Of one function; Terminate where there is none."""

    recursive_loop: str = TERMINATE
