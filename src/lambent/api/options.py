"""Options of functions: modelled parameters ↔ domain; what Lambent does not enforce is refused.

An option that was taken and then not acted on would be a lie, so whatever is here is said by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent.domain.errors import not_supported
from lambent.domain.function import FileSystem, FunctionVersion

Params = Mapping[str, Any]


def _empty(value: Any) -> bool:
    return not value


def _all_empty(value: Any) -> bool:
    """A structure none of whose members says anything."""
    return not any(value.values()) if isinstance(value, Mapping) else not value


_DEFAULTS: dict[str, Callable[[Any], bool]] = {
    "VpcConfig": _all_empty,
    "DurableConfig": _empty,
    "RuntimeConfig": _empty,
    "AcceleratorConfig": _empty,
}


def refuse_unsupported(params: Params) -> None:
    """Raise for every option that asks for what is not there; the first is named."""
    for option, is_default in _DEFAULTS.items():
        value = params.get(option)
        if value is not None and not is_default(value):
            raise not_supported(f"the option {option}")
    for one in params.get("FileSystemConfigs") or ():
        if one.get("S3FilesConfig"):
            raise not_supported("the option FileSystemConfigs.S3FilesConfig")


def parse_options(params: Params) -> dict[str, Any]:
    """What the options set, by the fields of `Configuration`; None where one is not given.

    Empty ones reset what was.
    """
    dead_letter, tracing = params.get("DeadLetterConfig"), params.get("TracingConfig")
    file_systems, tenancy = params.get("FileSystemConfigs"), params.get("TenancyConfig")
    snap_start = params.get("SnapStart")
    return {
        "dead_letter_arn": None if dead_letter is None else dead_letter.get("TargetArn") or "",
        "kms_key_arn": params.get("KMSKeyArn"),
        "tracing_mode": None if tracing is None else tracing.get("Mode") or "PassThrough",
        "logging": params.get("LoggingConfig"),
        "file_systems": None
        if file_systems is None
        else tuple(
            FileSystem(arn=one["Arn"], local_mount_path=one["LocalMountPath"])
            for one in file_systems
        ),
        "snap_start": None if snap_start is None else parse_apply_on(snap_start),
        "tenant_isolation": None if tenancy is None else tenancy["TenantIsolationMode"],
    }


def parse_apply_on(snap_start: Params) -> str:
    """What a SnapStart asks for; empty where it asks for nothing."""
    apply_on = snap_start.get("ApplyOn") or "None"
    return "" if apply_on == "None" else str(apply_on)


def format_options(version: FunctionVersion) -> dict[str, Any]:
    """The options as FunctionConfiguration shows them."""
    logging = {"LogFormat": version.log_format, "LogGroup": version.log_group}
    if version.log_format == "JSON":
        logging["ApplicationLogLevel"] = version.application_log_level or ""
        logging["SystemLogLevel"] = version.system_log_level or ""
    shape: dict[str, Any] = {
        "TracingConfig": {"Mode": version.tracing_mode},
        "LoggingConfig": logging,
        "SnapStart": {
            "ApplyOn": version.snap_start or "None",
            "OptimizationStatus": "On" if version.optimized else "Off",
        },
    }
    if version.dead_letter_arn:
        shape["DeadLetterConfig"] = {"TargetArn": version.dead_letter_arn}
    if version.kms_key_arn:
        shape["KMSKeyArn"] = version.kms_key_arn
    if version.file_systems:
        shape["FileSystemConfigs"] = [
            {"Arn": one.arn, "LocalMountPath": one.local_mount_path} for one in version.file_systems
        ]
    if version.tenant_isolation:
        shape["TenancyConfig"] = {"TenantIsolationMode": version.tenant_isolation}
    return shape
