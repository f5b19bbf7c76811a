"""The queue on a real database, in virtual time, with an invoker that does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lambent.clock import ManualClock
from lambent.domain.arns import Account
from lambent.domain.errors import (
    FunctionError,
    LambdaError,
    PlatformFault,
    resource_not_found,
    throttled,
)
from lambent.domain.event import AsyncEvent, Delivery
from lambent.domain.invocation import Invocation, Outcome
from lambent.domain.lineage import advance, count_of
from lambent.invoke.invoker import Invoker
from lambent.queue.async_queue import AsyncQueue
from lambent.store import events as rows
from lambent.store.database import Database
from lambent.tasks import Tasks

Result = Outcome | LambdaError
FAILURE = Outcome(b'{"errorMessage": "no"}', FunctionError(payload=b"", error_type="E"), "1", None)
SUCCESS = Outcome(b'"yes"', None, "1", None)


@dataclass
class ToldInvoker:
    """Answers each try with the next of the function's results, at once; then with SUCCESS."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    tried: list[tuple[str, str]] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    traces: list[bytes] = field(default_factory=list)

    def check(self, name: str, qualifier: str | None) -> None:
        if name == "absent":
            raise resource_not_found("Function not found: absent")

    def invoke(
        self,
        name: str,
        qualifier: str | None,
        invocation: Invocation,
        done: Callable[[Result], None],
    ) -> None:
        self.tried.append((name, invocation.request_id))
        self.payloads.append(invocation.payload)
        self.traces.append(invocation.trace_id)
        results = self.results.get(name)
        result = results.pop(0) if results else SUCCESS
        if isinstance(result, LambdaError):
            raise result
        done(result)


@dataclass
class ToldDeliveries:
    by_name: dict[str, Delivery] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    looping: set[str] = field(default_factory=set)

    def delivery(self, name: str, qualifier: str | None) -> Delivery:
        return self.by_name.get(name, Delivery())

    def step(self, name: str, trace_id: bytes) -> bytes:
        if name in self.looping:
            raise LambdaError("RecursiveInvocationException", "a loop", Type="User")
        return advance(trace_id, name)

    def is_blocked(self, name: str) -> bool:
        return name in self.blocked


@dataclass
class World:
    queue: AsyncQueue
    database: Database
    clock: ManualClock
    invoker: ToldInvoker
    deliveries: ToldDeliveries

    async def send(self, name: str, payload: bytes = b"{}") -> AsyncEvent:
        event = self.queue.new_event(name, None, payload)
        await self.queue.accept(event)
        await self.settle()
        return event

    async def settle(self) -> None:
        """Until everything that was written is on disk, and what follows from it ran."""
        for _ in range(5):
            await asyncio.sleep(0)
            await self.database.read(lambda connection: None)
            await self.database.write(lambda connection: None)
            await asyncio.sleep(0)

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.queue.dispatcher.pump()
        await self.settle()

    async def waiting(self) -> list[str]:
        return [row[0] for row in await self.database.read(rows.load_waiting)]

    async def discards(self) -> list[tuple[str, str, Any]]:
        found = await self.database.read(rows.load_discards)
        return [(name, target, json.loads(record)) for name, target, record, _ in found]


@asynccontextmanager
async def world(
    folder: Path, *, invoker: ToldInvoker | None = None, clock: ManualClock | None = None
) -> AsyncIterator[World]:
    database = Database(folder / "lambent.db")
    clock, invoker, deliveries = clock or ManualClock(), invoker or ToldInvoker(), ToldDeliveries()
    async with asyncio.TaskGroup() as group:
        await database.start()
        queue = AsyncQueue(
            account=Account(),
            database=database,
            invoker=cast("Invoker", invoker),
            deliveries=deliveries,
            clock=clock,
            tasks=Tasks(group),
        )
        await queue.start()
        one = World(queue, database, clock, invoker, deliveries)
        try:
            await one.settle()
            yield one
        finally:
            queue.close()
            await database.close()


