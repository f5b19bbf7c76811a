"""The operations on function URLs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from lambent.api.pages import with_marker
from lambent.control.urls import FunctionUrls, UrlSettings
from lambent.domain.arns import FunctionRef, parse_function_ref
from lambent.domain.function_url import FunctionUrlConfig
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class UrlOperations:
    """One method an operation."""

    def __init__(self, urls: FunctionUrls) -> None:
        self._urls = urls

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CreateFunctionUrlConfig": self.create,
            "GetFunctionUrlConfig": self.get,
            "ListFunctionUrlConfigs": self.list,
            "UpdateFunctionUrlConfig": self.update,
            "DeleteFunctionUrlConfig": self.delete,
        }

    async def create(self, params: Shape, context: RequestContext) -> Shape:
        ref = _ref(params, context)
        shape = _format(ref, await self._urls.create(ref, _settings(params)), context)
        del shape["LastModifiedTime"]
        if "InvokeMode" not in params:  # [LS] only what was given comes back
            del shape["InvokeMode"]
        return shape

    async def get(self, params: Shape, context: RequestContext) -> Shape:
        ref = _ref(params, context)
        return _format(ref, self._urls.get(ref), context)

    async def list(self, params: Shape, context: RequestContext) -> Shape:
        name = _ref(params, context).name
        page = self._urls.list(name, marker=params.get("Marker"), items_max=params.get("MaxItems"))
        result: Shape = {
            "FunctionUrlConfigs": [
                _format(FunctionRef(name=name, qualifier=alias), config, context)
                for alias, config in page.items
            ]
        }
        return with_marker(result, page.next_marker)

    async def update(self, params: Shape, context: RequestContext) -> Shape:
        ref = _ref(params, context)
        return _format(ref, await self._urls.update(ref, _settings(params)), context)

    async def delete(self, params: Shape, context: RequestContext) -> Shape:
        await self._urls.delete(_ref(params, context))
        return {}


def format_url(url_id: str, context: RequestContext) -> str:
    """The URL by the caller's way to this server: its scheme and port.

    The host is always under `localhost`, which browsers, curl and systemd's resolver take to be
    this machine whatever comes before it. Who cannot resolve it uses the path
    `/_lambent/url/<id>/` of the server, or sends the Host header.
    """
    endpoint = urlsplit(context.endpoint)
    try:
        port = endpoint.port
    except ValueError:  # the client's Host header is what it likes
        port = None
    suffix = "" if port is None else f":{port}"
    scheme = endpoint.scheme or "http"
    return f"{scheme}://{url_id}.lambda-url.{context.account.region}.localhost{suffix}/"


def _ref(params: Shape, context: RequestContext) -> FunctionRef:
    return parse_function_ref(
        params["FunctionName"], context.account, qualifier=params.get("Qualifier")
    )


def _settings(params: Shape) -> UrlSettings:
    return UrlSettings(
        auth_type=params.get("AuthType"),
        invoke_mode=params.get("InvokeMode"),
        cors=params.get("Cors"),
    )


def _format(ref: FunctionRef, config: FunctionUrlConfig, context: RequestContext) -> Shape:
    """FunctionUrlConfig."""
    shape: Shape = {
        "FunctionUrl": format_url(config.url_id, context),
        "FunctionArn": context.account.function_arn(ref.name, ref.qualifier),
        "AuthType": config.auth_type,
        "CreationTime": _format_time(config.created_s),
        "LastModifiedTime": _format_time(config.modified_s),
        "InvokeMode": config.invoke_mode,
    }
    if config.cors:
        shape["Cors"] = {
            member: value if isinstance(value, (bool, int)) else list(value)
            for member, value in config.cors.items()
        }
    return shape


def _format_time(wall_s: float) -> str:
    """As AWS shows them here: microseconds and Z."""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
