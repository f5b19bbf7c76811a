"""Receivers: one that waits, and what one gets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lambent.services.sqs.handles import format_handle
from lambent.services.sqs.messages import Message, Received


@dataclass(frozen=True, slots=True)
class Asked:
    """What a receiver asks for."""

    count_max: int
    visibility_s: int
    attempt_id: str | None = None
    """ReceiveRequestAttemptId, of a FIFO queue."""


class Taken:
    """Messages that a receiver gets, once that is on disk."""

    __slots__ = ("_found", "_future", "_queue_id", "_values")

    def __init__(
        self,
        queue_id: int,
        values: Sequence[tuple[int, int, int, int]],
        found: dict[int, Message | None],
        future: asyncio.Future[list[Message]],
    ) -> None:
        self._queue_id = queue_id
        self._values = values
        self._found = found
        self._future = future

    async def received(self) -> list[Received]:
        found = self._found
        for loaded in await asyncio.shield(self._future):
            found[loaded.number] = loaded
        return [
            Received(
                message=message,
                receipt_handle=format_handle(self._queue_id, number, count),
                count=count,
                first_ms=first_ms,
            )
            for number, count, first_ms, _ in self._values
            if (message := found[number]) is not None
        ]


class Waiter:
    """A receiver that waits for messages."""

    __slots__ = ("asked", "future", "timer")

    def __init__(self, asked: Asked, future: asyncio.Future[Taken | None]) -> None:
        self.asked = asked
        self.future = future
        self.timer: asyncio.TimerHandle | None = None

    def give_up(self) -> None:
        """It gets nothing, unless it has got something."""
        if not self.future.done():
            self.future.set_result(None)
