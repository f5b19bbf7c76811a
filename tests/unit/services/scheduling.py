"""Schedules and scheduled rules over a real database, in virtual time and across restarts."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lambent.clock import ManualClock
from lambent.domain.arns import Account
from lambent.queue.targets import Letter
from lambent.services.delivery.courier import Courier
from lambent.services.events import EventBridge
from lambent.services.scheduler import Scheduler
from lambent.store.database import Database
from lambent.tasks import Tasks
from tests.unit.services.calling import Caller

START = "2026-01-01T00:00:00"
ROLE = "arn:aws:iam::000000000000:role/scheduler"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Landed:
    """A letter on its way into the table `landed`."""

    def __init__(self, arn: str, letter: Letter) -> None:
        self._row = (arn, letter.body)

    def write(self, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO landed VALUES (?, ?)", self._row)

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        return


@dataclass
class Letters:
    """A service that takes every letter, but to what is gone."""

    letters: list[Letter] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def prepare(self, arn: str, letter: Letter) -> Landed | None:
        if arn in self.gone:
            return None
        self.letters.append(letter)
        return Landed(arn, letter)


@dataclass
class World:
    """One run of the server's half that schedules."""

    events: Caller
    scheduler: Caller
    database: Database
    clock: ManualClock
    letters: Letters
    _services: tuple[EventBridge, Scheduler]
    courier: Courier

    async def run(self) -> None:
        """Everything that is due now."""
        for _ in range(4):
            events, scheduler = self._services
            scheduler.timetable.pump()
            events.scheduled.timetable.pump()
            await self.settle()

    async def settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)
            await self.database.read(lambda connection: None)
            await self.database.write(lambda connection: None)
            await asyncio.sleep(0)

    async def until(self, text: str, step_s: float = 60.0) -> None:
        """Let the time pass in steps, and all that is due happen at each."""
        while self.clock.wall_s() < seconds(text):
            self.clock.advance(min(step_s, seconds(text) - self.clock.wall_s()))
            await self.run()

    async def bodies(self, arn: str = QUEUE) -> list[str]:
        def load(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("SELECT body FROM landed WHERE arn = ? ORDER BY rowid", [arn])
            return [row[0] for row in rows]

        return await self.database.read(load)

    async def times(self, arn: str = QUEUE) -> list[str]:
        """Of the events that landed, or the bodies that are times, without year and seconds."""
        found = []
        for body in await self.bodies(arn):
            text = json.loads(body)["time"] if body.startswith("{") else body
            found.append(text[5:16])
        return found


@asynccontextmanager
async def scheduling_world(
    folder: Path, clock: ManualClock, *, started: bool = True
) -> AsyncIterator[World]:
    """`started`: else nothing fires, as if the server was killed before."""
    async with asyncio.TaskGroup() as group:
        database = Database(folder / "lambent.db")
        await database.start()
        await database.write(
            lambda c: c.execute("CREATE TABLE IF NOT EXISTS landed (arn TEXT, body TEXT)")
        )
        letters, tasks = Letters(), Tasks(group)
        around: dict[str, Any] = {"account": Account(), "clock": clock, "tasks": tasks}
        courier = Courier(database=database, targets={"sqs": letters, "lambda": letters}, **around)
        events = EventBridge(database, courier=courier, **around)
        courier.targets["events"] = events.target
        scheduler = Scheduler(database, courier=courier, **around)
        await events.load()
        await scheduler.load()
        if started:
            await courier.start()
            events.resume()
            scheduler.start()
        try:
            yield World(
                Caller("events", events.operations),
                Caller("scheduler", scheduler.operations),
                database,
                clock,
                letters,
                (events, scheduler),
                courier,
            )
        finally:
            scheduler.stop()
            events.stop()
            courier.close()
            await asyncio.sleep(0)
            await database.close()


def new_clock(text: str = START) -> ManualClock:
    return ManualClock(wall_s=seconds(text))
