"""Container images of functions: modelled parameters ↔ domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.image_functions import ImageFunctions
from lambent.control.rules import Configuration
from lambent.control.versions import Publish
from lambent.domain.errors import invalid_parameter
from lambent.domain.function import FunctionVersion
from lambent.domain.image import ImageConfig

Params = Mapping[str, Any]

_OTHER_SOURCES = ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "SourceKMSKeyArn")


def is_image(params: Params) -> bool:
    return params.get("PackageType") == "Image"


def take_image_uri(source: Params) -> str:
    """Of CreateFunction's Code or UpdateFunctionCode. Text: [LS], of the latter."""
    uri = source.get("ImageUri")
    if not uri or any(source.get(member) for member in _OTHER_SOURCES):
        raise invalid_parameter(
            "Please provide ImageUri when updating a function with packageType Image."
        )
    return str(uri)


def parse_image_config(params: Params) -> ImageConfig | None:
    """None where there is none; an empty one resets what was."""
    config = params.get("ImageConfig")
    if config is None:
        return None
    return ImageConfig(
        entry_point=tuple(config.get("EntryPoint") or ()),
        command=tuple(config.get("Command") or ()),
        working_directory=config.get("WorkingDirectory") or "",
    )


def format_image_config(config: ImageConfig) -> dict[str, Any]:
    """ImageConfigResponse, without what was not given."""
    members = {
        "EntryPoint": list(config.entry_point),
        "Command": list(config.command),
        "WorkingDirectory": config.working_directory,
    }
    return {"ImageConfig": {name: value for name, value in members.items() if value}}


def format_image_code(version: FunctionVersion) -> dict[str, Any]:
    """Code of GetFunction, for a version whose package is an image [LS]."""
    assert version.image is not None
    return {
        "RepositoryType": "ECR",
        "ImageUri": version.image.uri,
        "ResolvedImageUri": version.image.resolved_uri,
    }


async def create_from_image(
    functions: ImageFunctions,
    name: str,
    params: Params,
    configuration: Configuration,
    publish: Publish,
) -> FunctionVersion:
    """CreateFunction with PackageType Image."""
    if params.get("CodeSigningConfigArn"):  # [DG] not for container images; text UNVERIFIED
        raise invalid_parameter("Code signing is not supported for container images.")
    return await functions.create(
        name,
        configuration,
        take_image_uri(params["Code"]),
        tags=params.get("Tags") or {},
        publish=publish,
    )
