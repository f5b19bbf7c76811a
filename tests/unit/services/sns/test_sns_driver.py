"""SNS over a real database, in virtual time and across restarts."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambent.clock import ManualClock
from lambent.domain.arns import Account
from lambent.queue.targets import Letter
from lambent.services.delivery.courier import Courier
from lambent.services.sns import Sns
from lambent.services.sns.topics import TOKEN_S
from lambent.services.sqs import Sqs
from lambent.store.database import Database
from lambent.tasks import Tasks
from tests.unit.services.calling import Caller

HALF_S = 150.0
"""Half of the time that deduplication remembers."""


@dataclass
class World:
    sns: Sns
    sqs: Sqs
    courier: Courier
    database: Database
    clock: ManualClock
    call: Caller
    queues: Caller

    async def make_queue(self, name: str, **attributes: str) -> str:
        await self.queues("CreateQueue", QueueName=name, Attributes=attributes)
        return f"arn:aws:sqs:us-east-1:000000000000:{name}"

    async def publish(self, topic: str, message: str, **more: str) -> str:
        answer = await self.call("Publish", TopicArn=topic, Message=message, **more)
        await self.settle()
        return str(answer["MessageId"])

    async def received(self, arn: str) -> list[str]:
        found = await self.sqs.local.receive(arn, 10, visibility_s=0)
        return [one["Body"] for one in found]

    async def settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)
            await self.database.read(lambda connection: None)
            await self.database.write(lambda connection: None)


class AsModelled(Caller):
    """Without what is None, as serialisation leaves it out."""

    def __init__(self, service: str, operations: Any) -> None:
        super().__init__(service, {name: without_none(one) for name, one in operations.items()})


def without_none(handler: Any) -> Any:
    async def call(params: Any, context: Any) -> dict[str, Any]:
        result = await handler(params, context)
        return {name: value for name, value in result.items() if value is not None}

    return call


@asynccontextmanager
async def sns_world(folder: Path, clock: ManualClock | None = None) -> AsyncIterator[World]:
    database, clock, account = Database(folder / "lambent.db"), clock or ManualClock(), Account()
    await database.start()
    async with asyncio.TaskGroup() as group:
        tasks = Tasks(group)
        sqs = Sqs(database, account, clock, tasks)
        courier = Courier(
            account=account,
            database=database,
            clock=clock,
            tasks=tasks,
            targets={"sqs": sqs.target},
        )
        sns = Sns(database, account, clock, courier=courier, root=folder)
        courier.targets["sns"] = sns.target
        await sqs.load()
        await sns.load()
        await courier.start()
        calls = AsModelled("sns", sns.operations), AsModelled("sqs", sqs.operations)
        yield World(sns, sqs, courier, database, clock, *calls)
        courier.close()
        sns.stop()
        sqs.stop()
    await database.close()


async def make_fifo(world: World) -> tuple[str, str]:
    kind = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    made = await world.call("CreateTopic", Name="t.fifo", Attributes=kind)
    queue = await world.make_queue("q.fifo", FifoQueue="true")
    asked = {"TopicArn": made["TopicArn"], "Protocol": "sqs", "Endpoint": queue}
    await world.call("Subscribe", **asked, Attributes={"RawMessageDelivery": "true"})
    return str(made["TopicArn"]), queue


def test_sns_remembers_duplicates_for_five_minutes_across_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with sns_world(tmp_path, clock) as world:
            topic, queue = await make_fifo(world)
            first = await world.publish(topic, "a", MessageGroupId="g")
        clock.advance(HALF_S)
        async with sns_world(tmp_path, clock) as world:
            assert await world.publish(topic, "a", MessageGroupId="g") == first
            clock.advance(HALF_S)
            await world.sns.sweep()
            assert await world.publish(topic, "a", MessageGroupId="g") != first
            assert await world.received(queue) == ["a", "a"]

    asyncio.run(scenario())


def test_sns_a_fifo_topic_writes_into_its_queues_with_its_own_transaction(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sns_world(tmp_path) as world:
            topic, queue = await make_fifo(world)
            world.courier.stop()
            await world.publish(topic, "a", MessageGroupId="g")
            assert await world.received(queue) == ["a"]
            assert world.courier.dispatcher.depths() == {}

    asyncio.run(scenario())


def test_sns_a_publication_that_was_not_stored_is_no_duplicate(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sns_world(tmp_path) as world:
            topic, queue = await make_fifo(world)

            def refuse(connection: sqlite3.Connection) -> None:
                connection.execute(
                    "CREATE TEMP TRIGGER full BEFORE INSERT ON main.sns_published"
                    " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
                )

            await world.database.write(refuse)
            try:
                await world.publish(topic, "a", MessageGroupId="g")
            except sqlite3.IntegrityError:
                pass
            else:
                raise AssertionError("it was stored")
            await world.database.write(lambda c: c.execute("DROP TRIGGER temp.full") and None)
            await world.publish(topic, "a", MessageGroupId="g")
            assert await world.received(queue) == ["a"]

    asyncio.run(scenario())


def test_sns_what_was_published_before_a_kill_is_delivered_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sns_world(tmp_path) as world:
            topic = (await world.call("CreateTopic", Name="t"))["TopicArn"]
            queue = await world.make_queue("q")
            asked = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue}
            await world.call("Subscribe", **asked, Attributes={"RawMessageDelivery": "true"})
            world.courier.stop()
            await world.publish(topic, "kept")
            assert await world.received(queue) == []
        async with sns_world(tmp_path) as world:
            await world.settle()
            assert await world.received(queue) == ["kept"]

    asyncio.run(scenario())


class Endpoint:
    """A server in this loop that answers by a list of statuses."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.bodies: list[dict[str, Any]] = []
        self.came = asyncio.Event()
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        status = self.statuses.pop(0) if self.statuses else 200
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
        await writer.drain()
        writer.close()
        self.came.set()

    async def take(self) -> dict[str, Any]:
        await asyncio.wait_for(self.came.wait(), 60)
        self.came.clear()
        return self.bodies.pop(0)


