"""CloudWatch Logs over real files, in virtual time, with a courier that delivers to a list."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambent.clock import ManualClock
from lambent.domain.arns import Account
from lambent.queue.targets import Landing, Letter
from lambent.services.delivery.courier import Courier
from lambent.services.logs import Logs
from lambent.store.database import Database
from lambent.store.logs import LogStore
from lambent.tasks import Tasks
from tests.unit.services.calling import Caller


@dataclass
class Received:
    """A target that notes what it is given."""

    bodies: list[tuple[str, str]] = field(default_factory=list)
    """(target ARN, body)"""

    def prepare(self, arn: str, letter: Letter) -> Landing | None:
        return _Noting(self, arn, letter.body)


class _Noting:
    def __init__(self, target: Received, arn: str, body: str) -> None:
        self._target, self._arn, self._body = target, arn, body

    def write(self, connection: sqlite3.Connection) -> None:
        pass

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._target.bodies.append((self._arn, self._body))


@dataclass
class LogsWorld:
    call: Caller
    store: LogStore
    clock: ManualClock
    received: Received
    courier: Courier
    logs: Logs
    database: Database


@contextlib.asynccontextmanager
async def logs_world(folder: Path, wall_s: float) -> AsyncIterator[LogsWorld]:
    """Started; what the folder holds goes on."""
    clock = ManualClock(wall_s=wall_s)
    async with asyncio.TaskGroup() as group:
        database = Database(folder / "lambent.db")
        await database.start()
        store = LogStore(folder / "logs.db", wall_s=clock.wall_s)
        received, account, tasks = Received(), Account(), Tasks(group)
        courier = Courier(
            account=account,
            database=database,
            clock=clock,
            tasks=tasks,
            targets={"lambda": received},
        )
        logs = Logs(
            store, database=database, courier=courier, account=account, clock=clock, tasks=tasks
        )
        await courier.start()
        await logs.load()
        logs.start()
        try:
            call = Caller("logs", logs.operations)
            yield LogsWorld(call, store, clock, received, courier, logs, database)
        finally:
            logs.stop()
            courier.close()
            await store.close()
            await database.close()
