"""The queues of the account: found by name, ARN or URL, kept in step with their rows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lambent.clock import Clock
from lambent.domain.arns import PARTITION, Account
from lambent.domain.errors import LambdaError
from lambent.services.sqs import rows
from lambent.services.sqs.attempts import Attempts
from lambent.services.sqs.attributes import QueueConfig, parse_config, queue_of_arn
from lambent.services.sqs.errors import queue_does_not_exist
from lambent.services.sqs.rows import QueueRow
from lambent.services.sqs.states import State, States
from lambent.store.database import Database

if TYPE_CHECKING:
    from lambent.services.sqs.waiting import Waiter

_TIME_BITS = 20


class Sent:
    """What deduplication remembers of a send."""

    __slots__ = ("message_id", "number", "until_ms")

    def __init__(self, message_id: str, number: int, until_ms: int) -> None:
        self.message_id = message_id
        self.number = number
        self.until_ms = until_ms


class Queue:
    """One queue in memory."""

    def __init__(self, row: QueueRow, arn: str) -> None:
        self.arn = arn
        self.row = row
        self.config: QueueConfig = parse_config(row.attributes)
        self.states = States(fifo=self.config.fifo)
        self.sent: dict[str, Sent] = {}
        """Deduplication's memory, the first to end first."""
        self.waiters: deque[Waiter] = deque()
        """Receivers that wait, those who came first at the front."""
        self.timer: asyncio.TimerHandle | None = None
        """Wakes the waiters when a message becomes visible by itself."""
        self.attempts = Attempts()
        self.deleted = False

    @property
    def name(self) -> str:
        return self.row.name

    def replace_row(self, row: QueueRow) -> None:
        self.row = row
        self.config = parse_config(row.attributes)

    def counts(self) -> dict[str, str]:
        """The Approximate… attributes: here they are exact."""
        counts = self.states.counts
        return {
            "ApproximateNumberOfMessages": str(counts[State.VISIBLE]),
            "ApproximateNumberOfMessagesDelayed": str(counts[State.DELAYED]),
            "ApproximateNumberOfMessagesNotVisible": str(counts[State.IN_FLIGHT]),
        }


class Numbers:
    """Numbers that grow, also across restarts: they begin at the time."""

    def __init__(self) -> None:
        self._last = 0

    def begin(self, highest: int, now_ms: int) -> None:
        self._last = max(highest, now_ms << _TIME_BITS)

    def next(self) -> int:
        self._last += 1
        return self._last


