"""The operations on published versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.functions import format_listed, format_version, parse_publish, unqualified
from lambent.api.pages import with_marker
from lambent.control.versions import Publish, Versions
from lambent.domain.arns import parse_function_ref
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class VersionOperations:
    """One method an operation."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "PublishVersion": self.publish_version,
            "ListVersionsByFunction": self.list_versions_by_function,
        }

    async def publish_version(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        version = await self._versions.publish(
            name,
            code_sha256=params.get("CodeSha256"),
            description=params.get("Description"),
            revision_id=params.get("RevisionId"),
            publish=parse_publish(params, default=Publish.AS_NUMBER),
        )
        return format_version(version, context.account, qualifier=version.version)

    async def list_versions_by_function(self, params: Shape, context: RequestContext) -> Shape:
        ref = parse_function_ref(params["FunctionName"], context.account)
        page = self._versions.list(
            ref.name, marker=params.get("Marker"), items_max=params.get("MaxItems")
        )
        shape: Shape = {
            "Versions": [
                format_listed(version, context.account, qualified=True) for version in page.items
            ]
        }
        return with_marker(shape, page.next_marker)
