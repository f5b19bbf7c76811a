"""What a call asks to be allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lambent.policy.principal import ContextValue


@dataclass(frozen=True, slots=True)
class Asked:
    """One action on one resource."""

    action: str
    resource: str
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    function: tuple[str, str | None] | None = None
    """Name and qualifier, where the resource is a function: its own policy may allow as well."""
    layer: tuple[str, int] | None = None
    """Name and version, where it is a layer version: the same."""
