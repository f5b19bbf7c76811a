"""The operations on event-invoke configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.pages import with_marker
from lambent.control.event_invoke import EventInvokeConfigs, Settings
from lambent.domain.arns import LATEST, FunctionRef, parse_function_ref
from lambent.domain.event_invoke import EventInvokeConfig
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class EventInvokeOperations:
    """One method an operation."""

    def __init__(self, configs: EventInvokeConfigs) -> None:
        self._configs = configs

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "PutFunctionEventInvokeConfig": self.put,
            "UpdateFunctionEventInvokeConfig": self.update,
            "GetFunctionEventInvokeConfig": self.get,
            "ListFunctionEventInvokeConfigs": self.list,
            "DeleteFunctionEventInvokeConfig": self.delete,
        }

    async def put(self, params: Shape, context: RequestContext) -> Shape:
        ref = _ref(params, context)
        return _format(ref, await self._configs.put(ref, _settings(params)), context)

    async def update(self, params: Shape, context: RequestContext) -> Shape:
        ref = _ref(params, context)
        return _format(ref, await self._configs.update(ref, _settings(params)), context)

    async def get(self, params: Shape, context: RequestContext) -> Shape:
        ref = _ref(params, context)
        return _format(ref, self._configs.get(ref), context)

    async def list(self, params: Shape, context: RequestContext) -> Shape:
        name = _ref(params, context).name
        page = self._configs.list(
            name, marker=params.get("Marker"), items_max=params.get("MaxItems")
        )
        result: Shape = {
            "FunctionEventInvokeConfigs": [
                _format(FunctionRef(name=name, qualifier=qualifier), config, context)
                for qualifier, config in page.items
            ]
        }
        return with_marker(result, page.next_marker)

    async def delete(self, params: Shape, context: RequestContext) -> Shape:
        await self._configs.delete(_ref(params, context))
        return {}


def _ref(params: Shape, context: RequestContext) -> FunctionRef:
    return parse_function_ref(
        params["FunctionName"], context.account, qualifier=params.get("Qualifier")
    )


def _settings(params: Shape) -> Settings:
    destinations = params.get("DestinationConfig")
    return Settings(
        retries_max=params.get("MaximumRetryAttempts"),
        age_s_max=params.get("MaximumEventAgeInSeconds"),
        on_success=_destination(destinations, "OnSuccess"),
        on_failure=_destination(destinations, "OnFailure"),
        destinations_given=destinations is not None,
    )


def _destination(destinations: Shape | None, member: str) -> str | None:
    given = (destinations or {}).get(member)
    return None if given is None else given.get("Destination") or ""


def _format(ref: FunctionRef, config: EventInvokeConfig, context: RequestContext) -> Shape:
    """FunctionEventInvokeConfig; [LS] both destinations are there, empty where there is none."""
    shape: Shape = {
        "LastModified": config.modified_s,
        "FunctionArn": context.account.function_arn(ref.name, ref.qualifier or LATEST),
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }
    if config.retries_max is not None:
        shape["MaximumRetryAttempts"] = config.retries_max
    if config.age_s_max is not None:
        shape["MaximumEventAgeInSeconds"] = config.age_s_max
    return shape
