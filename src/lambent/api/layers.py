"""The operations on layers: modelled parameters ↔ domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.code_sources import CodeSources
from lambent.api.pages import with_marker
from lambent.control.downloads import Downloads
from lambent.control.layers import Layers
from lambent.domain.arns import Account
from lambent.domain.errors import invalid_parameter
from lambent.domain.function import LayerVersion
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class LayerOperations:
    """One method an operation."""

    def __init__(self, layers: Layers, downloads: Downloads, sources: CodeSources) -> None:
        self._layers = layers
        self._sources = sources
        self._downloads = downloads

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "PublishLayerVersion": self.publish_layer_version,
            "GetLayerVersion": self.get_layer_version,
            "GetLayerVersionByArn": self.get_layer_version_by_arn,
            "ListLayers": self.list_layers,
            "ListLayerVersions": self.list_layer_versions,
            "DeleteLayerVersion": self.delete_layer_version,
        }

    async def publish_layer_version(self, params: Shape, context: RequestContext) -> Shape:
        content = await self._sources.take_zip(params["Content"], where="Content.")
        if content is None:
            raise invalid_parameter("Please provide a source for the layer's content.")
        version = await self._layers.publish(
            params["LayerName"],
            content,
            description=params.get("Description") or "",
            compatible_runtimes=tuple(params.get("CompatibleRuntimes") or ()),
            compatible_architectures=tuple(params.get("CompatibleArchitectures") or ()),
            license_info=params.get("LicenseInfo") or "",
        )
        return self._format_full(version, context)

    async def get_layer_version(self, params: Shape, context: RequestContext) -> Shape:
        version = self._layers.get(params["LayerName"], params["VersionNumber"])
        return self._format_full(version, context)

    async def get_layer_version_by_arn(self, params: Shape, context: RequestContext) -> Shape:
        return self._format_full(self._layers.get_by_arn(params["Arn"]), context)

    async def list_layers(self, params: Shape, context: RequestContext) -> Shape:
        page = self._layers.list(
            runtime=params.get("CompatibleRuntime"),
            architecture=params.get("CompatibleArchitecture"),
            marker=params.get("Marker"),
            items_max=params.get("MaxItems"),
        )
        layers = [
            {
                "LayerName": version.name,
                "LayerArn": context.account.layer_arn(version.name),
                "LatestMatchingVersion": format_listed(version, context.account),
            }
            for version in page.items
        ]
        return with_marker({"Layers": layers}, page.next_marker)

    async def list_layer_versions(self, params: Shape, context: RequestContext) -> Shape:
        page = self._layers.list_versions(
            params["LayerName"],
            runtime=params.get("CompatibleRuntime"),
            architecture=params.get("CompatibleArchitecture"),
            marker=params.get("Marker"),
            items_max=params.get("MaxItems"),
        )
        versions = [format_listed(version, context.account) for version in page.items]
        return with_marker({"LayerVersions": versions}, page.next_marker)

    async def delete_layer_version(self, params: Shape, context: RequestContext) -> Shape:
        await self._layers.delete(params["LayerName"], params["VersionNumber"])
        return {}

    def _format_full(self, version: LayerVersion, context: RequestContext) -> Shape:
        return {
            "Content": {
                "Location": self._downloads.sign(context.endpoint, version.package.digest),
                "CodeSha256": version.package.sha256_b64,
                "CodeSize": version.package.size_bytes,
            },
            "LayerArn": context.account.layer_arn(version.name),
            **format_listed(version, context.account),
        }


def format_listed(version: LayerVersion, account: Account) -> Shape:
    """LayerVersionsListItem; what was not declared is left out, but the description."""
    shape: Shape = {
        "LayerVersionArn": account.layer_arn(version.name, version.version),
        "Version": version.version,
        "Description": version.description,
        "CreatedDate": version.created,
    }
    if version.compatible_runtimes:
        shape["CompatibleRuntimes"] = list(version.compatible_runtimes)
    if version.compatible_architectures:
        shape["CompatibleArchitectures"] = list(version.compatible_architectures)
    if version.license_info:
        shape["LicenseInfo"] = version.license_info
    return shape
