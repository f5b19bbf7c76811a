"""Message move tasks: what is in a dead-letter queue goes back, or elsewhere, in the background.

A task goes on after a restart. What it moves is new to the queue that it comes to: message id,
time and receive count begin anew. Source: Developer Guide, "Dead-letter queue redrive"; texts [LS]
test_sqs_move_task.snapshot.json.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lambent.domain.errors import LambdaError, PlatformFault
from lambent.domain.ids import new_request_id
from lambent.domain.request import Handler, RequestContext
from lambent.services.sqs.attributes import queue_of_arn
from lambent.services.sqs.errors import invalid_parameter, invalid_value, resource_not_found
from lambent.services.sqs.move_rows import (
    MoveTask,
    delete_task,
    load_sources,
    load_tasks,
    move_as_new,
    store_task,
)
from lambent.services.sqs.queues import Queue, Queues
from lambent.services.sqs.states import Held, State
from lambent.services.sqs.traffic import Traffic
from lambent.store.database import Database
from lambent.tasks import Tasks

Params = dict[str, Any]
Result = dict[str, Any]

PER_S_MAX = 500  # [B] MaxNumberOfMessagesPerSecond
RESULTS_MAX = 10  # [B] MaxResults
TASKS_MAX = 100
"""Tasks that are remembered."""
BATCH = 100
HOLD_MS = 30_000
_RUNNING = "RUNNING"


class _Failed(Exception):
    """The task cannot go on; the text is its FailureReason."""


class Moves:
    """All tasks. One task of a source runs at a time."""

    def __init__(self, queues: Queues, traffic: Traffic, database: Database, tasks: Tasks) -> None:
        self._queues = queues
        self._traffic = traffic
        self._database = database
        self._spawn = tasks.spawn
        self._tasks: dict[str, MoveTask] = {}
        self._cancelled: dict[str, asyncio.Event] = {}
        self._runs: set[asyncio.Task[None]] = set()

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "StartMessageMoveTask": self.start_message_move_task,
            "CancelMessageMoveTask": self.cancel_message_move_task,
            "ListMessageMoveTasks": self.list_message_move_tasks,
        }

    async def load(self) -> None:
        """Go on with what ran when the server ended."""
        self.stop()
        found = await self._database.read(load_tasks)
        self._tasks = {task.task_id: task for task in reversed(found)}
        for task in found:
            if task.status == _RUNNING:
                self._begin(task)

    def stop(self) -> None:
        """Leave the tasks where they are, for the next start."""
        for run in self._runs:
            run.cancel()

    # Operations

    async def start_message_move_task(self, params: Params, context: RequestContext) -> Result:
        source = self._find(params["SourceArn"], "SourceArn")
        destination_arn = params.get("DestinationArn")
        if destination_arn is not None:
            destination = self._find(destination_arn, "DestinationArn")
            if destination is source:
                raise invalid_parameter("Source and destination queues cannot be the same.")
            if destination.config.fifo != source.config.fifo:
                raise invalid_parameter("Source and destination queues must be of the same type.")
        per_s = params.get("MaxNumberOfMessagesPerSecond")
        if per_s is not None and not 1 <= per_s <= PER_S_MAX:
            raise invalid_value(
                per_s, "MaxNumberOfMessagesPerSecond", f"Must be between 1 and {PER_S_MAX}."
            )
        if not any(one.config.dead_letter_arn == source.arn for one in self._queues):
            raise invalid_parameter("Source queue must be configured as a Dead Letter Queue.")
        if self._running(source.arn) is not None:
            raise invalid_parameter(
                "There is already a task running. Only one active task is allowed for a source"
                " queue arn at a given time."
            )
        self._traffic.refresh(source)
        task = MoveTask(
            task_id=new_request_id(),
            source_arn=source.arn,
            destination_arn=destination_arn,
            per_s_max=per_s,
            status=_RUNNING,
            to_move=source.states.counts[State.VISIBLE],
            started_ms=self._queues.now_ms(),
        )
        self._tasks[task.task_id] = task
        await self._store(task)
        await self._trim()
        self._begin(task)
        return {"TaskHandle": _handle(task)}

    async def cancel_message_move_task(self, params: Params, context: RequestContext) -> Result:
        task_id, source_arn = _parse_handle(params["TaskHandle"])
        self._find(source_arn, "SourceArn")
        task = self._tasks.get(task_id)
        if task is None or task.source_arn != source_arn or task.status != _RUNNING:
            raise LambdaError("ResourceNotFoundException", "Task does not exist.")
        self._cancelled[task_id].set()
        return {"ApproximateNumberOfMessagesMoved": task.moved}

    async def list_message_move_tasks(self, params: Params, context: RequestContext) -> Result:
        source = self._find(params["SourceArn"], "SourceArn")
        limit = params.get("MaxResults", 1)
        if not 1 <= limit <= RESULTS_MAX:
            raise invalid_value(limit, "MaxResults", f"Must be between 1 and {RESULTS_MAX}.")
        found = [task for task in self._tasks.values() if task.source_arn == source.arn]
        return {"Results": [_describe(task) for task in reversed(found[-limit:])]}

    def _find(self, arn: str, parameter: str) -> Queue:
        if queue_of_arn(arn) is None:
            raise invalid_parameter(f"Value for parameter {parameter} is invalid.")
        queue = self._queues.find_arn(arn)
        if queue is None:
            raise resource_not_found(parameter)
        return queue

    def _running(self, source_arn: str) -> MoveTask | None:
        for task in self._tasks.values():
            if task.source_arn == source_arn and task.status == _RUNNING:
                return task
        return None

    # The work

    def _begin(self, task: MoveTask) -> None:
        self._cancelled[task.task_id] = asyncio.Event()
        run = self._spawn(self._run(task.task_id), name="move messages")
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def _run(self, task_id: str) -> None:
        cancelled = self._cancelled[task_id]
        status, failure = "COMPLETED", None
        try:
            while not cancelled.is_set() and await self._step(task_id):
                await self._pause(task_id, cancelled)
        except _Failed as error:
            status, failure = "FAILED", str(error)
        if cancelled.is_set() and status != "FAILED":
            status = "CANCELLED"
        del self._cancelled[task_id]
        await self._store(replace(self._tasks[task_id], status=status, failure=failure))

    async def _pause(self, task_id: str, cancelled: asyncio.Event) -> None:
        """One second between the parts of a task whose pace is limited."""
        if self._tasks[task_id].per_s_max is None:
            return
        try:
            await asyncio.wait_for(cancelled.wait(), 1.0)
        except TimeoutError:
            pass

    async def _step(self, task_id: str) -> bool:
        """Move some; whether there may be more."""
        task = self._tasks[task_id]
        source = self._queues.find_arn(task.source_arn)
        count = min(BATCH, task.per_s_max or BATCH, task.to_move - task.moved)
        if source is None:
            raise _Failed("AWS.SimpleQueueService.NonExistentQueue")
        if count <= 0:
            return False
        now_ms = self._traffic.refresh(source)
        held, _ = source.states.take(count, now_ms + HOLD_MS, now_ms)
        if not held:
            return False
        for one in held:
            one.count -= 1  # this is no receive
        try:
            targets = await self._targets(task, held)
            await self._move(task, source, targets)
        except (_Failed, PlatformFault):
            self._traffic.put_back(source, held)
            raise
        return self._tasks[task_id].moved < task.to_move

    async def _targets(self, task: MoveTask, held: Sequence[Held]) -> list[tuple[Held, Queue, int]]:
        """(message, the queue that it goes to, its new number)."""
        arns: dict[int, str | None] = dict.fromkeys(
            (one.number for one in held), task.destination_arn
        )
        if task.destination_arn is None:
            arns = await self._database.read(lambda c: load_sources(c, list(arns)))
        found = []
        for one in held:
            arn = arns[one.number]
            if arn is None:
                raise _Failed("CouldNotDetermineMessageSource")
            queue = self._queues.find_arn(arn)
            if queue is None:
                raise _Failed("AWS.SimpleQueueService.NonExistentQueue")
            found.append((one, queue, self._queues.numbers.next()))
        return found

    async def _move(
        self, task: MoveTask, source: Queue, targets: Sequence[tuple[Held, Queue, int]]
    ) -> None:
        now_ms = self._queues.now_ms()
        bins = [queue.row.bin for _, queue, _ in targets]
        task = replace(task, moved=task.moved + len(targets))

        def write(connection: sqlite3.Connection) -> None:
            for (held, _, number), bin_ in zip(targets, bins, strict=True):
                move_as_new(
                    connection,
                    held.number,
                    bin_=bin_,
                    as_number=number,
                    message_id=new_request_id(),
                    now_ms=now_ms,
                )
            store_task(connection, task)

        await self._database.write(write)
        self._tasks[task.task_id] = task
        for (held, queue, number), bin_ in zip(targets, bins, strict=True):
            source.states.remove(held.number)
            self._traffic.fresh.take(held.number)
            if queue.row.bin == bin_ and not queue.deleted:
                queue.states.add(Held(number, now_ms, now_ms, held.group), now_ms)
                self._traffic.wake(queue)
            else:
                self._queues.garbage.append(number)
        self._traffic.wake(source)

    async def _store(self, task: MoveTask) -> None:
        self._tasks[task.task_id] = task
        await self._database.write(lambda c: store_task(c, task))

    async def _trim(self) -> None:
        """Forget the oldest tasks that have ended."""
        ended = [one.task_id for one in self._tasks.values() if one.status != _RUNNING]
        for task_id in ended[: max(0, len(self._tasks) - TASKS_MAX)]:
            del self._tasks[task_id]
            await self._database.write(lambda c, id_=task_id: delete_task(c, id_))  # type: ignore[misc]


def _handle(task: MoveTask) -> str:
    text = json.dumps({"taskId": task.task_id, "sourceArn": task.source_arn})
    return base64.b64encode(text.encode()).decode()


def _parse_handle(handle: str) -> tuple[str, str]:
    """Task id and source ARN. Raises LambdaError."""
    try:
        parsed = json.loads(base64.b64decode(handle, validate=True))
        return str(parsed["taskId"]), str(parsed["sourceArn"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise invalid_parameter("Value for parameter TaskHandle is invalid.") from None


def _describe(task: MoveTask) -> dict[str, Any]:
    """A ListMessageMoveTasksResultEntry; only a task that runs has a handle. [LS]"""
    return {
        "TaskHandle": _handle(task) if task.status == _RUNNING else None,
        "Status": task.status,
        "SourceArn": task.source_arn,
        "DestinationArn": task.destination_arn,
        "MaxNumberOfMessagesPerSecond": task.per_s_max,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "FailureReason": task.failure,
        "StartedTimestamp": task.started_ms,
    }
