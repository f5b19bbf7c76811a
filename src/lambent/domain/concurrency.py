"""What is set of a function's concurrency."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedConcurrency:
    """ReservedConcurrentExecutions; 0 stops the function."""

    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedConcurrency:
    """A ProvisionedConcurrencyConfig of a version or an alias."""

    units: int
    modified: str
    """LastModified: ISO 8601 with milliseconds."""
