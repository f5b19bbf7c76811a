"""All groups and schedules in memory, in step with their rows, and the clock that fires them.

A schedule's row holds the next instant that it has not served. What is sent at an instant and the
row's advance to the next are one transaction: no instant is served twice, whenever the server is
killed, and none that was due before the kill is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.cron import ScheduleError
from lambent.domain.errors import LambdaError, PlatformFault
from lambent.services.delivery.courier import Courier
from lambent.services.delivery.gates import Sender
from lambent.services.delivery.timetable import Timetable
from lambent.services.scheduler import rows
from lambent.services.scheduler.firing import Firing, age_s_max, decide, fire_at_s
from lambent.services.scheduler.model import (
    DEFAULT_GROUP,
    RETRIES_DEFAULT,
    Group,
    ScheduleRow,
    schedule_arn,
)
from lambent.services.scheduler.plan import Moment, plan
from lambent.services.scheduler.rows import Resource
from lambent.store.database import Database
from lambent.store.outbox import OutboxMessage
from lambent.tasks import Tasks

AGAIN_S = 5.0
"""After a fault of the database."""
FIRED_AT_ONCE = 200
"""In one transaction."""

log = logging.getLogger("lambent")


class State:
    """Memory changes after the commit; changes and firings wait in line for one another."""

    def __init__(
        self, database: Database, *, account: Account, clock: Clock, tasks: Tasks, courier: Courier
    ) -> None:
        self._database = database
        self._tasks = tasks
        self._courier = courier
        self._settling = asyncio.Lock()
        self._pending: list[str] = []
        self.account = account
        self.clock = clock
        self.groups: dict[str, Group] = {}
        self.schedules: dict[str, ScheduleRow] = {}
        self.timetable = Timetable(clock, self._due)

    async def load(self) -> None:
        """All that the disk holds, and the default group."""
        self.groups, self.schedules = {}, {}
        self.timetable.clear()
        for resource in await self._database.read(lambda c: rows.load_resources(c, self.account)):
            self._keep(resource)
        if DEFAULT_GROUP not in self.groups:
            now_s = self.clock.wall_s()
            group = Group(name=DEFAULT_GROUP, created_s=now_s, modified_s=now_s)
            await self.change(lambda: group)

    async def reset(self) -> None:
        await self._database.write(rows.delete_everything)
        await self.load()

    def arn(self, row: ScheduleRow) -> str:
        return schedule_arn(self.account, row.group, row.name)

    async def change(self, make: Callable[[], Resource | None]) -> None:
        """Store what `make` wants, decided when its turn has come; None: nothing. It may raise."""
        async with self._settling:
            resource = make()
            if resource is not None:
                account = self.account
                await self._database.write(lambda c: rows.store_resource(c, account, resource))
                self._keep(resource)

    async def delete(self, find: Callable[[], Iterable[Resource]]) -> None:
        """Take all that `find` gives away. It may raise."""
        async with self._settling:
            gone = list(find())
            await self._database.write(lambda c: self._delete_rows(c, gone))
            self._forget(gone)

    def _delete_rows(self, connection: sqlite3.Connection, gone: Iterable[Resource]) -> None:
        for resource in gone:
            rows.delete_resource(connection, self.account, resource)

    def _keep(self, resource: Resource) -> None:
        if isinstance(resource, Group):
            self.groups[resource.name] = resource
        else:
            self.schedules[resource.key] = resource
            self.timetable.set(resource.key, fire_at_s(resource, self.arn(resource)))

    def _forget(self, gone: Iterable[Resource]) -> None:
        for resource in gone:
            if isinstance(resource, Group):
                self.groups.pop(resource.name, None)
            else:
                self.schedules.pop(resource.key, None)
                self.timetable.set(resource.key, None)

    # Firing

    def _due(self, key: str) -> None:
        """What is due at once is one transaction."""
        self._pending.append(key)
        if len(self._pending) == 1:
            self._tasks.spawn(self._fire(), name="fire schedules")

    async def _fire(self) -> None:
        async with self._settling:
            keys, self._pending = self._pending, []
            for start in range(0, len(keys), FIRED_AT_ONCE):
                part = keys[start:][:FIRED_AT_ONCE]
                try:
                    await self._fire_some(part)
                except Exception as error:  # all of them are tried again, in a while
                    log.error(
                        "schedules could not be invoked: %s",
                        error,
                        exc_info=None if isinstance(error, PlatformFault) else error,
                    )
                    for key in part:
                        self.timetable.set(key, self.clock.wall_s() + AGAIN_S)

    async def _fire_some(self, keys: list[str]) -> None:
        now_s = self.clock.wall_s()
        fired = [
            (row, firing, self._messages(row, firing, now_s))
            for row in map(self.schedules.get, keys)
            if row is not None and (firing := self._decide(row, now_s)) is not None
        ]

        def write(connection: sqlite3.Connection) -> list[OutboxMessage]:
            posted = []
            for row, firing, messages in fired:
                if firing.following is None:
                    rows.delete_resource(connection, self.account, row)
                else:
                    rows.store_resource(connection, self.account, firing.following)
                posted += [self._courier.post(connection, message) for message in messages]
            return posted

        posted = await self._database.write(write)
        for row, firing, _ in fired:
            if firing.following is None:
                self._forget([row])
            else:
                self._keep(firing.following)
        self._courier.posted(posted)

    def _decide(self, row: ScheduleRow, now_s: float) -> Firing | None:
        arn = self.arn(row)
        try:
            firing = decide(row, arn, now_s)
        except ScheduleError as error:
            log.error("schedule %s cannot go on: %s", row.key, error)
            return None
        if firing is None:  # it was changed, or the clock was
            self.timetable.set(row.key, fire_at_s(row, arn))
        return firing

    def _messages(self, row: ScheduleRow, firing: Firing, now_s: float) -> list[OutboxMessage]:
        if firing.instant_s is None:
            log.warning("schedule %s was missed for too long: it is not made up for", row.key)
            return []
        arn, target = self.arn(row), row.target
        moment = Moment(
            account=self.account,
            arn=arn,
            instant_s=firing.instant_s,
            event_id=str(uuid.uuid4()),
        )
        try:
            parcel = plan(target, moment)
        except LambdaError as error:
            log.error("schedule %s cannot be invoked: %s", row.key, error)
            return []
        retry = target.get("RetryPolicy") or {}
        message = self._courier.message(
            parcel.arn,
            parcel.body,
            sender=Sender(principal=target["RoleArn"], source_arn=arn),
            attributes=parcel.attributes,
            group_id=parcel.group_id,
            dedup_id=parcel.dedup_id,
            dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn", ""),
            age_s_max=age_s_max(row) - min(now_s - firing.instant_s, age_s_max(row)),
            tries_max=1 + int(retry.get("MaximumRetryAttempts", RETRIES_DEFAULT)),
        )
        return [replace(message, created_s=firing.instant_s)]
