"""What the server does with each service, and what a service is tied to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambent.app.access import ExecutionRoles
from lambent.control.plane import Plane
from lambent.domain.request import Handler, StreamHandler
from lambent.policy.document import PolicyDocument
from lambent.queue.async_queue import AsyncQueue
from lambent.services.delivery.courier import Courier
from lambent.services.iam import Iam
from lambent.store.logs import LogStore


async def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service in the life of the server; what it leaves out does not concern it."""

    name: str
    """As in ARNs."""
    operations: Mapping[str, Handler] = field(default_factory=dict)
    """By AWS's names; those whose results are streams are in `streams`. S3 has a route instead."""
    streams: Mapping[str, StreamHandler] = field(default_factory=dict)
    documents: Callable[[str], list[PolicyDocument]] | None = None
    """ARN of a resource → the policies in force on it."""
    load: Callable[[], Awaitable[None]] = _nothing
    """What the disk holds, before anything is asked of the service."""
    start: Callable[[], None] = lambda: None
    """What happens by itself, once all services are there."""
    run: Callable[[], Coroutine[Any, Any, None]] | None = None
    """For ever, as a task, from the start to the close."""
    sweep: Callable[[], Awaitable[None]] = _nothing
    """Called now and then: forget what is over."""
    stop: Callable[[], None] = lambda: None
    """Nothing more happens by itself."""
    reset: Callable[[], Awaitable[None]] = _nothing
    """Back to empty."""
    close: Callable[[], None] = lambda: None
    """Let go of threads and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """The parts of the server that services work with.

    A service that takes what others send adds itself to the `targets` of queue and courier, and to
    the courier's `gates` where a policy decides who may send.
    """

    queue: AsyncQueue
    courier: Courier
    plane: Plane
    iam: Iam
    roles: ExecutionRoles
    logs: LogStore
    data_dir: Path
