"""What AWS requires of a function's configuration beyond its model; pure.

Lengths, patterns and enums are the model's and checked in `wire`; here is what the model leaves
open or states for another kind of Lambda (botocore's memory and timeout are managed instances').
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambent.domain import limits
from lambent.domain.errors import LambdaError, invalid_parameter, validation_failed
from lambent.domain.function import FileSystem
from lambent.domain.image import ImageConfig
from lambent.runtime.catalogue import RUNTIMES

# [DG] runtimes whose "block function update" has passed; some of them Lambent still runs.
RETIRED_RUNTIMES = frozenset(
    {
        "nodejs",
        "nodejs4.3",
        "nodejs4.3-edge",
        "nodejs6.10",
        "nodejs8.10",
        "nodejs10.x",
        "nodejs12.x",
        "nodejs14.x",
        "nodejs16.x",
        "python2.7",
        "python3.6",
        "python3.7",
        "dotnetcore1.0",
        "dotnetcore2.0",
        "dotnetcore2.1",
        "dotnetcore3.1",
        "dotnet6",
        "java8",
        "go1.x",
        "ruby2.5",
        "ruby2.7",
        "provided",
    }
)

# [DG] "Defined runtime environment variables": those that a function may not set.
RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)

_ENVIRONMENT = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a caller sets of a function; None is not given."""

    runtime: str | None = None
    handler: str | None = None
    role: str | None = None
    description: str | None = None
    memory_mib: int | None = None
    timeout_s: int | None = None
    ephemeral_mib: int | None = None
    environment: Mapping[str, str] | None = None
    layers: tuple[str, ...] | None = None
    """ARNs of layer versions, lowest first."""
    architectures: tuple[str, ...] | None = None
    capacity_provider: Mapping[str, Any] | None = None
    """CapacityProviderConfig, as given."""
    dead_letter_arn: str | None = None
    kms_key_arn: str | None = None
    tracing_mode: str | None = None
    logging: Mapping[str, Any] | None = None
    """LoggingConfig, as given."""
    file_systems: tuple[FileSystem, ...] | None = None
    tenant_isolation: str | None = None
    image_config: ImageConfig | None = None
    snap_start: str | None = None
    """SnapStart.ApplyOn; empty for None."""


def check_configuration(configuration: Configuration) -> None:
    """Raise the LambdaError that AWS would answer; existence of layers is not looked at."""
    check_ranges(configuration)
    if configuration.environment:
        check_environment(configuration.environment)
    if configuration.runtime is not None:
        check_runtime(configuration.runtime)
    if configuration.layers is not None and len(configuration.layers) > limits.LAYERS_MAX:
        raise invalid_parameter(f"Cannot reference more than {limits.LAYERS_MAX} layers.")  # [LS]


def check_complete(configuration: Configuration) -> None:
    """What CreateFunction must be given for a zip."""
    if not configuration.runtime or not configuration.handler:
        raise invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment "
            "packages."
        )


def check_package_type(configuration: Configuration, *, image: bool) -> None:
    """Raise for what only the other kind of package has. Texts: UNVERIFIED.

    Source: Developer Guide, "Create a Lambda function using a container image": runtime and handler
    are the image's, and layers cannot be added.
    """
    if image and (configuration.runtime or configuration.handler or configuration.layers):
        raise invalid_parameter(
            "Please don't provide handler or runtime or layers when the package type is Image."
        )
    if not image and configuration.image_config:
        raise invalid_parameter("Please don't provide ImageConfig when the package type is Zip.")


def check_ranges(configuration: Configuration) -> None:
    violations: list[str] = []
    for member, value, low, high in (
        (
            "memorySize",
            configuration.memory_mib,
            limits.MEMORY_MIB_MIN,
            limits.MEMORY_MIB_MAX,
        ),
        ("timeout", configuration.timeout_s, limits.TIMEOUT_S_MIN, limits.TIMEOUT_S_MAX),
        (
            "ephemeralStorage.size",
            configuration.ephemeral_mib,
            limits.EPHEMERAL_MIB_MIN,
            limits.EPHEMERAL_MIB_MAX,
        ),
    ):
        if value is None or low <= value <= high:
            continue
        bound = (
            f"less than or equal to {high}" if value > high else f"greater than or equal to {low}"
        )
        violations.append(
            f"Value '{value}' at '{member}' failed to satisfy constraint: "
            f"Member must have value {bound}"
        )
    if violations:
        raise validation_failed(violations)


def check_runtime(runtime: str) -> None:
    if runtime in RUNTIMES:
        return
    if runtime in RETIRED_RUNTIMES:  # [LS]
        raise invalid_parameter(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating "
            "AWS Lambda functions. We recommend you use a supported runtime while creating or "
            "updating functions."
        )
    raise invalid_parameter(
        f"Lambent cannot run the runtime {runtime}; `lambent doctor` lists what it runs."
    )


def check_environment(variables: Mapping[str, str]) -> None:
    """Reserved names, then the size, measured as AWS does: the map as compact JSON in UTF-8."""
    reserved = [name for name in variables if name in RESERVED_VARIABLES]
    if reserved:
        raise invalid_parameter(
            f"{_ENVIRONMENT}contains reserved keys that are currently not supported for "
            f"modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode("utf-8", "surrogatepass")) > limits.ENVIRONMENT_BYTES_MAX:  # [LS]
        raise invalid_parameter(
            f"{_ENVIRONMENT}exceeded the 4KB limit. String measured: {measured}"
        )


def check_unzipped(code_bytes: int, layer_bytes: int) -> None:
    """Code and all its layers together. Text: AWS's, as quoted in many issue threads."""
    total = code_bytes + layer_bytes
    if total > limits.UNZIPPED_BYTES_MAX:
        raise invalid_parameter(
            "Function code combined with layers exceeds the maximum allowed size of "
            f"{limits.UNZIPPED_BYTES_MAX} bytes. The actual size is {total} bytes."
        )


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > limits.TAGS_MAX:  # [LS]
        raise invalid_parameter("Number of tags exceeds resource tag limit.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid_parameter(f"The tag key {key} starts with aws:, which is reserved.")


def check_revision(given: str | None, current: str) -> None:
    if given is not None and given != current:  # [LS]
        raise LambdaError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id",
            Type="User",
        )
