"""SQS's driver over a real database, in virtual time and across restarts."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from lambent.clock import ManualClock
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.domain.request import RequestContext
from lambent.policy.principal import root_of
from lambent.services.sqs import Sqs
from lambent.store.database import Database
from lambent.tasks import Tasks

ENDPOINT = "http://127.0.0.1:4566"
DAY_S = 86_400


class World:
    """One SQS on a folder; `restart` makes a new one of what is on disk."""

    def __init__(self, folder: Path, group: asyncio.TaskGroup) -> None:
        self.clock = ManualClock()
        self._path = folder / "lambent.db"
        self._tasks = Tasks(group)
        self.database = Database(self._path)

    async def start(self) -> None:
        self.database = Database(self._path)
        await self.database.start()
        self.sqs = Sqs(self.database, Account(), self.clock, self._tasks)
        await self.sqs.load()

    async def stop(self) -> None:
        self.sqs.stop()
        await self.database.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def call(self, operation: str, queue: str | None = None, **params: Any) -> dict[str, Any]:
        account = Account()
        context = RequestContext(
            account=account,
            request_id="id",
            endpoint=ENDPOINT,
            principal=root_of(account.account_id),
        )
        if queue is not None:
            params["QueueUrl"] = f"{ENDPOINT}/000000000000/{queue}"
        return await self.sqs.operations[operation](params, context)

    async def create(self, name: str, **attributes: str) -> str:
        await self.call("CreateQueue", QueueName=name, Attributes=attributes)
        return name

    async def send(self, queue: str, body: str, **params: Any) -> dict[str, Any]:
        return await self.call("SendMessage", queue, MessageBody=body, **params)

    async def receive(self, queue: str, **params: Any) -> list[dict[str, Any]]:
        answer = await self.call("ReceiveMessage", queue, MaxNumberOfMessages=10, **params)
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    async def bodies(self, queue: str) -> list[str]:
        return [one["Body"] for one in await self.receive(queue)]

    async def counts(self, queue: str) -> tuple[int, ...]:
        answer = await self.call("GetQueueAttributes", queue, AttributeNames=["All"])
        names = ("", "NotVisible", "Delayed")
        return tuple(
            int(answer["Attributes"][f"ApproximateNumberOfMessages{name}"]) for name in names
        )

    async def rows(self, table: str) -> int:
        count: int = await self.database.read(
            lambda c: c.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        )
        return count


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    async with asyncio.TaskGroup() as group:
        one = World(folder, group)
        await one.start()
        try:
            yield one
        finally:
            await one.stop()


def in_a_world(test: Callable[[World], Awaitable[None]]) -> Callable[[Path], None]:
    """Run a coroutine with a world of its own."""

    @wraps(test)
    def run(tmp_path: Path) -> None:
        async def inside() -> None:
            async with world(tmp_path) as one:
                await test(one)

        asyncio.run(inside())

    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter("tmp_path", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    )
    return run


@in_a_world
async def test_sqs_states_are_the_same_after_a_restart(one: World) -> None:
    queue = await one.create("q", VisibilityTimeout="30")
    for body in ("a", "b", "c"):
        await one.send(queue, body)
    await one.send(queue, "later", DelaySeconds=60)
    [held] = (await one.call("ReceiveMessage", queue))["Messages"]
    assert await one.counts(queue) == (2, 1, 1)
    await one.restart()
    assert await one.counts(queue) == (2, 1, 1)
    await one.call("DeleteMessage", queue, ReceiptHandle=held["ReceiptHandle"])
    assert await one.bodies(queue) == ["b", "c"]
    one.clock.advance(31)
    await one.restart()
    again = await one.receive(queue, AttributeNames=["ApproximateReceiveCount"])
    assert [one_["Body"] for one_ in again] == ["b", "c"]
    assert {one_["Attributes"]["ApproximateReceiveCount"] for one_ in again} == {"2"}
    one.clock.advance(60)
    assert sorted(await one.bodies(queue)) == ["b", "c", "later"]


@in_a_world
async def test_sqs_deduplication_ends_after_five_minutes_also_across_a_restart(
    one: World,
) -> None:
    queue = await one.create("q.fifo", FifoQueue="true")

    async def send() -> str:
        answer = await one.send(queue, "x", MessageGroupId="g", MessageDeduplicationId="d")
        return str(answer["SequenceNumber"])

    first = await send()
    await one.restart()
    one.clock.advance(299)
    assert await send() == first
    one.clock.advance(2)
    assert int(await send()) > int(first)
    assert await one.counts(queue) == (2, 0, 0)
    one.clock.advance(301)
    await one.sqs.sweep()
    assert await one.rows("sqs_sent") == 0


@in_a_world
async def test_sqs_messages_are_gone_when_their_retention_ends(one: World) -> None:
    queue = await one.create("q", MessageRetentionPeriod="60")
    await one.send(queue, "old")
    one.clock.advance(59)
    await one.send(queue, "new")
    one.clock.advance(1)
    assert await one.counts(queue) == (1, 0, 0)
    assert await one.bodies(queue) == ["new"]
    await one.sqs.sweep()
    assert await one.rows("sqs_messages") == 1
    one.clock.advance(60)
    await one.sqs.sweep()
    assert await one.rows("sqs_messages") == 0
    assert await one.rows("sqs_receives") == 0


@in_a_world
async def test_sqs_a_longer_retention_holds_for_what_is_there(one: World) -> None:
    queue = await one.create("q", MessageRetentionPeriod="60")
    await one.send(queue, "x")
    await one.call("SetQueueAttributes", queue, Attributes={"MessageRetentionPeriod": "1209600"})
    one.clock.advance(13 * DAY_S)
    assert await one.bodies(queue) == ["x"]


@in_a_world
async def test_sqs_what_is_purged_or_deleted_leaves_the_disk(one: World) -> None:
    queue, gone = await one.create("q"), await one.create("gone")
    for number in range(20):
        await one.send(queue, str(number))
        await one.send(gone, str(number))
    await one.call("PurgeQueue", queue)
    await one.call("DeleteQueue", gone)
    await one.send(queue, "kept")
    await one.restart()  # before anything was swept
    assert await one.rows("sqs_messages") == 41
    assert await one.create("gone") == "gone"
    assert await one.bodies("gone") == []
    await one.sqs.sweep()
    assert await one.rows("sqs_messages") == 1
    assert await one.bodies(queue) == ["kept"]


@in_a_world
async def test_sqs_dead_letters_are_where_they_were_moved_after_a_restart(one: World) -> None:
    """The age of a dead letter begins with its first send: Developer Guide, "Setting-up
    dead-letter queue retention"."""
    dead = await one.create("dead", MessageRetentionPeriod="100")
    policy = (
        '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 1}'
    )
    queue = await one.create("q", RedrivePolicy=policy)
    await one.send(queue, "x")
    one.clock.advance(50)
    assert len(await one.receive(queue, VisibilityTimeout=0)) == 1
    assert await one.receive(queue) == []
    await one.restart()
    assert await one.counts(dead) == (1, 0, 0)
    assert await one.counts(queue) == (0, 0, 0)
    one.clock.advance(50)
    assert await one.counts(dead) == (0, 0, 0)


