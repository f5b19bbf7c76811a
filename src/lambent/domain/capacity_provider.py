"""Capacity providers and how far functions on them may scale: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityProvider:
    """Stands for this host, whatever it says of instances; the mappings are as the API has them."""

    name: str
    vpc: Mapping[str, Any]
    """VpcConfig."""
    operator_role_arn: str
    instances: Mapping[str, Any] | None = None
    """InstanceRequirements."""
    scaling: Mapping[str, Any] | None = None
    """CapacityProviderScalingConfig."""
    kms_key_arn: str | None = None
    propagate_tags: Mapping[str, Any] | None = None
    telemetry: Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    modified: str
    """ISO 8601 with milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionScaling:
    """FunctionScalingConfig of one published version; None is not given."""

    environments_min: int | None = None
    environments_max: int | None = None
