"""What the drivers of this room ask of the rooms around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lambent.clock import Clock
from lambent.domain.errors import LambdaError
from lambent.domain.event_source import EventSourceMapping
from lambent.domain.invocation import Outcome
from lambent.tasks import Tasks


class Problem(Exception):
    """Why nothing can be polled now; the text is for LastProcessingResult."""


@dataclass(frozen=True, slots=True)
class NotRun:
    """Throttled, or a fault that is not the function's: it may be run later."""

    text: str


class QueueReader(Protocol):
    """Queues, of this process or elsewhere. Raises LambdaError and OSError."""

    async def receive(
        self,
        mapping: EventSourceMapping,
        count_max: int,
        *,
        wait_s: float,
        on_cancel: Callable[[Callable[[], None]], None],
    ) -> list[dict[str, Any]]:
        """Messages as ReceiveMessage gives them with all attributes.

        Waits up to `wait_s` for the first; `on_cancel` is given what ends the wait.
        """
        ...

    async def delete(self, mapping: EventSourceMapping, handles: Sequence[str]) -> None: ...

    async def release(self, mapping: EventSourceMapping, handles: Sequence[str]) -> None:
        """Make messages visible again."""
        ...

    async def visibility_s(self, mapping: EventSourceMapping) -> int:
        """For how long a received message is nobody else's."""
        ...


class Runner(Protocol):
    """Runs functions."""

    def check(self, mapping: EventSourceMapping) -> None:
        """Raises Problem where its function cannot run, or its role may not read the source."""
        ...

    def timeout_s(self, mapping: EventSourceMapping) -> float:
        """The function's."""
        ...

    def step(self, mapping: EventSourceMapping, trace_id: bytes) -> bytes | None:
        """The trace header of the next invocation of a chain; None where the chain is a loop."""
        ...

    async def run(
        self, mapping: EventSourceMapping, payload: bytes, trace_id: bytes
    ) -> Outcome | NotRun | LambdaError: ...


@dataclass(frozen=True, slots=True)
class Around:
    """What every poller works with."""

    runner: Runner
    clock: Clock
    tasks: Tasks