@in_a_world
async def test_sqs_a_letter_stays_where_its_dead_letter_queue_is_gone(one: World) -> None:
    await one.create("dead")
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}'
    queue = await one.create("q", RedrivePolicy=policy)
    await one.call("DeleteQueue", "dead")
    await one.send(queue, "x")
    for _ in range(3):
        assert len(await one.receive(queue, VisibilityTimeout=0)) == 1


@in_a_world
async def test_sqs_a_task_that_moves_goes_on_after_a_restart(one: World) -> None:
    await one.create("dead")
    arn = "arn:aws:sqs:us-east-1:000000000000:"
    policy = f'{{"deadLetterTargetArn": "{arn}dead", "maxReceiveCount": 1}}'
    await one.create("q", RedrivePolicy=policy)
    await one.create("to")
    for number in range(3):
        await one.send("dead", str(number))
    await one.call(
        "StartMessageMoveTask",
        SourceArn=f"{arn}dead",
        DestinationArn=f"{arn}to",
        MaxNumberOfMessagesPerSecond=500,
    )
    await asyncio.sleep(0)  # it has begun
    await one.restart()
    while True:
        [task] = (await one.call("ListMessageMoveTasks", SourceArn=f"{arn}dead"))["Results"]
        if task["Status"] != "RUNNING":
            break
        one.clock.advance(31)  # what was in the hand of the task that ended comes back
        await one.rows("sqs_moves")
    assert task["Status"] == "COMPLETED"
    assert await one.counts("dead") == (0, 0, 0)
    assert sorted(await one.bodies("to")) == ["0", "1", "2"]