async def test_an_accepted_event_runs_and_leaves_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        event = await one.send("f", b'{"n": 1}')
        assert one.invoker.tried == [("f", event.request_id)]
        assert one.invoker.payloads == [b'{"n": 1}']
        assert await one.waiting() == []
        assert await one.discards() == []


async def test_a_failing_event_is_tried_three_times_with_one_id_and_then_recorded(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE] * 3})) as one:
        event = await one.send("f")
        await one.later(59)
        assert len(one.invoker.tried) == 1
        await one.later(1)
        await one.later(119)
        assert len(one.invoker.tried) == 2
        await one.later(1)
        assert one.invoker.tried == [("f", event.request_id)] * 3
        assert await one.waiting() == []
        ((name, target, record),) = await one.discards()
        assert (name, target) == ("f", "")
        assert record["requestContext"] == {
            "requestId": event.request_id,
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        }
        assert record["responseContext"]["functionError"] == "Unhandled"
        assert record["responsePayload"] == {"errorMessage": "no"}


async def test_a_throttled_event_is_tried_until_it_runs(tmp_path: Path) -> None:
    throttle = throttled("ConcurrentInvocationLimitExceeded")
    async with world(tmp_path, invoker=ToldInvoker({"f": [throttle] * 2})) as one:
        await one.send("f")
        await one.later(1)
        assert len(one.invoker.tried) == 2
        await one.later(2)
        assert len(one.invoker.tried) == 3
        assert await one.waiting() == []


async def test_an_event_without_a_chance_is_discarded_at_its_age(tmp_path: Path) -> None:
    throttles: list[Result] = [throttled("ConcurrentInvocationLimitExceeded") for _ in range(99)]
    async with world(tmp_path, invoker=ToldInvoker({"f": throttles})) as one:
        one.deliveries.by_name["f"] = Delivery(age_s_max=60)
        await one.send("f")
        for _ in range(12):
            await one.later(5)
        ((_, _, record),) = await one.discards()
        assert record["requestContext"]["condition"] == "EventAgeExceeded"
        assert "responsePayload" not in record
        assert await one.waiting() == []


async def test_zero_reserved_concurrency_fails_it_without_a_try(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        one.deliveries.blocked.add("f")
        await one.send("f")
        assert one.invoker.tried == []
        ((_, _, record),) = await one.discards()
        assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"


async def test_a_function_as_destination_gets_the_record_as_an_event(tmp_path: Path) -> None:
    target = Account().function_arn("g")
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE]})) as one:
        one.deliveries.by_name["f"] = Delivery(retries_max=0, on_failure=target, on_success=target)
        await one.send("f", b"1")
        await one.send("f", b"2")
        failure, success = (json.loads(one.invoker.payloads[index]) for index in (1, 3))
        assert [name for name, _ in one.invoker.tried] == ["f", "g", "f", "g"]
        assert failure["requestContext"]["condition"] == "RetriesExhausted"
        assert success["requestContext"]["condition"] == "Success"
        assert (failure["requestPayload"], success["requestPayload"]) == (1, 2)
        assert await one.discards() == []


async def test_what_a_destination_cannot_take_is_kept(tmp_path: Path) -> None:
    queue_arn, gone = "arn:aws:sqs:us-east-1:000000000000:q", Account().function_arn("absent")
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE]})) as one:
        one.deliveries.by_name["f"] = Delivery(
            retries_max=0, on_failure=gone, dead_letter=queue_arn
        )
        await one.send("f")
        assert [target for _, target, _ in await one.discards()] == [gone, queue_arn]


async def test_after_a_restart_it_goes_on_where_it_was(tmp_path: Path) -> None:
    clock = ManualClock()
    async with world(tmp_path, clock=clock, invoker=ToldInvoker({"f": [FAILURE] * 2})) as one:
        event = await one.send("f", b'"kept"')
        assert await one.waiting() == [event.request_id]
    async with world(tmp_path, clock=clock, invoker=ToldInvoker({"f": [FAILURE]})) as one:
        await one.later(60)
        assert one.invoker.payloads == [b'"kept"']
        await one.later(120)
        assert len(one.invoker.tried) == 2
        assert await one.waiting() == []


