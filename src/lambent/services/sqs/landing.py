"""Messages on their way to the disk, and those that came lately."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from lambent.queue.fresh import Fresh
from lambent.services.sqs import rows
from lambent.services.sqs.messages import Draft, Message
from lambent.services.sqs.queues import Queue, Queues, Sent
from lambent.services.sqs.states import Held


class Landing:
    """Messages that are to be written with somebody's transaction, and what follows from it."""

    __slots__ = ("_fresh", "_messages", "_queues", "_sizes", "_wake", "bin", "queue", "sent")

    def __init__(
        self,
        queues: Queues,
        fresh: Fresh[int, Message],
        wake: Callable[[Queue], None],
        queue: Queue,
    ) -> None:
        self._queues = queues
        self._fresh = fresh
        self._wake = wake
        self._messages: list[Message] = []
        self._sizes: list[int] = []
        self.queue = queue
        self.bin = queue.row.bin
        self.sent: list[tuple[str, Sent]] = []

    def add(self, message: Message, size: int) -> None:
        self._messages.append(message)
        self._sizes.append(size)

    def write(self, connection: sqlite3.Connection) -> None:
        """Inside the transaction."""
        rows.insert_messages(connection, self.bin, self._messages)
        for key, one in self.sent:
            rows.store_sent(connection, self.bin, key, one.message_id, one.number, one.until_ms)

    def settle(self, committed: bool) -> None:
        """After the transaction, in the order of the transactions."""
        queue = self.queue
        if queue.row.bin != self.bin or queue.deleted:  # purged in between
            self._queues.garbage.extend(message.number for message in self._messages)
            return
        if not committed:
            for key, one in self.sent:
                if queue.sent.get(key) is one:
                    del queue.sent[key]
            return
        now_ms = self._queues.now_ms()
        for message, size in zip(self._messages, self._sizes, strict=True):
            self._fresh.put(message.number, message, size)
            group = message.group_id
            queue.states.add(Held(message.number, message.sent_ms, message.due_ms, group), now_ms)
        self._wake(queue)

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        """`settle` as the callback of the write's future."""
        self.settle(not done.cancelled() and done.exception() is None)


def dedup_key(queue: Queue, draft: Draft) -> str | None:
    """What deduplication remembers a message by; None where there is none."""
    if not queue.config.fifo:
        return None
    if queue.config.deduplicates_by_group:
        return f"{draft.group_id}\n{draft.dedup_id}"
    return f"\n{draft.dedup_id}"
