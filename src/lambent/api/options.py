"""Options of functions that Lambent does not enforce: the AWS default passes, all else is refused.

An option that was taken and then not acted on would be a lie, so whatever is here is said by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent.domain.errors import not_supported

Params = Mapping[str, Any]


def _empty(value: Any) -> bool:
    return not value


def _all_empty(value: Any) -> bool:
    """A structure none of whose members says anything."""
    return not any(value.values()) if isinstance(value, Mapping) else not value


_DEFAULTS: dict[str, Callable[[Any], bool]] = {
    "VpcConfig": _all_empty,
    "DeadLetterConfig": _all_empty,
    "KMSKeyArn": _empty,
    "TracingConfig": lambda value: value.get("Mode", "PassThrough") == "PassThrough",
    "FileSystemConfigs": _empty,
    "ImageConfig": _all_empty,
    "SnapStart": lambda value: value.get("ApplyOn", "None") == "None",
    "DurableConfig": _empty,
    "TenancyConfig": _empty,
    "RuntimeConfig": _empty,
    "AcceleratorConfig": _empty,
}


def refuse_unsupported(params: Params, *, function_name: str) -> None:
    """Raise for every option that asks for what is not there; the first is named."""
    for option, is_default in _DEFAULTS.items():
        value = params.get(option)
        if value is not None and not is_default(value):
            raise not_supported(f"the option {option}")
    if params.get("PackageType", "Zip") != "Zip":
        raise not_supported("the option PackageType with the value Image")
    _refuse_logging(params.get("LoggingConfig") or {}, function_name)


def _refuse_logging(logging: Params, function_name: str) -> None:
    if logging.get("LogFormat", "Text") != "Text":
        raise not_supported("the option LoggingConfig.LogFormat with the value JSON")
    for level in ("ApplicationLogLevel", "SystemLogLevel"):
        if logging.get(level):
            raise not_supported(f"the option LoggingConfig.{level}")
    group = logging.get("LogGroup")
    if group and group != f"/aws/lambda/{function_name}":
        raise not_supported("the option LoggingConfig.LogGroup with another group")


def take_zip(source: Params, *, where: str) -> bytes | None:
    """The bytes of a zip that was sent along; None where there is no source at all.

    `where` begins the name of a refused option, e.g. `Code.`.
    """
    for option in (
        "S3Bucket",
        "S3Key",
        "S3ObjectVersion",
        "S3ObjectStorageMode",
        "ImageUri",
        "SourceKMSKeyArn",
    ):
        if source.get(option):
            hint = " (send the zip itself as ZipFile)" if option.startswith("S3") else ""
            raise not_supported(f"the option {where}{option}{hint}")
    content = source.get("ZipFile")
    return bytes(content) if content else None
