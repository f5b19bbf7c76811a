"""What an operator sees of the queue of events, and does to it."""

from __future__ import annotations

from pathlib import Path

from lambent.domain.errors import LambdaError
from lambent.queue.operator import QueueOperator
from tests.unit.queue.test_async_queue import FAILURE, ToldInvoker, World, world

THROTTLE = LambdaError("TooManyRequestsException", "Rate Exceeded.")


def operator(one: World) -> QueueOperator:
    return QueueOperator(one.queue, one.database, one.clock)


async def test_the_queue_is_told_by_function(tmp_path: Path) -> None:
    told = ToldInvoker({"fails": [FAILURE], "full": [THROTTLE] * 2})
    async with world(tmp_path, invoker=told) as one:
        await one.send("fails")
        one.clock.advance(5)
        await one.send("full")
        await one.send("full")
        await one.send("fine")
        assert (await operator(one).summary())["functions"] == [
            {
                "FunctionName": "fails",
                "Depth": 1,
                "Running": 0,
                "Failing": 1,
                "OldestSeconds": 5.0,
                "Discards": 0,
            },
            {
                "FunctionName": "full",
                "Depth": 2,
                "Running": 0,
                "Failing": 1,
                "OldestSeconds": 0.0,
                "Discards": 0,
            },
        ]


async def test_a_functions_events_are_told_one_by_one(tmp_path: Path) -> None:
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE]})) as one:
        event = await one.send("f", b'{"n": 1}')
        assert (await operator(one).describe("f"))["Events"] == [
            {
                "RequestId": event.request_id,
                "Qualifier": None,
                "AcceptedAt": "2023-11-14T22:13:20.000+0000",
                "DueAt": "2023-11-14T22:14:20.000+0000",
                "Attempts": 1,
                "Throttles": 0,
                "PayloadBytes": 8,
            }
        ]


async def test_what_is_dropped_is_not_tried_again_and_others_are(tmp_path: Path) -> None:
    told = ToldInvoker({"f": [FAILURE], "g": [FAILURE]})
    async with world(tmp_path, invoker=told) as one:
        await one.send("f")
        await one.send("g")
        answer = await operator(one).drop("f")
        assert answer == {"FunctionName": "f", "Events": 1, "Discards": 0}
        await one.later(60)
        assert [name for name, _ in one.invoker.tried] == ["f", "g", "g"]
        assert await one.waiting() == []


async def test_what_waits_is_tried_at_once_with_the_same_id(tmp_path: Path) -> None:
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE]})) as one:
        event = await one.send("f")
        answer = await operator(one).retry("f")
        await one.settle()
        assert answer == {"FunctionName": "f", "Events": 1, "Discards": 0}
        assert one.invoker.tried == [("f", event.request_id)] * 2
        assert await one.waiting() == []


async def test_a_failure_that_nothing_took_becomes_an_event_again(tmp_path: Path) -> None:
    async with world(tmp_path, invoker=ToldInvoker({"f": [FAILURE] * 3})) as one:
        await one.send("f", b'{"n": 1}')
        await one.later(60)
        await one.later(120)
        assert (await operator(one).summary())["functions"][0]["Discards"] == 1
        shown = (await operator(one).describe("f"))["Discards"]
        assert [one["Record"]["requestPayload"] for one in shown] == [{"n": 1}]
        answer = await operator(one).retry("f")
        await one.settle()
        assert answer == {"FunctionName": "f", "Events": 0, "Discards": 1}
        assert one.invoker.payloads == [b'{"n": 1}'] * 4
        assert await one.discards() == []
        assert await one.waiting() == []


async def test_discards_are_dropped_with_the_events(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        one.deliveries.blocked.add("f")
        await one.send("f")
        answer = await operator(one).drop("f")
        assert answer == {"FunctionName": "f", "Events": 0, "Discards": 1}
        assert await operator(one).summary() == {"functions": [], "deliveries": []}


async def test_messages_that_wait_for_other_targets_are_counted(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        waiting = {"arn:b": 2, "arn:a": 1}
        shown = QueueOperator(one.queue, one.database, one.clock, lambda: waiting)
        assert (await shown.summary())["deliveries"] == [
            {"TargetArn": "arn:a", "Depth": 1},
            {"TargetArn": "arn:b", "Depth": 2},
        ]
