"""When a function's runtime may be updated."""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "Auto"
MANUAL = "Manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeManagement:
    """A RuntimeManagementConfig."""

    update_on: str = AUTO
    """UpdateRuntimeOn: Auto, FunctionUpdate or Manual."""
    runtime_version_arn: str | None = None
    """Of Manual: the runtime version that the function is to keep."""
