"""The operations on event source mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.pages import with_marker
from lambent.control.event_sources import Answer, EventSources
from lambent.domain.arns import parse_function_ref
from lambent.domain.event_source import EventSourceMapping, SourceType
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]

_STREAMS = (SourceType.KINESIS, SourceType.DYNAMODB)


class EventSourceOperations:
    """One method an operation."""

    def __init__(self, sources: EventSources) -> None:
        self._sources = sources

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CreateEventSourceMapping": self.create,
            "GetEventSourceMapping": self.get,
            "ListEventSourceMappings": self.list,
            "UpdateEventSourceMapping": self.update,
            "DeleteEventSourceMapping": self.delete,
        }

    async def create(self, params: Shape, context: RequestContext) -> Shape:
        return _format(await self._sources.create(params), context)

    async def get(self, params: Shape, context: RequestContext) -> Shape:
        return self._show(self._sources.find(params["UUID"]), context)

    async def list(self, params: Shape, context: RequestContext) -> Shape:
        name = params.get("FunctionName")
        page = self._sources.list(
            source_arn=params.get("EventSourceArn") or None,
            function=parse_function_ref(name, context.account) if name else None,
            marker=params.get("Marker"),
            items_max=params.get("MaxItems"),
        )
        result: Shape = {"EventSourceMappings": [self._show(one, context) for one in page.items]}
        return with_marker(result, page.next_marker)

    async def update(self, params: Shape, context: RequestContext) -> Shape:
        return _format(await self._sources.update(params["UUID"], params), context)

    async def delete(self, params: Shape, context: RequestContext) -> Shape:
        return _format(await self._sources.delete(params["UUID"]), context)

    def _show(self, mapping: EventSourceMapping, context: RequestContext) -> Shape:
        shape = _format(self._sources.shown(mapping), context)
        result = self._sources.result(mapping.uuid)
        return shape if result is None else {**shape, "LastProcessingResult": result}


def _format(answer: Answer, context: RequestContext) -> Shape:
    """EventSourceMappingConfiguration."""
    mapping, state = answer
    account, streams = context.account, mapping.source_type in _STREAMS
    shape: Shape = {
        **mapping.options,
        "UUID": mapping.uuid,
        "EventSourceMappingArn": account.event_source_mapping_arn(mapping.uuid),
        "FunctionArn": account.function_arn(mapping.function_name, mapping.qualifier),
        "LastModified": mapping.modified_s,
        "State": state.value,
        # [LS] the two kinds of poller word it differently
        "StateTransitionReason": "User action" if streams else "USER_INITIATED",
    }
    if mapping.source_arn:
        shape["EventSourceArn"] = mapping.source_arn
    if streams:  # [LS]
        shape["LastProcessingResult"] = "No records processed"
    return shape
