"""A queue and a function without a server: what the driver of a mapping is tried with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.event_source import EventSourceMapping
from lambent.domain.invocation import Outcome
from lambent.services.sqs.states import Held, State, States
from lambent.sources.interface import Around, NotRun, Problem
from lambent.tasks import Tasks
from tests.unit.sources.virtual import LoopClock

ARN = "arn:aws:sqs:us-east-1:000000000000:q"
SUCCEEDED = Outcome(b"null", None, "$LATEST", None)
FAILED = Outcome(b"{}", FunctionError(payload=b"{}", error_type="E"), "$LATEST", None)
VISIBILITY_S = 30


def make_mapping(arn: str = ARN, **options: Any) -> EventSourceMapping:
    return EventSourceMapping(
        uuid="m",
        function_name="f",
        source_arn=arn,
        source_type="sqs",
        options={"BatchSize": 10, **options},
        modified_s=0,
    )


class MemoryQueue:
    """`QueueReader` over the states of SQS."""

    def __init__(self, *, fifo: bool = False) -> None:
        self.states = States(fifo=fifo)
        self.bodies: dict[int, str] = {}
        self.receives = 0
        self.gone = False
        self._arrived = asyncio.Event()

    def send(self, body: str, group: str | None = None) -> None:
        number = len(self.bodies) + 1
        self.bodies[number] = body
        self.states.add(Held(number, self._now_ms(), 0, group), self._now_ms())
        self._arrived.set()

    def counts(self) -> list[int]:
        """How often each message that is left was received."""
        return [held.count for held in self.states.messages.values()]

    async def receive(
        self,
        mapping: EventSourceMapping,
        count_max: int,
        *,
        wait_s: float,
        on_cancel: Callable[[Callable[[], None]], None],
    ) -> list[dict[str, Any]]:
        self.receives += 1
        loop = asyncio.get_running_loop()
        deadline, ended = loop.time() + wait_s, False

        def end() -> None:
            nonlocal ended
            ended = True
            self._arrived.set()

        on_cancel(end)
        while not self.gone:
            taken = self._take(mapping, count_max)
            due_ms = self.states.next_due_ms()
            until = deadline if due_ms is None else min(deadline, due_ms / 1000 + 0.001)
            if taken or ended or loop.time() >= deadline:
                return taken
            self._arrived.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._arrived.wait()
            except TimeoutError:
                pass
        raise LambdaError("QueueDoesNotExist", "gone")

    def _take(self, mapping: EventSourceMapping, count_max: int) -> list[dict[str, Any]]:
        now_ms = self._now_ms()
        self.states.advance(now_ms)
        taken, _ = self.states.take(count_max, now_ms + VISIBILITY_S * 1000, now_ms)
        return [
            {
                "MessageId": str(held.number),
                "ReceiptHandle": f"{held.number}",
                "Body": self.bodies[held.number],
                "MD5OfBody": "",
                "Attributes": {"MessageGroupId": held.group} if held.group else {},
            }
            for held in taken
        ]

    async def delete(self, mapping: EventSourceMapping, handles: Sequence[str]) -> None:
        for handle in handles:
            self.states.remove(int(handle))
        self._arrived.set()

    async def release(self, mapping: EventSourceMapping, handles: Sequence[str]) -> None:
        for handle in handles:
            held = self.states.messages[int(handle)]
            if held.state is State.IN_FLIGHT:
                self.states.set_due(held, 0, self._now_ms())

    async def visibility_s(self, mapping: EventSourceMapping) -> int:
        return VISIBILITY_S

    def _now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)


class ScriptedFunction:
    """`Runner` whose answers a test gives; it takes `takes_s` for each."""

    def __init__(self, *, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.answer: Callable[[bytes], Outcome | NotRun | LambdaError] = lambda _: SUCCEEDED
        self.payloads: list[bytes] = []
        self.running = self.running_most = 0
        self.problem = ""
        self.looped: frozenset[bytes] = frozenset()

    def check(self, mapping: EventSourceMapping) -> None:
        if self.problem:
            raise Problem(self.problem)

    def timeout_s(self, mapping: EventSourceMapping) -> float:
        return 3.0

    def step(self, mapping: EventSourceMapping, trace_id: bytes) -> bytes | None:
        return None if trace_id in self.looped else trace_id

    async def run(
        self, mapping: EventSourceMapping, payload: bytes, trace_id: bytes
    ) -> Outcome | NotRun | LambdaError:
        answer = self.answer(payload)
        if isinstance(answer, NotRun):
            return answer
        self.payloads.append(payload)
        self.running += 1
        self.running_most = max(self.running_most, self.running)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.running -= 1
        return answer


def around(function: ScriptedFunction, group: asyncio.TaskGroup) -> Around:
    return Around(function, LoopClock(), Tasks(group))
