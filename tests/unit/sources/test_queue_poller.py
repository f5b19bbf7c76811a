"""The driver of a queue's mapping, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lambent.domain.invocation import Outcome
from lambent.sources.interface import NotRun
from lambent.sources.queue_poller import IDLE_WAIT_S, PROBLEM_PAUSE_S, QueuePoller
from lambent.sources.scaling import START
from tests.unit.sources.virtual import run_virtually
from tests.unit.sources.world import (
    FAILED,
    SUCCEEDED,
    VISIBILITY_S,
    MemoryQueue,
    ScriptedFunction,
    around,
    make_mapping,
)


class Scene:
    """One mapping at work."""

    def __init__(self, group: asyncio.TaskGroup, fifo: bool, options: dict[str, Any]) -> None:
        self.queue = MemoryQueue(fifo=fifo)
        self.function = ScriptedFunction()
        self.drained = 0
        arn = make_mapping().source_arn + (".fifo" if fifo else "")
        self.poller = QueuePoller(
            make_mapping(arn, **options), self.queue, around(self.function, group), self._drained
        )

    def _drained(self) -> None:
        self.drained += 1

    def bodies(self) -> list[list[str]]:
        """Of each batch that the function got."""
        return [
            [record["body"] for record in json.loads(payload)["Records"]]
            for payload in self.function.payloads
        ]


def play(act: Callable[[Scene], Awaitable[None]], *, fifo: bool = False, **options: Any) -> None:
    async def inside() -> None:
        async with asyncio.TaskGroup() as group:
            scene = Scene(group, fifo, options)
            await act(scene)
            scene.poller.stop()

    run_virtually(inside())


def test_an_idle_mapping_is_one_receive_that_waits() -> None:
    async def act(scene: Scene) -> None:
        scene.poller.start()
        await asyncio.sleep(10 * IDLE_WAIT_S + 1)
        assert scene.queue.receives == 11
        assert scene.poller.active == 1

    play(act)


def test_a_message_is_run_when_it_is_sent_and_deleted_when_it_was_run() -> None:
    async def act(scene: Scene) -> None:
        scene.poller.start()
        await asyncio.sleep(100)
        scene.queue.send("a")
        await asyncio.sleep(0.001)
        assert scene.bodies() == [["a"]]
        assert not scene.queue.states.messages
        assert scene.poller.result == "OK"

    play(act)


def test_five_batches_run_at_once_and_then_300_more_a_minute() -> None:
    async def act(scene: Scene) -> None:
        scene.function.takes_s = 900
        for number in range(5_000):
            scene.queue.send(str(number))
        scene.poller.start()
        await asyncio.sleep(0.1)
        assert scene.function.running == START
        await asyncio.sleep(60)
        assert START + 290 <= scene.function.running <= START + 301

    play(act)


def test_maximum_concurrency_is_never_passed() -> None:
    async def act(scene: Scene) -> None:
        scene.function.takes_s = 5
        for number in range(400):
            scene.queue.send(str(number))
        scene.poller.start()
        await asyncio.sleep(400)
        assert scene.function.running_most == 2
        assert not scene.queue.states.messages

    play(act, ScalingConfig={"MaximumConcurrency": 2})


def test_a_window_gathers_until_it_is_over_or_the_batch_is_full() -> None:
    async def act(scene: Scene) -> None:
        scene.poller.start()
        for number in range(3):
            scene.queue.send(str(number))
            await asyncio.sleep(4)
        assert scene.bodies() == [["0", "1", "2"]]
        for number in range(25):
            scene.queue.send(str(number))
        await asyncio.sleep(1)
        assert [len(one) for one in scene.bodies()] == [3, 20]
        await asyncio.sleep(10)
        assert [len(one) for one in scene.bodies()] == [3, 20, 5]

    play(act, BatchSize=20, MaximumBatchingWindowInSeconds=10)


def test_messages_beyond_6_mb_make_batches_of_their_own() -> None:
    async def act(scene: Scene) -> None:
        for _ in range(10):
            scene.queue.send("x" * 1_000_000)
        scene.poller.start()
        await asyncio.sleep(1)
        assert [len(one) for one in scene.bodies()] == [6, 4]
        assert not scene.queue.states.messages

    play(act)


def test_what_failed_comes_again_after_the_visibility_timeout() -> None:
    async def act(scene: Scene) -> None:
        scene.function.answer = lambda _: FAILED
        scene.queue.send("a")
        scene.poller.start()
        await asyncio.sleep(1)
        assert scene.poller.result == "PROBLEM: Function call failed"
        scene.function.answer = lambda _: SUCCEEDED
        await asyncio.sleep(VISIBILITY_S - 2)
        assert len(scene.bodies()) == 1
        await asyncio.sleep(2)
        assert len(scene.bodies()) == 2
        assert not scene.queue.states.messages

    play(act)


def test_only_the_failures_that_a_function_reports_stay() -> None:
    answer = json.dumps({"batchItemFailures": [{"itemIdentifier": "2"}]}).encode()

    async def act(scene: Scene) -> None:
        scene.function.answer = lambda _: Outcome(answer, None, "$LATEST", None)
        for body in "abc":
            scene.queue.send(body)
        scene.poller.start()
        await asyncio.sleep(1)
        assert list(scene.queue.states.messages) == [2]

    play(act, FunctionResponseTypes=["ReportBatchItemFailures"])


def test_a_throttled_batch_is_held_and_no_more_is_received_than_can_run() -> None:
    async def act(scene: Scene) -> None:
        scene.function.answer = lambda _: NotRun("Rate Exceeded.")
        for number in range(1_000):
            scene.queue.send(str(number))
        scene.poller.start()
        await asyncio.sleep(20)
        assert scene.poller.result == "PROBLEM: Rate Exceeded."
        received = [count for count in scene.queue.counts() if count]
        assert set(received) == {1}
        assert len(received) <= START * 10
        scene.function.answer = lambda _: SUCCEEDED
        await asyncio.sleep(60)
        assert not scene.queue.states.messages

    play(act)


def test_throttled_for_ever_a_message_is_received_once_a_visibility_timeout() -> None:
    async def act(scene: Scene) -> None:
        scene.function.answer = lambda _: NotRun("Rate Exceeded.")
        scene.queue.send("a")
        scene.poller.start()
        await asyncio.sleep(10 * VISIBILITY_S)
        assert 9 <= scene.queue.counts()[0] <= 11

    play(act)


def test_a_stop_gives_back_what_is_throttled_and_waits_for_what_runs() -> None:
    async def act(scene: Scene) -> None:
        scene.function.takes_s = 10
        scene.queue.send("a")
        scene.poller.start()
        await asyncio.sleep(1)
        scene.function.answer = lambda _: NotRun("Rate Exceeded.")
        scene.queue.send("b")
        await asyncio.sleep(1)
        scene.poller.stop()
        await asyncio.sleep(0)
        assert scene.drained == 0
        await asyncio.sleep(10)
        assert scene.drained == 1
        scene.queue.states.advance(0)
        assert list(scene.queue.states.messages) == [2]
        assert scene.queue.states.has_ready()

    play(act)


@pytest.mark.parametrize("kind", ["function", "queue"])
def test_what_cannot_be_polled_is_tried_again_ever_more_seldom(kind: str) -> None:
    async def act(scene: Scene) -> None:
        scene.function.problem = "no function" if kind == "function" else ""
        scene.queue.gone = kind == "queue"
        scene.poller.start()
        await asyncio.sleep(100)
        assert (scene.poller.result or "").startswith("PROBLEM: ")
        assert scene.queue.receives <= 100 / PROBLEM_PAUSE_S[1] + 6
        scene.function.problem, scene.queue.gone = "", False
        scene.queue.send("a")
        await asyncio.sleep(PROBLEM_PAUSE_S[1])
        assert scene.bodies() == [["a"]]

    play(act)


def test_a_group_waits_for_its_failure_and_others_do_not() -> None:
    async def act(scene: Scene) -> None:
        failing = True
        scene.function.answer = lambda body: FAILED if b'"a0"' in body and failing else SUCCEEDED
        for number in range(3):
            scene.queue.send(f"a{number}", "a")
        scene.poller.start()
        await asyncio.sleep(1)
        for number in range(3):
            scene.queue.send(f"b{number}", "b")
        await asyncio.sleep(1)
        assert scene.bodies() == [["a0", "a1"], ["b0", "b1"], ["b2"]]
        failing = False
        await asyncio.sleep(VISIBILITY_S)
        assert scene.bodies()[3:] == [["a0", "a1"], ["a2"]]

    play(act, fifo=True, BatchSize=2)


def test_what_a_filter_refuses_is_deleted_and_never_run() -> None:
    async def act(scene: Scene) -> None:
        scene.queue.send('{"n": 1}')
        scene.queue.send('{"n": 2}')
        scene.poller.start()
        await asyncio.sleep(1)
        assert scene.bodies() == [['{"n": 2}']]
        assert not scene.queue.states.messages

    play(act, FilterCriteria={"Filters": [{"Pattern": '{"body": {"n": [2]}}'}]})


def test_a_change_holds_from_the_next_batch_on() -> None:
    async def act(scene: Scene) -> None:
        scene.poller.start()
        await asyncio.sleep(1)
        scene.poller.change(make_mapping(BatchSize=1))
        await asyncio.sleep(1)
        scene.queue.send("a")
        scene.queue.send("b")
        await asyncio.sleep(1)
        assert scene.bodies() == [["a"], ["b"]]

    play(act)


def test_messages_that_a_waiting_receive_gets_after_the_role_lost_it_go_back() -> None:
    async def act(scene: Scene) -> None:
        scene.poller.start()
        await asyncio.sleep(1)
        scene.function.problem = "no permission"
        scene.queue.send("a")
        await asyncio.sleep(1)
        assert scene.bodies() == []
        assert scene.queue.states.has_ready()
        scene.function.problem = ""
        await asyncio.sleep(PROBLEM_PAUSE_S[1])
        assert scene.bodies() == [["a"]]

    play(act)


def test_what_a_window_gathered_is_run_when_the_queue_goes_away() -> None:
    async def act(scene: Scene) -> None:
        scene.poller.start()
        scene.queue.send("a")
        await asyncio.sleep(1)
        scene.queue.gone = True
        await asyncio.sleep(10)
        assert scene.bodies() == [["a"]]

    play(act, BatchSize=20, MaximumBatchingWindowInSeconds=5)
