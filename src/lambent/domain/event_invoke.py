"""How asynchronous invocations of a function, version or alias are retried and reported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeConfig:
    """FunctionEventInvokeConfig; None and "" are not set."""

    retries_max: int | None = None
    """MaximumRetryAttempts: 0 to 2; 2 where it is not set."""
    age_s_max: int | None = None
    """MaximumEventAgeInSeconds: 60 to 21,600; 6 hours where it is not set."""
    on_success: str = ""
    """ARN of the destination of successes."""
    on_failure: str = ""
    """ARN of the destination of events that are given up."""
    modified_s: float
    """Since the epoch."""