async def test_a_throttled_function_does_not_delay_anothers_events(tmp_path: Path) -> None:
    throttles: list[Result] = [throttled("ConcurrentInvocationLimitExceeded") for _ in range(500)]
    async with world(tmp_path, invoker=ToldInvoker({"slow": throttles})) as one:
        for _ in range(50):
            await one.send("slow")
        event = await one.send("quick")
        assert one.invoker.tried[-1] == ("quick", event.request_id)


async def test_ten_thousand_expired_events_end_in_one_pump(tmp_path: Path) -> None:
    throttles: list[Result] = [throttled("ConcurrentInvocationLimitExceeded") for _ in range(3000)]
    async with world(tmp_path, invoker=ToldInvoker({"f": throttles})) as one:
        accepted = [one.queue.accept(one.queue.new_event("f", None, b"{}")) for _ in range(3000)]
        await asyncio.gather(*accepted)
        one.deliveries.by_name["f"] = Delivery(age_s_max=60)
        await one.later(60)
        await one.settle()
        assert len(await one.discards()) == 3000
        assert await one.waiting() == []


async def test_a_reset_forgets_every_event(tmp_path: Path) -> None:
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE]})) as one:
        await one.send("f")
        await one.queue.reset()
        await one.later(60)
        assert len(one.invoker.tried) == 1
        assert await one.waiting() == []


async def test_a_turn_of_a_loop_that_is_one_too_many_is_not_run_and_is_recorded(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as one:
        one.deliveries.looping.add("f")
        await one.send("f")
        assert one.invoker.tried == []
        ((_, _, record),) = await one.discards()
        assert record["requestContext"]["condition"] == "RecursiveInvocation"
        assert await one.waiting() == []


async def test_retries_of_one_event_are_one_turn_and_its_destination_goes_on_with_the_chain(
    tmp_path: Path,
) -> None:
    target = Account().function_arn("g")
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE] * 2})) as one:
        one.deliveries.by_name["f"] = Delivery(on_success=target)
        await one.send("f")
        await one.later(60)
        await one.later(120)
        assert [name for name, _ in one.invoker.tried] == ["f", "f", "f", "g"]
        assert [count_of(trace, "f") for trace in one.invoker.traces] == [1, 1, 1, 1]
        assert count_of(one.invoker.traces[-1], "g") == 1
        assert len({trace.partition(b";")[0] for trace in one.invoker.traces}) == 1


async def test_a_failure_that_leaves_no_time_for_a_retry_ends_with_its_response(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE]})) as one:
        one.deliveries.by_name["f"] = Delivery(age_s_max=60)
        await one.send("f")
        ((_, _, record),) = await one.discards()
        assert record["requestContext"]["condition"] == "EventAgeExceeded"
        assert record["requestContext"]["approximateInvokeCount"] == 1
        assert record["responsePayload"] == {"errorMessage": "no"}


async def test_an_event_whose_row_cannot_be_read_is_tried_again_later(tmp_path: Path) -> None:
    clock = ManualClock()
    async with world(tmp_path, clock=clock, invoker=ToldInvoker({"f": [FAILURE]})) as one:
        await one.send("f", b'"kept"')
    async with world(tmp_path, clock=clock) as one:
        read, refused = one.database.read, [True]

        async def failing(function: Any) -> Any:
            if refused:
                refused.clear()
                raise PlatformFault("the disk is gone for a moment")
            return await read(function)

        one.database.read = failing  # type: ignore[method-assign]
        await one.later(60)
        assert one.invoker.tried == []
        await one.later(5)
        assert one.invoker.payloads == [b'"kept"']
        assert await one.waiting() == []