@in_a_world
async def test_sqs_one_who_waits_gets_nothing_when_the_server_ends(one: World) -> None:
    queue = await one.create("q")
    waits = asyncio.ensure_future(one.receive(queue, WaitTimeSeconds=20))
    while not one.sqs.queues.by_name(queue).waiters:
        await asyncio.sleep(0)
    one.sqs.stop()
    assert await waits == []


@in_a_world
async def test_sqs_a_receiver_that_leaves_takes_no_message_along(one: World) -> None:
    queue = await one.create("q")
    local = one.sqs.local
    left: list[Callable[[], None]] = []
    arn = "arn:aws:sqs:us-east-1:000000000000:q"
    waits = asyncio.ensure_future(local.receive(arn, 1, wait_s=20, on_cancel=left.append))
    while not left:
        await asyncio.sleep(0)
    left[0]()
    await one.send(queue, "x")
    assert await waits == []
    assert await one.bodies(queue) == ["x"]


@in_a_world
async def test_sqs_bodies_are_read_from_the_disk_where_memory_holds_none(one: World) -> None:
    queue = await one.create("q")
    for number in range(5):
        await one.send(queue, str(number))
    one.sqs.traffic.fresh.clear()
    assert await one.bodies(queue) == ["0", "1", "2", "3", "4"]


@in_a_world
async def test_sqs_other_rooms_write_with_their_own_transaction(one: World) -> None:
    await one.create("q")
    arn = "arn:aws:sqs:us-east-1:000000000000:q"
    attributes = {"a": {"DataType": "String", "StringValue": "b"}}
    landing = one.sqs.local.prepare(arn, "x", attributes=attributes, trace="Root=1")
    future = one.database.submit(landing.write)
    future.add_done_callback(landing.settle_by)
    await future
    [message] = await one.sqs.local.receive(arn, 10)
    assert (message["Body"], message["MessageAttributes"]) == ("x", attributes)
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1"
    assert await one.sqs.local.delete(arn, [message["ReceiptHandle"]]) == [None]
    failed = one.sqs.local.prepare(arn, "never")

    def write(connection: Any) -> None:
        failed.write(connection)
        raise ValueError("on purpose")

    future = one.database.submit(write)
    future.add_done_callback(failed.settle_by)
    with pytest.raises(ValueError, match="on purpose"):
        await future
    assert await one.counts("q") == (0, 0, 0)
    with pytest.raises(LambdaError):
        one.sqs.local.prepare(f"{arn}-none", "x")


@in_a_world
async def test_sqs_a_reset_leaves_no_queue_and_no_row(one: World) -> None:
    queue = await one.create("q")
    await one.send(queue, "x")
    await one.sqs.reset()
    assert (await one.call("ListQueues"))["QueueUrls"] == []
    for table in ("sqs_queues", "sqs_messages", "sqs_receives", "sqs_sent", "sqs_moves"):
        assert await one.rows(table) == 0
