"""What hangs on one qualifier of a function, and goes when that version or alias goes."""

from __future__ import annotations

from typing import Any

from lambent.control.kinds import (
    EVENT_INVOKE_CONFIGS,
    FUNCTION_POLICIES,
    FUNCTION_SCALING,
    FUNCTION_URLS,
    PROVISIONED_CONCURRENCY,
    RUNTIME_MANAGEMENT,
)
from lambent.control.registry import Registry
from lambent.control.resources import Remove
from lambent.store.resources import Kind

QUALIFIED: tuple[Kind[Any], ...] = (
    EVENT_INVOKE_CONFIGS,
    FUNCTION_URLS,
    PROVISIONED_CONCURRENCY,
    FUNCTION_POLICIES,
    FUNCTION_SCALING,
    RUNTIME_MANAGEMENT,
)
"""The kinds whose owner is a function and whose key is a qualifier of it."""


def changes_on_delete(registry: Registry, name: str, qualifier: str) -> list[Remove]:
    """The removals to commit together with the deletion of a version or an alias."""
    resources = registry.resources
    return [
        Remove(kind, name, qualifier)
        for kind in QUALIFIED
        if resources.get(kind, name, qualifier) is not None
    ]