class Queues:
    """Every queue. Memory changes after the commit; changes of one another wait in line."""

    def __init__(self, database: Database, account: Account, clock: Clock) -> None:
        self._database = database
        self._account = account
        self._clock = clock
        self._queues: dict[str, Queue] = {}
        self._settling = asyncio.Lock()
        self.numbers = Numbers()
        self.garbage: list[int] = []
        """Numbers of messages whose bin no queue has any more."""

    def __iter__(self) -> Iterator[Queue]:
        return iter(list(self._queues.values()))

    def __len__(self) -> int:
        return len(self._queues)

    def now_ms(self) -> int:
        return int(self._clock.wall_s() * 1000)

    async def load(self) -> None:
        """All that the disk holds."""
        account, now_ms = self._account, self.now_ms()
        found = await self._database.read(lambda c: rows.load_queues(c, account))
        self._queues = {row.name: Queue(row, self.arn(row.name)) for row in found}
        self.numbers.begin(await self._database.read(rows.load_highest), now_ms)
        bins = {queue.row.bin: queue for queue in self._queues.values()}
        self.garbage = []
        for bin_, held in await self._database.read(lambda c: list(rows.load_states(c))):
            queue = bins.get(bin_)
            if queue is None:
                self.garbage.append(held.number)
            else:
                queue.states.add(held, now_ms)
        for bin_, key, message_id, number, until_ms in await self._database.read(rows.load_sent):
            queue = bins.get(bin_)
            if queue is not None and until_ms > now_ms:
                queue.sent[key] = Sent(message_id, number, until_ms)

    # Finding

    def arn(self, name: str) -> str:
        account = self._account
        return f"arn:{PARTITION}:sqs:{account.region}:{account.account_id}:{name}"

    def names(self) -> list[str]:
        return sorted(self._queues)

    def by_name(self, name: str) -> Queue:
        """Raises LambdaError QueueDoesNotExist."""
        queue = self._queues.get(name)
        if queue is None:
            raise queue_does_not_exist()
        return queue

    def find(self, name: str) -> Queue | None:
        return self._queues.get(name)

    def find_arn(self, arn: str) -> Queue | None:
        """None where there is no such queue in this account and region."""
        parts = queue_of_arn(arn)
        account = self._account
        if parts is None or parts[:2] != (account.region, account.account_id):
            return None
        return self._queues.get(parts[2])

    def by_url(self, url: str) -> Queue:
        """The queue of a URL in any of the forms that end in `/account/name`.

        Raises LambdaError: InvalidAddress, QueueDoesNotExist.
        """
        account, name = parse_queue_url(url)
        if account != self._account.account_id:
            raise queue_does_not_exist()
        return self.by_name(name)

    # Changing

    async def change(
        self, make: Callable[[], QueueRow | None], *, name: str
    ) -> tuple[Queue, QueueRow | None]:
        """Store the row that `make` wants of the queue `name`, decided when its turn has come.

        None: it stays as it is. Gives the queue, and the row that was stored. `make` may raise.
        """
        async with self._settling:
            row = make()
            if row is None:
                return self.by_name(name), None
            queue = self._queues.get(name)
            if queue is None:
                account = self._account
                await self._database.write(lambda c: rows.insert_queue(c, account, row))
                queue = self._queues[name] = Queue(row, self.arn(name))
            else:
                await self._database.write(lambda c: rows.update_queue(c, row))
                queue.replace_row(row)
            return queue, row

    async def set_tags(self, queue: Queue, change: Callable[[dict[str, str]], None]) -> None:
        def make() -> QueueRow:
            tags = dict(self.by_name(queue.name).row.tags)
            change(tags)
            return replace(queue.row, tags=tags)

        await self.change(make, name=queue.name)

    async def set_attributes(self, queue: Queue, asked: Mapping[str, str]) -> None:
        """'' takes an attribute away. Raises LambdaError where they do not go together."""

        def make() -> QueueRow:
            now = self.by_name(queue.name).row
            kept = {name: value for name, value in {**now.attributes, **asked}.items() if value}
            parse_config(kept)
            return replace(now, attributes=kept, modified_s=self.now_ms() // 1000)

        await self.change(make, name=queue.name)

    async def delete(self, queue: Queue) -> None:
        async with self._settling:
            if queue.deleted:
                raise queue_does_not_exist()
            queue_id = queue.row.queue_id
            await self._database.write(lambda c: rows.delete_queue(c, queue_id))
            del self._queues[queue.name]
            queue.deleted = True
            self._discard(queue)

    async def purge(self, queue: Queue) -> None:
        """Everything that was sent before goes: the queue begins a new bin."""

        def make() -> QueueRow:
            return replace(self.by_name(queue.name).row, bin=self.numbers.next())

        await self.change(make, name=queue.name)
        self._discard(queue)

    def take_garbage(self, count_max: int) -> list[int]:
        """Numbers of messages to delete from the disk; they are no longer listed."""
        part = self.garbage[-count_max:]
        del self.garbage[-count_max:]
        return part

    def _discard(self, queue: Queue) -> None:
        self.garbage.extend(queue.states.messages)
        queue.states = States(fifo=queue.config.fifo)
        queue.sent = {}
        queue.attempts = Attempts()


def parse_queue_url(url: str) -> tuple[str, str]:
    """Account and name. Raises LambdaError InvalidAddress (text unverified)."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    parts = path.rsplit("/", 2)
    if len(parts) != 3 or not (len(parts[1]) == 12 and parts[1].isdigit() and parts[2]):
        raise LambdaError(
            "InvalidAddress", f"The address {url[:1024]} is not valid for this endpoint."
        )
    return parts[1], parts[2]
