"""Policies that hang on functions and layers, as they are kept: their text is what holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePolicy:
    """Of a function, a version or an alias, whose RevisionId is its own as well."""

    document: str
    """Compact JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPolicy:
    """Of a layer version."""

    document: str
    """Compact JSON."""
    revision_id: str
