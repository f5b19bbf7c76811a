"""How many invocations may run at once. Pure; step 2 adds reserved and provisioned concurrency.

Source: Developer Guide, "Understanding Lambda function scaling"; reasons: botocore's model,
ThrottleReason.
"""

from __future__ import annotations

ACCOUNT_EXHAUSTED = "ConcurrentInvocationLimitExceeded"


class ConcurrencyLedger:
    """Counts the account's concurrent executions against its limit."""

    __slots__ = ("in_use", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_use = 0

    def admit(self) -> str | None:
        """Take one unit; or the Reason why not."""
        if self.in_use >= self.limit:
            return ACCOUNT_EXHAUSTED
        self.in_use += 1
        return None

    def release(self) -> None:
        """Give one unit back."""
        assert self.in_use > 0, "a unit of concurrency was given back twice"
        self.in_use -= 1
