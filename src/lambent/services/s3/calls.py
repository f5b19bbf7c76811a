"""One call of S3 on its way to an operation, and what an operation answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lambent.domain.request import RequestContext
from lambent.services.iam.directory import Caller
from lambent.services.s3.model import ObjectVersion
from lambent.services.s3.receive import Received, Receiver

Params = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Parameters by the model, and what it does not hold."""

    params: Params
    context: RequestContext
    headers: Mapping[str, str]
    receiver: Receiver | None = None
    """Has the body of an operation that takes bytes."""
    source_ip: str = "127.0.0.1"
    caller: Caller | None = None
    """None where this process itself writes."""
    refused: tuple[Mapping[str, str], ...] = ()
    """Errors of keys that the caller may not delete, which `params` has no more."""

    @property
    def bucket(self) -> str:
        name: str = self.params["Bucket"]
        return name

    @property
    def key(self) -> str:
        key: str = self.params["Key"]
        return key

    async def received(self) -> Received:
        """The body, whole. Raises S3Error."""
        assert self.receiver is not None
        return await self.receiver.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A run of an object's bytes."""

    version: ObjectVersion
    start: int
    length: int


@dataclass(slots=True, kw_only=True)
class Answer:
    """What goes back: the result by the model, and the bytes."""

    result: Params = field(default_factory=dict)
    status: int | None = None
    """Where it is not the model's."""
    body: Download | None = None
    headers: tuple[tuple[str, str], ...] = ()


S3Handler = Callable[[Call], Awaitable[Answer]]
