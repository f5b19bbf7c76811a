"""Subscriptions: what comes into a group goes to its subscribers, once each.

Theory of operation. A filter has a cursor, the number of the last chunk of events that it has sent.
When a group grows, what came after the cursor is read, filtered and packed beside the loop; the
records go into the outbox in the transaction that advances the cursor, so that a kill between the
two neither loses nor doubles anything. What a function printed is here once it is in the log file,
at most 0.2 s later; what PutLogEvents accepted is on disk, and is sent after a kill too. After a
fault of the disk a group is tried again by a timer, whether more comes into it or not.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.errors import PlatformFault
from lambent.services.delivery.courier import Courier
from lambent.services.delivery.gates import Fault, Sender
from lambent.services.delivery.timetable import Timetable
from lambent.services.logs.filter_rows import Filter, Kind, advance_filter
from lambent.services.logs.filters import Filters
from lambent.services.logs.model import group_arn
from lambent.services.logs.patterns import parse_filter_pattern
from lambent.services.logs.subscription_records import build_records
from lambent.store.log_query import StoredChunk
from lambent.store.log_rows import LogGroupNotFound
from lambent.store.logs import LogStore
from lambent.store.outbox import OutboxMessage
from lambent.tasks import Tasks

log = logging.getLogger("lambent")

PRINCIPAL = "logs.amazonaws.com"
CHUNKS_AT_ONCE = 64
BACK_OFF_S_MIN, BACK_OFF_S_MAX = 1.0, 60.0
"""[own] How long a group waits after a fault of the disk: it doubles from one to the next."""


class Subscriptions:
    """Of one account."""

    def __init__(
        self,
        store: LogStore,
        filters: Filters,
        courier: Courier,
        *,
        account: Account,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._filters = filters
        self._courier = courier
        self._account = account
        self._clock = clock
        self._tasks = tasks
        self._grown: set[str] = set()
        self._busy: set[str] = set()
        self._waiting: dict[str, float] = {}
        """Group → how long it waits after its last fault."""
        self.retries = Timetable(clock, self._try_again)
        self._open = False
        filters.on_changed = self._on_changed
        store.on_grown = self.send

    def fault(self, group: str, destination_arn: str) -> Fault | None:
        """Why a group cannot be sent there; None where it can."""
        return self._courier.fault(destination_arn, self._sender(group))

    def start(self) -> None:
        """Send what is new, and go on with what was not sent."""
        self._open = True
        self.retries.start()
        for group in self._filters.subscribed_groups():
            self._on_changed(group)

    def stop(self) -> None:
        """Look at nothing more: what comes from now on is sent after the next start."""
        self._open = False
        self.retries.stop()

    def send(self, group: str) -> None:
        """Send what is new in a group."""
        if not self._open:
            return
        self._grown.add(group)
        if group not in self._busy and group not in self._waiting:
            self._begin(group, waited_s=0.0)

    def _begin(self, group: str, *, waited_s: float) -> None:
        self._busy.add(group)
        self._tasks.spawn(self._send(group, waited_s), name=f"subscriptions of {group}")

    def _try_again(self, group: str) -> None:
        self._begin(group, waited_s=self._waiting.pop(group))

    def _wait(self, group: str, delay_s: float) -> None:
        self._grown.add(group)
        self._waiting[group] = delay_s
        self.retries.set(group, self._clock.wall_s() + delay_s)

    def _sender(self, group: str) -> Sender:
        arn = f"{group_arn(self._account, group)}:*"
        return Sender(principal=PRINCIPAL, source_arn=arn)

    def _on_changed(self, group: str) -> None:
        if self._filters.of(Kind.SUBSCRIPTION, group):
            self._store.watched.add(group)
            self.send(group)
        else:
            self._store.watched.discard(group)

    async def _send(self, group: str, waited_s: float) -> None:
        """`waited_s`: how long the group waited after a fault; 0 where there was none."""
        try:
            while group in self._grown:
                self._grown.discard(group)
                for one in self._filters.of(Kind.SUBSCRIPTION, group):
                    while await self._send_some(one.group, one.name):
                        pass
        except LogGroupNotFound:
            pass  # it went meanwhile, and its filters with it
        except (PlatformFault, sqlite3.Error) as error:
            delay_s = min(max(BACK_OFF_S_MIN, 2 * waited_s), BACK_OFF_S_MAX)
            log.error("subscriptions of %s are tried again in %g s: %s", group, delay_s, error)
            self._wait(group, delay_s)
        finally:
            self._busy.discard(group)

    async def _send_some(self, group: str, name: str) -> bool:
        """One part of what a filter has not seen; whether there may be more."""
        one = self._filters.find(Kind.SUBSCRIPTION, group, name)
        if one is None or not self._open:
            return False
        pattern = parse_filter_pattern(one.pattern)

        def read(chunks: list[StoredChunk]) -> tuple[int, int, list[str]]:
            last = chunks[-1].number if chunks else one.cursor
            return len(chunks), last, build_records(self._account, one, pattern, chunks)

        count, last, records = await self._store.find_chunks(
            group, after=one.cursor, limit=CHUNKS_AT_ONCE, use=read
        )
        if self._filters.find(Kind.SUBSCRIPTION, group, name) is not one:
            return True  # it is another now
        if records:
            self._courier.posted(await self._post(one, last, records))
        if self._filters.find(Kind.SUBSCRIPTION, group, name) is one:
            self._filters.keep(replace(one, cursor=last))
        return count == CHUNKS_AT_ONCE

    async def _post(self, one: Filter, last: int, records: list[str]) -> list[OutboxMessage]:
        sender = self._sender(one.group)
        messages = [
            self._courier.message(one.destination_arn, record, sender=sender) for record in records
        ]

        def write(connection: sqlite3.Connection) -> list[OutboxMessage]:
            advance_filter(connection, self._account, one, last)
            return [self._courier.post(connection, message) for message in messages]

        return await self._filters.database.write(write)