@asynccontextmanager
async def endpoint_here() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    server = await asyncio.start_server(endpoint.answer, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield endpoint
    server.close()
    await server.wait_closed()


async def delivered(world: World, count: int) -> None:
    """Until the outbox has `count` messages that wait for their time, and none on its way."""
    while True:
        await world.settle()
        if sum(world.courier.dispatcher.depths().values()) == count:
            return


def test_sns_waits_between_tries_as_the_delivery_policy_says(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sns_world(tmp_path) as world, endpoint_here() as endpoint:
            topic = (await world.call("CreateTopic", Name="t"))["TopicArn"]
            policy = json.dumps({"healthyRetryPolicy": {"numRetries": 2, "minDelayTarget": 20}})
            asked = {"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint.url}
            await world.call("Subscribe", **asked, Attributes={"DeliveryPolicy": policy})
            token = (await endpoint.take())["Token"]
            await delivered(world, 0)
            await world.call("ConfirmSubscription", TopicArn=topic, Token=token)
            endpoint.statuses[:] = [500, 500, 200]
            await world.publish(topic, "patience")
            await endpoint.take()
            for _ in range(2):
                await stored_tries(world)
                world.clock.advance(19.9)
                world.courier.dispatcher.pump()
                await world.settle()
                assert not endpoint.bodies
                world.clock.advance(0.2)
                world.courier.dispatcher.pump()
                assert (await endpoint.take())["Message"] == "patience"
            await delivered(world, 0)

    asyncio.run(scenario())


async def stored_tries(world: World) -> None:
    """Until the message that failed waits on disk for a time that is yet to come."""

    def waits(connection: sqlite3.Connection) -> bool:
        [due_s] = connection.execute("SELECT due_s FROM outbox").fetchone() or [0.0]
        return bool(due_s > world.clock.wall_s())

    while not await world.database.read(waits):
        await asyncio.sleep(0)
    await world.settle()


def test_sns_forgets_subscriptions_that_nobody_confirms_within_two_days(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sns_world(tmp_path) as world, endpoint_here() as endpoint:
            topic = (await world.call("CreateTopic", Name="t"))["TopicArn"]
            asked = {"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint.url}
            await world.call("Subscribe", **asked)
            token = (await endpoint.take())["Token"]
            await delivered(world, 0)
            world.clock.advance(TOKEN_S - 1)
            await world.sns.sweep()
            listed = await world.call("ListSubscriptionsByTopic", TopicArn=topic)
            assert len(listed["Subscriptions"]) == 1
            world.clock.advance(1)
            await world.sns.sweep()
            listed = await world.call("ListSubscriptionsByTopic", TopicArn=topic)
            assert listed["Subscriptions"] == []
            confirm = {"TopicArn": topic, "Token": token}
            refused = await world.call.refused("ConfirmSubscription", **confirm)
            assert refused == ("InvalidParameterException", "Invalid parameter: Token")

    asyncio.run(scenario())


def test_sns_topics_publish_what_other_services_send(tmp_path: Path) -> None:
    """Another service's letter is published as any message is."""

    async def scenario() -> None:
        async with sns_world(tmp_path) as world:
            topic = (await world.call("CreateTopic", Name="t"))["TopicArn"]
            queue = await world.make_queue("q")
            asked = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue}
            await world.call("Subscribe", **asked)
            attributes = {"a": {"DataType": "Binary", "BinaryValue": b"\x00"}}
            letter = Letter(body="letter", attributes=attributes, trace="Root=1-2")
            landing = world.sns.target.prepare(topic, letter)
            assert landing is not None
            future = world.database.submit(landing.write)
            future.add_done_callback(landing.settle_by)
            await world.settle()
            [message] = await world.sqs.local.receive(queue, 10)
            assert json.loads(message["Body"])["Message"] == "letter"
            assert message["Attributes"]["AWSTraceHeader"] == "Root=1-2"
            assert world.sns.target.prepare(f"{topic}-absent", letter) is None

    asyncio.run(scenario())
