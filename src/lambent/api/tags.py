"""The operations on tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.tags import Tags
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class TagOperations:
    """One method an operation."""

    def __init__(self, tags: Tags) -> None:
        self._tags = tags

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTags": self.list_tags,
        }

    async def tag_resource(self, params: Shape, context: RequestContext) -> Shape:
        await self._tags.tag(params["Resource"], params["Tags"])
        return {}

    async def untag_resource(self, params: Shape, context: RequestContext) -> Shape:
        await self._tags.untag(params["Resource"], frozenset(params["TagKeys"]))
        return {}

    async def list_tags(self, params: Shape, context: RequestContext) -> Shape:
        return {"Tags": dict(self._tags.list(params["Resource"]))}
