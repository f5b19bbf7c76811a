"""The operations on functions: modelled parameters ↔ domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.code_sources import CodeSources
from lambent.api.images import (
    create_from_image,
    format_image_code,
    format_image_config,
    is_image,
    parse_image_config,
    take_image_uri,
)
from lambent.api.options import format_options, parse_options, refuse_unsupported
from lambent.control.concurrency import Concurrency
from lambent.control.downloads import Downloads
from lambent.control.functions import Functions
from lambent.control.image_functions import ImageFunctions
from lambent.control.rules import Configuration
from lambent.control.versions import Publish
from lambent.domain.arns import LATEST, Account, parse_function_ref
from lambent.domain.errors import LambdaError, invalid_parameter
from lambent.domain.function import FunctionVersion
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]

NO_CODE = "Please provide a source for function code."  # AWS's text, as quoted in many places

# [LS] ListFunctions leaves these out.
_NOT_LISTED = frozenset(
    {
        "State",
        "StateReason",
        "StateReasonCode",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "RuntimeVersionConfig",
    }
)


class FunctionOperations:
    """One method an operation."""

    def __init__(
        self,
        functions: Functions,
        images: ImageFunctions,
        downloads: Downloads,
        concurrency: Concurrency,
        sources: CodeSources,
    ) -> None:
        self._functions = functions
        self._images = images
        self._downloads = downloads
        self._concurrency = concurrency
        self._sources = sources

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CreateFunction": self.create_function,
            "GetFunction": self.get_function,
            "GetFunctionConfiguration": self.get_function_configuration,
            "ListFunctions": self.list_functions,
            "UpdateFunctionCode": self.update_function_code,
            "UpdateFunctionConfiguration": self.update_function_configuration,
            "DeleteFunction": self.delete_function,
        }

    async def create_function(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        refuse_unsupported(params)
        if is_image(params):
            version = await create_from_image(
                self._images, name, params, parse_configuration(params), parse_publish(params)
            )
            return format_version(version, context.account, qualifier=_number(version))
        code, folder = await self._sources.take_code(params["Code"], where="Code.")
        if code is None:
            raise invalid_parameter(NO_CODE)
        version = await self._functions.create(
            name,
            parse_configuration(params),
            code,
            tags=params.get("Tags") or {},
            publish=parse_publish(params),
            code_signing_config_arn=params.get("CodeSigningConfigArn"),
            hot_reload_folder=folder,
        )
        return format_version(version, context.account, qualifier=_number(version))

    async def get_function(self, params: Shape, context: RequestContext) -> Shape:
        ref = parse_function_ref(
            params["FunctionName"], context.account, qualifier=params.get("Qualifier")
        )
        function = self._functions.get(ref.name, ref.qualifier)
        version = self._functions.shown(self._functions.get_version(ref.name, ref.qualifier))
        result: Shape = {
            "Configuration": format_version(version, context.account, qualifier=ref.qualifier),
            "Code": self._format_code(version, context),
        }
        if function.tags:
            result["Tags"] = dict(function.tags)
        reserved = self._concurrency.reserved(ref.name)
        if reserved is not None and ref.qualifier is None:
            result["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
        return result

    def _format_code(self, version: FunctionVersion, context: RequestContext) -> Shape:
        if version.image is not None:
            return format_image_code(version)
        return {
            "RepositoryType": "S3",
            "Location": self._downloads.sign(context.endpoint, version.code.digest),
        }

    async def get_function_configuration(self, params: Shape, context: RequestContext) -> Shape:
        ref = parse_function_ref(
            params["FunctionName"], context.account, qualifier=params.get("Qualifier")
        )
        version = self._functions.shown(self._functions.get_version(ref.name, ref.qualifier))
        return format_version(version, context.account, qualifier=ref.qualifier)

    async def list_functions(self, params: Shape, context: RequestContext) -> Shape:
        master_region = params.get("MasterRegion")
        every_version = params.get("FunctionVersion") == "ALL"
        page = self._functions.list(
            marker=params.get("Marker"),
            items_max=params.get("MaxItems"),
            every_version=every_version,
        )
        listed = [
            format_listed(version, context.account, qualified=every_version)
            for version in page.items
            # Replicas of Lambda@Edge functions: none has another region as its master.
            if master_region in (None, "ALL", context.account.region)
        ]
        return _without_none({"Functions": listed, "NextMarker": page.next_marker})

    async def update_function_code(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        # a function that is not there comes before everything else
        current = self._functions.get_version(name)
        refuse_unsupported(params)
        if current.image is not None:
            version = await self._images.update_code(
                name,
                take_image_uri(params),
                architectures=_tuple(params.get("Architectures")),
                revision_id=params.get("RevisionId"),
                dry_run=bool(params.get("DryRun")),
                publish=parse_publish(params),
            )
            return format_version(version, context.account, qualifier=_number(version))
        code, folder = await self._sources.take_code(params, where="")
        if code is None:
            raise invalid_parameter(NO_CODE)
        version = await self._functions.update_code(
            name,
            code,
            architectures=_tuple(params.get("Architectures")),
            revision_id=params.get("RevisionId"),
            dry_run=bool(params.get("DryRun")),
            publish=parse_publish(params),
            hot_reload_folder=folder,
        )
        return format_version(version, context.account, qualifier=_number(version))

    async def update_function_configuration(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        self._functions.get(name)
        refuse_unsupported(params)
        version = await self._functions.update_configuration(
            name, parse_configuration(params), revision_id=params.get("RevisionId")
        )
        return format_version(version, context.account)

    async def delete_function(self, params: Shape, context: RequestContext) -> Shape:
        ref = parse_function_ref(
            params["FunctionName"], context.account, qualifier=params.get("Qualifier")
        )
        await self._functions.delete(ref.name, ref.qualifier)
        return {"StatusCode": 204}


def parse_configuration(params: Shape) -> Configuration:
    """What the parameters of a creation or a change set."""
    environment = params.get("Environment")
    ephemeral = params.get("EphemeralStorage")
    return Configuration(
        runtime=params.get("Runtime"),
        handler=params.get("Handler"),
        role=params.get("Role"),
        description=params.get("Description"),
        memory_mib=params.get("MemorySize"),
        timeout_s=params.get("Timeout"),
        ephemeral_mib=ephemeral.get("Size") if ephemeral else None,
        environment=None if environment is None else environment.get("Variables") or {},
        layers=_tuple(params.get("Layers")),
        architectures=_tuple(params.get("Architectures")),
        capacity_provider=params.get("CapacityProviderConfig"),
        image_config=parse_image_config(params),
        **parse_options(params),
    )


def format_version(
    version: FunctionVersion, account: Account, *, qualifier: str | None = None
) -> Shape:
    """FunctionConfiguration; the ARN carries the qualifier where the caller named one."""
    shape: Shape = {
        "FunctionName": version.name,
        "FunctionArn": account.function_arn(version.name, qualifier),
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code.size_bytes,
        "Description": version.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mib,
        "LastModified": version.last_modified,
        "CodeSha256": version.code.sha256_b64,
        "Version": version.version,
        "RevisionId": version.revision_id,
        "PackageType": "Zip" if version.image is None else "Image",
        "Architectures": list(version.architectures),
        "EphemeralStorage": {"Size": version.ephemeral_mib},
        "RuntimeVersionConfig": {"RuntimeVersionArn": account.runtime_arn(version.runtime)},
        "State": version.state.value,
        "StateReason": version.state.reason,
        "StateReasonCode": version.state.reason_code,
        **format_options(version),
    }
    if version.image is not None:
        for member in ("Runtime", "Handler", "RuntimeVersionConfig"):
            del shape[member]
        if version.image_config:
            shape["ImageConfigResponse"] = format_image_config(version.image_config)
    if version.last_update is not None:
        shape["LastUpdateStatus"] = version.last_update.value
        shape["LastUpdateStatusReason"] = version.last_update.reason
        shape["LastUpdateStatusReasonCode"] = version.last_update.reason_code
    if version.signing_profile_version_arn:
        shape["SigningProfileVersionArn"] = version.signing_profile_version_arn
        shape["SigningJobArn"] = version.signing_job_arn
    if version.environment is not None:
        shape["Environment"] = {"Variables": dict(version.environment)}
    if version.capacity_provider is not None:
        shape["CapacityProviderConfig"] = dict(version.capacity_provider)
    if version.layers:
        shape["Layers"] = [
            {"Arn": layer.arn, "CodeSize": layer.package.size_bytes} for layer in version.layers
        ]
    return _without_none(shape)


def format_listed(version: FunctionVersion, account: Account, *, qualified: bool) -> Shape:
    """FunctionConfiguration as ListFunctions shows it."""
    shape = format_version(version, account, qualifier=version.version if qualified else None)
    return {member: value for member, value in shape.items() if member not in _NOT_LISTED}


def parse_publish(params: Shape, *, default: Publish = Publish.NO) -> Publish:
    """PublishTo says where to; on its own it asks for the publication as well (unverified)."""
    if params.get("PublishTo") == "LATEST_PUBLISHED":
        return Publish.TO_LATEST_PUBLISHED
    return Publish.AS_NUMBER if params.get("Publish") else default


def _number(version: FunctionVersion) -> str | None:
    """The qualifier of a published version's own ARN; none for $LATEST."""
    return None if version.version == LATEST else version.version


def unqualified(text: str, account: Account) -> str:
    """The name, for operations that take no version; a qualifier in it names none of ours."""
    ref = parse_function_ref(text, account)
    if ref.qualifier is not None:
        raise LambdaError(
            "InvalidParameterValueException",
            f"This operation takes a function without a qualifier, not {text}.",
            Type="User",
        )
    return ref.name


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _without_none(shape: Shape) -> Shape:
    return {member: value for member, value in shape.items() if value is not None}
