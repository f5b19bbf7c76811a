"""The outbox's courier over a real database, in virtual time and across restarts."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambent.clock import ManualClock
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.queue.targets import Letter
from lambent.services.delivery.courier import Courier
from lambent.services.delivery.gates import Fault, Sender
from lambent.services.delivery.retry import BACK_OFF_S_MAX
from lambent.store import outbox
from lambent.store.database import Database
from lambent.store.events import load_discards
from lambent.store.outbox import OutboxMessage
from lambent.tasks import Tasks

SENDER = Sender(principal="s3.amazonaws.com", source_arn="arn:aws:s3:::bucket")
PLACE = "arn:aws:place:us-east-1:000000000000:one"
OTHER = "arn:aws:place:us-east-1:000000000000:two"
DEAD = "arn:aws:place:us-east-1:000000000000:dead"


class Landed:
    """A letter on its way into the table `places`."""

    def __init__(self, arn: str, letter: Letter) -> None:
        self._row = (arn, letter.body)

    def write(self, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO places VALUES (?, ?)", self._row)

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        return


@dataclass
class Places:
    """Targets that take letters, unless they are told to refuse them or are gone."""

    refusing: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    letters: list[Letter] = field(default_factory=list)
    tried: list[tuple[str, float]] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)

    def prepare(self, arn: str, letter: Letter) -> Landed | None:
        self.tried.append((arn, self.clock.wall_s()))
        if arn in self.refusing:
            raise LambdaError("Busy", "not now")
        if arn in self.gone:
            return None
        self.letters.append(letter)
        return Landed(arn, letter)


class Doors:
    """Lets everybody in but to the targets that it names."""

    def __init__(self, *shut: str) -> None:
        self._shut = shut

    def fault(self, arn: str, sender: Sender) -> Fault | None:
        return Fault(f"{sender.principal} may not") if arn in self._shut else None


@dataclass
class Roads:
    """Carries by failing as often as it is told to."""

    errors: list[Exception] = field(default_factory=list)
    carried: list[str] = field(default_factory=list)

    async def carry(self, message: OutboxMessage) -> None:
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        self.carried.append(message.body)


@dataclass
class World:
    courier: Courier
    database: Database
    clock: ManualClock
    places: Places
    roads: Roads

    async def commit(self, *drafts: OutboxMessage) -> list[OutboxMessage]:
        """The write that causes the messages, without telling the courier of it."""
        return await self.database.write(
            lambda c: [self.courier.post(c, draft) for draft in drafts]
        )

    async def send(self, target: str, body: str, **options: Any) -> None:
        draft = self.courier.message(target, body, sender=SENDER, **options)
        self.courier.posted(await self.commit(draft))
        await self.settle()

    async def settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)
            await self.database.read(lambda connection: None)
            await self.database.write(lambda connection: None)
            await asyncio.sleep(0)

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.courier.dispatcher.pump()
        await self.settle()

    async def landed(self, arn: str = PLACE) -> list[str]:
        def load(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("SELECT body FROM places WHERE arn = ? ORDER BY rowid", [arn])
            return [row[0] for row in rows]

        return await self.database.read(load)

    async def waiting(self) -> int:
        return len(await self.database.read(outbox.load_waiting))

    async def discards(self) -> list[tuple[str, str, str]]:
        return [row[:3] for row in await self.database.read(load_discards)]


@asynccontextmanager
async def courier_world(
    folder: Path, *, doors: Doors | None = None, clock: ManualClock | None = None
) -> AsyncIterator[World]:
    database, clock = Database(folder / "lambent.db"), clock or ManualClock()
    places, roads = Places(clock=clock), Roads()
    async with asyncio.TaskGroup() as group:
        await database.start()
        await database.write(
            lambda c: c.execute("CREATE TABLE IF NOT EXISTS places (arn TEXT, body TEXT)")
        )
        courier = Courier(
            account=Account(),
            database=database,
            clock=clock,
            tasks=Tasks(group),
            targets={"place": places},
            gates={"place": doors or Doors()},
            carriers={"road": roads},
        )
        try:
            yield World(courier, database, clock, places, roads)
        finally:
            courier.close()
            await database.close()


async def test_a_posted_message_lands_once_and_leaves_the_outbox(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        await one.send(PLACE, "a")
        await one.send(PLACE, "b")
        assert await one.landed() == ["a", "b"]
        assert (await one.waiting(), one.courier.dispatcher.depths()) == (0, {})


async def test_a_letter_has_all_that_the_message_had_also_from_the_disk(tmp_path: Path) -> None:
    attributes = {
        "text": {"DataType": "String", "StringValue": "t"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\xff\x00"},
    }
    options = {"attributes": attributes, "group_id": "g", "dedup_id": "d", "trace": "Root=1"}
    expected = Letter(body="a", subject="Amazon S3 Notification", **options)
    async with courier_world(tmp_path) as one:
        draft = one.courier.message(PLACE, "a", sender=SENDER, **options)
        await one.commit(draft)
        await one.courier.start()
        await one.settle()
        await one.send(PLACE, "a", **options)
        assert one.places.letters == [expected, expected]


async def test_a_kill_between_commit_and_hand_over_loses_nothing(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        drafts = [one.courier.message(PLACE, body, sender=SENDER) for body in ("a", "b")]
        await one.commit(*drafts)
    async with courier_world(tmp_path) as one:
        assert await one.landed() == []
        await one.courier.start()
        await one.settle()
        assert await one.landed() == ["a", "b"]
        assert await one.waiting() == 0


async def test_what_is_posted_before_and_while_the_courier_starts_lands_once(
    tmp_path: Path,
) -> None:
    async with courier_world(tmp_path) as one:
        draft = one.courier.message(PLACE, "a", sender=SENDER)
        posted = await one.commit(draft)
        one.courier.posted(posted)
        await one.courier.start()
        one.courier.posted(posted)
        await one.settle()
        assert await one.landed() == ["a"]


async def test_a_message_of_a_rolled_back_write_never_was(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()

        def fail(connection: sqlite3.Connection) -> None:
            one.courier.post(connection, one.courier.message(PLACE, "a", sender=SENDER))
            raise LambdaError("Refused", "after all")

        try:
            await one.database.write(fail)
        except LambdaError:
            pass
        await one.settle()
        assert await one.waiting() == 0


async def test_a_refused_message_is_tried_again_with_doubling_delays(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.places.refusing.add(PLACE)
        await one.send(PLACE, "a")
        for _ in range(11):
            await one.later(BACK_OFF_S_MAX)
        times = [at_s for _, at_s in one.places.tried]
        assert len(times) == 12
        one.places.refusing.clear()
        await one.later(BACK_OFF_S_MAX)
        assert await one.landed() == ["a"]
        assert await one.waiting() == 0


async def test_back_off_begins_at_a_second_and_doubles(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.places.refusing.add(PLACE)
        began_s = one.clock.wall_s()
        await one.send(PLACE, "a")
        for _ in range(15):
            await one.later(1.0)
        assert [at_s - began_s for _, at_s in one.places.tried] == [0, 1, 3, 7, 15]


async def test_a_delay_outlives_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with courier_world(tmp_path, clock=clock) as one:
        await one.courier.start()
        one.places.refusing.add(PLACE)
        await one.send(PLACE, "a")
        await one.later(1.0)
    async with courier_world(tmp_path, clock=clock) as one:
        await one.courier.start()
        await one.settle()
        assert one.places.tried == []
        await one.later(2.0)
        assert await one.landed() == ["a"]


async def test_one_target_that_refuses_does_not_hold_up_another(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.places.refusing.add(PLACE)
        for _ in range(20):
            await one.send(PLACE, "stuck")
        await one.send(OTHER, "free")
        assert await one.landed(OTHER) == ["free"]
        assert one.courier.dispatcher.depths() == {PLACE: 20}


async def test_a_message_whose_target_is_gone_is_recorded_as_a_discard(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.places.gone.add(PLACE)
        await one.send(PLACE, "a")
        assert await one.discards() == [(SENDER.source_arn, PLACE, "a")]
        assert await one.waiting() == 0


async def test_a_message_that_may_not_reach_its_target_goes_to_the_dead_letters(
    tmp_path: Path,
) -> None:
    async with courier_world(tmp_path, doors=Doors(PLACE)) as one:
        await one.courier.start()
        await one.send(PLACE, "a", dead_letter_arn=DEAD)
        assert await one.landed(DEAD) == ["a"]
        assert (await one.discards(), await one.waiting()) == ([], 0)
        assert one.courier.fault(PLACE, SENDER) == Fault("s3.amazonaws.com may not")
        assert one.courier.fault(OTHER, SENDER) is None


async def test_a_message_is_given_up_after_its_tries(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.places.refusing.add(PLACE)
        await one.send(PLACE, "a", tries_max=3, dead_letter_arn=DEAD)
        for _ in range(5):
            await one.later(10.0)
        assert [arn for arn, _ in one.places.tried] == [PLACE, PLACE, PLACE, DEAD]
        assert await one.landed(DEAD) == ["a"]


async def test_a_message_is_given_up_at_its_age_and_a_dead_letter_queue_may_be_gone(
    tmp_path: Path,
) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.places.refusing.add(PLACE)
        one.places.gone.add(DEAD)
        await one.send(PLACE, "a", age_s_max=10.0, dead_letter_arn=DEAD)
        for _ in range(10):
            await one.later(1.0)
        assert await one.discards() == [(SENDER.source_arn, PLACE, "a")]


async def test_a_dead_letter_of_a_rule_tells_why(tmp_path: Path) -> None:
    """EventBridge User Guide, "Using dead-letter queues to process undelivered events"."""
    rule = Sender(principal="events.amazonaws.com", source_arn="arn:aws:events:::rule/r")
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.places.refusing.add(PLACE)
        draft = one.courier.message(PLACE, "a", sender=rule, tries_max=1, dead_letter_arn=DEAD)
        one.courier.posted(await one.commit(draft))
        await one.settle()
        told = one.places.letters[0].attributes
        assert {name: value["StringValue"] for name, value in told.items()} == {
            "RULE_ARN": rule.source_arn,
            "TARGET_ARN": PLACE,
            "ERROR_CODE": "ERROR_FROM_TARGET",
            "ERROR_MESSAGE": "not now",
            "RETRY_ATTEMPTS": "0",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        }


async def test_a_delayed_message_waits_for_its_time(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        await one.send(PLACE, "a", delay_s=60.0)
        await one.later(59.0)
        assert await one.landed() == []
        await one.later(1.0)
        assert await one.landed() == ["a"]


async def test_what_a_carrier_cannot_carry_is_carried_later(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.roads.errors = [LambdaError("Closed", "for now"), OSError("a fault")]
        await one.send("arn:aws:road:us-east-1:000000000000:r", "a")
        await one.later(1.0)
        await one.later(2.0)
        assert one.roads.carried == ["a"]
        assert await one.waiting() == 0


async def test_a_target_of_an_unknown_service_is_named_in_the_fault(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        arn = "arn:aws:firehose:us-east-1:000000000000:x"
        fault = one.courier.fault(arn, SENDER)
        assert fault is not None
        assert fault.text == "Lambent does not deliver to firehose yet"
        await one.send(arn, "a")
        assert await one.discards() == [(SENDER.source_arn, arn, "a")]


async def test_a_stopped_courier_leaves_messages_on_disk(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.courier.stop()
        await one.send(PLACE, "a")
        assert (await one.landed(), await one.waiting()) == ([], 1)


async def test_a_reset_forgets_what_waits(tmp_path: Path) -> None:
    async with courier_world(tmp_path) as one:
        await one.courier.start()
        one.places.refusing.add(PLACE)
        await one.send(PLACE, "a")
        await one.courier.reset()
        one.places.refusing.clear()
        await one.later(60.0)
        assert (await one.landed(), await one.waiting()) == ([], 0)
