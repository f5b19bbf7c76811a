"""The gateway of one server: who may call, and which part answers what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lambent.api.invoke_async import AsyncOperations
from lambent.api.operations import lambda_operations
from lambent.app.admission import make_access, make_s3_access, make_url_access
from lambent.app.parts import Parts
from lambent.control.downloads import Downloads
from lambent.domain.request import Handler
from lambent.gateway.access import Access
from lambent.gateway.event_route import EventRoute
from lambent.gateway.gateway import Gateway
from lambent.gateway.invoke_route import InvokeRoute
from lambent.gateway.invoke_streaming_route import InvokeStreamingRoute
from lambent.gateway.local import LocalRoutes
from lambent.gateway.s3_route import S3Route
from lambent.gateway.url_route import UrlRoute
from lambent.http.message import Request
from lambent.queue.operator import QueueOperator


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the server itself answers people and tools."""

    health: Callable[[], dict[str, Any]]
    bill: Callable[[], dict[str, Any]]
    reset: Callable[[], Awaitable[None]] | None
    """None where it is not allowed."""
    endpoint: Callable[[Request], str]
    """The server as the caller named it."""


async def make_gateway(parts: Parts, downloads: Downloads, answers: Answers) -> Gateway:
    """Once what the disk holds is loaded."""
    services = parts.services
    access = await make_access(
        parts.settings,
        parts.database,
        parts.iam.directory,
        parts.roles.tokens,
        parts.account,
        parts.clock,
        registry=parts.registry,
        plane=parts.plane,
        resource_documents={one.name: one.documents for one in services.every if one.documents},
    )
    admit = access.admit_invoke if access.authorization is not None else None
    step = parts.plane.recursion.step
    return Gateway(
        account=parts.account,
        access=access,
        operations=_operations(parts),
        streams={one.name: one.streams for one in services.every},
        invoke=InvokeRoute(
            parts.invoker, parts.account, EventRoute(parts.queue), step=step, admit=admit
        ),
        invoke_streaming=InvokeStreamingRoute(parts.invoker, parts.account, step=step, admit=admit),
        urls=UrlRoute(
            parts.plane.urls,
            parts.invoker,
            make_url_access(access, parts.account),
            parts.account,
            wall_s=parts.clock.wall_s,
            step=step,
        ),
        local=_local_routes(parts, downloads, answers, access),
        s3=S3Route(
            services.s3,
            parts.account,
            make_s3_access(access, parts.clock),
            access.authorization,
            parts.clock,
            parts.tasks,
            endpoint=answers.endpoint,
        ),
        certificate=services.sns.certificate,
        tasks=parts.tasks,
        endpoint=answers.endpoint,
    )


def _operations(parts: Parts) -> dict[str, Mapping[str, Handler]]:
    """By service."""
    own = {
        **lambda_operations(parts.plane, parts.services.s3.reader),
        **AsyncOperations(parts.queue).handlers(),
    }
    return {"lambda": own, **{one.name: one.operations for one in parts.services.every}}


def _local_routes(
    parts: Parts, downloads: Downloads, answers: Answers, access: Access
) -> LocalRoutes:
    return LocalRoutes(
        health=answers.health,
        bill=answers.bill,
        reset=answers.reset,
        downloads=downloads,
        package_path=parts.files.zip_path,
        events=QueueOperator(
            parts.queue, parts.database, parts.clock, parts.courier.dispatcher.depths
        ),
        debug=parts.execution.debug_operator(parts.plane.functions),
        admit=access.admit_operator,
    )
