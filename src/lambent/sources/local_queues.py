"""Queues of this process as a source: no network, woken by a send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from lambent.domain.errors import LambdaError
from lambent.domain.event_source import EventSourceMapping

Refusals = list[LambdaError | None]


class LocalQueues(Protocol):
    """`services.sqs.local.LocalQueues`, as far as it is used here."""

    async def receive(
        self,
        arn: str,
        count_max: int,
        *,
        wait_s: float = 0,
        visibility_s: int | None = None,
        on_cancel: Callable[[Callable[[], None]], None] | None = None,
    ) -> list[dict[str, Any]]: ...

    async def delete(self, arn: str, handles: Sequence[str]) -> Refusals: ...

    async def set_visibility(self, arn: str, changes: Sequence[tuple[str, int]]) -> Refusals: ...

    def visibility_s(self, arn: str) -> int: ...


class LocalQueueReader:
    """`QueueReader` of them."""

    def __init__(self, queues: LocalQueues) -> None:
        self._queues = queues

    async def receive(
        self,
        mapping: EventSourceMapping,
        count_max: int,
        *,
        wait_s: float,
        on_cancel: Callable[[Callable[[], None]], None],
    ) -> list[dict[str, Any]]:
        return await self._queues.receive(
            mapping.source_arn, count_max, wait_s=wait_s, on_cancel=on_cancel
        )

    async def delete(self, mapping: EventSourceMapping, handles: Sequence[str]) -> None:
        await self._queues.delete(mapping.source_arn, handles)

    async def release(self, mapping: EventSourceMapping, handles: Sequence[str]) -> None:
        changes = [(handle, 0) for handle in handles]
        await self._queues.set_visibility(mapping.source_arn, changes)

    async def visibility_s(self, mapping: EventSourceMapping) -> int:
        return self._queues.visibility_s(mapping.source_arn)
