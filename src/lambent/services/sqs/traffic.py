"""Messages on their way: the driver of `states`, over rows.

What is answered is on disk: a send, a delete and a receive each wait for their commit, which many
of them share. A message that is sent enters the states after its commit. One that is received is in
flight in memory at once, so that nobody else gets it, and is handed out after the commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from lambent.domain.errors import LambdaError, PlatformFault
from lambent.domain.ids import new_request_id
from lambent.queue.fresh import Fresh
from lambent.services.sqs import rows
from lambent.services.sqs.errors import invalid_value
from lambent.services.sqs.handles import parse_handle
from lambent.services.sqs.landing import Landing, dedup_key
from lambent.services.sqs.messages import Draft, Message, Received
from lambent.services.sqs.queues import Queue, Queues, Sent
from lambent.services.sqs.states import Held, State
from lambent.services.sqs.waiting import Asked, Taken, Waiter
from lambent.store.database import Database

IN_FLIGHT_MAX = 120_000  # Developer Guide, "Amazon SQS message quotas"; FIFO queues likewise
DEDUPLICATION_MS = 300_000  # [B] MessageDeduplicationId: 5 minutes
MESSAGES_MAX = 1_000_000
"""Of one queue: each takes a third of a kilobyte of memory, its body aside."""
SWEEP_COUNT = 1_000
"""Messages that a sweep deletes in one transaction."""
TIMER_S_MAX = 3_600.0


class Traffic:
    """Sends, receives, deletes."""

    def __init__(self, queues: Queues, database: Database) -> None:
        self.queues = queues
        self.fresh: Fresh[int, Message] = Fresh()
        self._database = database
        self._open = True

    # Sending

    def prepare(
        self, queue: Queue, drafts: Sequence[Draft], sender_id: str
    ) -> tuple[Landing, list[tuple[str, int]]]:
        """What to write for `drafts`; (message id, number) of each, for a duplicate the first's.

        The caller writes it at once, in the order of its calls, and settles it.
        """
        if len(queue.states) + len(drafts) > MESSAGES_MAX:
            raise LambdaError("OverLimit", f"A queue holds at most {MESSAGES_MAX} messages.")
        now_ms = self.queues.now_ms()
        landing = Landing(self.queues, self.fresh, self.wake, queue)
        answers = []
        for draft in drafts:
            key = dedup_key(queue, draft)
            known = self._find_sent(queue, key, now_ms) if key is not None else None
            if known is not None:
                answers.append((known.message_id, known.number))
                continue
            message = Message(
                number=self.queues.numbers.next(),
                message_id=new_request_id(),
                sender_id=sender_id,
                sent_ms=now_ms,
                due_ms=now_ms + draft.delay_s * 1000,
                group_id=draft.group_id,
                dedup_id=draft.dedup_id,
                trace=draft.trace,
                source_arn=None,
                attributes=draft.attributes,
                body=draft.body,
            )
            if key is not None:
                one = Sent(message.message_id, message.number, now_ms + DEDUPLICATION_MS)
                queue.sent.pop(key, None)  # the first to end comes first
                queue.sent[key] = one
                landing.sent.append((key, one))
            landing.add(message, draft.size + 1_000)
            answers.append((message.message_id, message.number))
        return landing, answers

    async def send(
        self, queue: Queue, drafts: Sequence[Draft], sender_id: str
    ) -> list[tuple[str, int]]:
        """(message id, number) of each, once all are on disk."""
        landing, answers = self.prepare(queue, drafts, sender_id)
        future = self._database.submit(landing.write)
        future.add_done_callback(landing.settle_by)
        await asyncio.shield(future)
        return answers

    def _find_sent(self, queue: Queue, key: str, now_ms: int) -> Sent | None:
        known = queue.sent.get(key)
        return known if known is not None and known.until_ms > now_ms else None

    def _forget_sent(self, queue: Queue, now_ms: int) -> bool:
        """Whether deduplication remembered something that is over."""
        sent, over = queue.sent, False
        while sent:
            oldest = next(iter(sent))
            if sent[oldest].until_ms > now_ms:
                break
            del sent[oldest]
            over = True
        return over

    # Receiving

    async def receive(
        self,
        queue: Queue,
        asked: Asked,
        wait_s: float,
        on_disconnect: Callable[[Callable[[], None]], None] | None = None,
    ) -> list[Received]:
        """The messages that there are; waits up to `wait_s` for the first. Raises LambdaError."""
        self._check_in_flight(queue)
        if not queue.waiters or not wait_s:
            taken = self._take(queue, asked)
            if taken is not None:
                return await taken.received()
        if not wait_s or not self._open:
            return []
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Taken | None] = loop.create_future()
        waiter = Waiter(asked, future)
        waiter.timer = loop.call_later(wait_s, waiter.give_up)
        if on_disconnect is not None:
            on_disconnect(waiter.give_up)
        queue.waiters.append(waiter)
        self.wake(queue)
        try:
            taken = await future
        finally:
            waiter.timer.cancel()
        if taken is None:
            self._forget(queue, waiter)
            return []
        return await taken.received()

    def wake(self, queue: Queue) -> None:
        """Give those who wait what there is; come back when a message becomes visible by itself."""
        waiters = queue.waiters
        while waiters:
            waiter = waiters[0]
            if not waiter.future.done():
                taken = self._take(queue, waiter.asked)
                if taken is None:
                    break
                waiter.future.set_result(taken)
            waiters.popleft()
        self._set_timer(queue)

    def _forget(self, queue: Queue, waiter: Waiter) -> None:
        try:
            queue.waiters.remove(waiter)
        except ValueError:  # somebody was faster
            pass
        self._set_timer(queue)

    def _set_timer(self, queue: Queue) -> None:
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
        if queue.waiters:
            due_ms = queue.states.next_due_ms()
            if due_ms is not None:
                delay_s = min(max(0, due_ms - self.queues.now_ms()) / 1000, TIMER_S_MAX)
                loop = asyncio.get_running_loop()
                queue.timer = loop.call_later(delay_s + 0.001, self.wake, queue)

    def _take(self, queue: Queue, asked: Asked) -> Taken | None:
        """Begin a receive; None where nothing is ready."""
        now_ms = self.refresh(queue)
        states = queue.states
        until_ms = now_ms + asked.visibility_s * 1000
        if asked.attempt_id is not None:
            again = queue.attempts.find(asked.attempt_id, states, now_ms)
            if again:
                for one in again:
                    states.set_due(one, until_ms, now_ms)
                return self._hand_out(queue, again)
        if not states.has_ready():
            return None
        target = None
        if queue.config.receives_max:
            target = self.queues.find_arn(queue.config.dead_letter_arn)
        held, dead = states.take(
            asked.count_max,
            until_ms,
            now_ms,
            receives_max=queue.config.receives_max if target is not None else 0,
        )
        if dead:
            assert target is not None
            self._bury(queue, target, dead, now_ms)
        if not held:
            return None
        if asked.attempt_id is not None:
            queue.attempts.remember(asked.attempt_id, held, now_ms)
        return self._hand_out(queue, held)

    def _hand_out(self, queue: Queue, held: Sequence[Held]) -> Taken:
        """Store that they were received, get their bodies."""
        values = [(one.number, one.count, one.first_ms, one.due_ms) for one in held]
        found = {one.number: self.fresh.get(one.number) for one in held}
        missing = [number for number, message in found.items() if message is None]

        def write(connection: sqlite3.Connection) -> list[Message]:
            rows.store_receives(connection, values)
            return rows.load_messages(connection, missing) if missing else []

        future = self._database.submit(write)

        def stored(done: asyncio.Future[list[Message]]) -> None:
            if done.cancelled() or done.exception() is not None:
                self.put_back(queue, held)

        future.add_done_callback(stored)
        return Taken(queue.row.queue_id, values, found, future)

    def put_back(self, queue: Queue, taken: Sequence[Held]) -> None:
        """What could not be handed out is visible again."""
        now_ms = self.queues.now_ms()
        for held in taken:
            if queue.states.messages.get(held.number) is held and held.state is State.IN_FLIGHT:
                queue.states.set_due(held, now_ms, now_ms)
        self.wake(queue)

    def _check_in_flight(self, queue: Queue) -> None:
        if not queue.config.fifo and queue.states.counts[State.IN_FLIGHT] >= IN_FLIGHT_MAX:
            self.refresh(queue)
            if queue.states.counts[State.IN_FLIGHT] >= IN_FLIGHT_MAX:
                raise LambdaError(
                    "OverLimit",
                    f"Too many messages are in flight: the limit is {IN_FLIGHT_MAX} of a queue.",
                )

    def _bury(self, queue: Queue, target: Queue, dead: Sequence[Held], now_ms: int) -> None:
        """Move messages to the dead-letter queue; lost commits leave them where they were."""
        target_bin, arn = target.row.bin, queue.arn
        times = {held.number: now_ms if target.config.fifo else held.sent_ms for held in dead}

        def write(connection: sqlite3.Connection) -> None:
            for number, sent_ms in times.items():
                rows.move_message(
                    connection, number, target_bin, source_arn=arn, sent_ms=sent_ms, now_ms=now_ms
                )

        def moved(done: asyncio.Future[None]) -> None:
            kept = done.cancelled() or done.exception() is not None
            home = queue if kept else target
            if home.deleted or (not kept and target.row.bin != target_bin):
                self.queues.garbage.extend(times)
                return
            for held in dead:
                self.fresh.take(held.number)
                held.due_ms = now_ms
                if not kept:
                    held.sent_ms = times[held.number]
                held.listed = False
                if held.number not in home.states.messages:
                    home.states.add(held, now_ms)
            self.wake(home)

        self._database.submit(write).add_done_callback(moved)

    # Deleting, and visibility

    async def delete(self, queue: Queue, handles: Sequence[str]) -> list[LambdaError | None]:
        """Delete the messages of handles; the refusal of each. What is gone counts as deleted."""
        refusals: list[LambdaError | None] = []
        removed: list[Held] = []
        now_ms = self.refresh(queue)
        for handle in handles:
            try:
                number, count = parse_handle(handle, queue.row.queue_id)
                held = queue.states.messages.get(number)
                if held is not None:
                    if queue.config.fifo and (
                        held.count != count or held.state is not State.IN_FLIGHT
                    ):
                        raise invalid_value(  # [LS]
                            handle, "ReceiptHandle", "The receipt handle has expired."
                        )
                    queue.states.remove(number)
                    removed.append(held)
                refusals.append(None)
            except LambdaError as error:
                refusals.append(error)
        if removed:
            numbers = [held.number for held in removed]
            future = self._database.submit(lambda c: rows.delete_messages(c, numbers))
            future.add_done_callback(lambda done: self._deleted(queue, removed, done, now_ms))
            self.wake(queue)
            await asyncio.shield(future)
        return refusals

    def _deleted(
        self, queue: Queue, removed: Sequence[Held], done: asyncio.Future[None], now_ms: int
    ) -> None:
        failed = done.cancelled() or done.exception() is not None
        for held in removed:
            self.fresh.take(held.number)
            if failed and not queue.deleted and held.number not in queue.states.messages:
                held.listed = False
                queue.states.add(held, now_ms)

    async def set_visibility(
        self, queue: Queue, changes: Sequence[tuple[str, int]]
    ) -> list[LambdaError | None]:
        """Another visibility timeout, in seconds from now, for each handle; the refusal of each."""
        refusals: list[LambdaError | None] = []
        changed: list[Held] = []
        now_ms = self.refresh(queue)
        for handle, visibility_s in changes:
            try:
                held = self._in_flight(queue, handle)
                if held is not None:
                    queue.states.set_due(held, now_ms + visibility_s * 1000, now_ms)
                    changed.append(held)
                refusals.append(None)
            except LambdaError as error:
                refusals.append(error)
        if changed:
            values = [(held.number, held.count, held.first_ms, held.due_ms) for held in changed]
            future = self._database.submit(lambda c: rows.store_receives(c, values))
            self.wake(queue)
            await asyncio.shield(future)
        return refusals

    def _in_flight(self, queue: Queue, handle: str) -> Held | None:
        """The message in the handle's hand; None where its time is over, which is no error [LS]."""
        number, count = parse_handle(handle, queue.row.queue_id)
        held = queue.states.messages.get(number)
        if held is None:
            raise invalid_value(
                handle,
                "ReceiptHandle",
                "Message does not exist or is not available for visibility timeout change.",
            )
        if held.state is State.IN_FLIGHT and held.count == count:
            return held
        if queue.config.fifo:
            raise invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
        return None

    # Time

    def refresh(self, queue: Queue) -> int:
        """Bring the states up to now, which is given: what is due, and what is too old."""
        now_ms = self.queues.now_ms()
        queue.states.advance(now_ms)
        oldest_ms = queue.states.oldest_ms
        limit_ms = now_ms - queue.config.retention_s * 1000
        while oldest_ms is not None and oldest_ms <= limit_ms:
            for number in queue.states.expired(limit_ms, SWEEP_COUNT):
                queue.states.remove(number)
                self.fresh.take(number)
                self.queues.garbage.append(number)
            oldest_ms = queue.states.oldest_ms
        return now_ms

    async def sweep(self) -> None:
        """Delete what is too old, or belongs to no queue, from the disk."""
        for queue in self.queues:
            self.refresh(queue)
        while part := self.queues.take_garbage(SWEEP_COUNT):
            try:
                await self._database.write(partial(rows.delete_messages, numbers=part))
            except PlatformFault:
                self.queues.garbage.extend(part)
                raise
            for number in part:
                self.fresh.take(number)
        now_ms = self.queues.now_ms()
        over = [queue for queue in self.queues if self._forget_sent(queue, now_ms)]
        if over:
            await self._database.write(lambda c: rows.delete_ended_sent(c, now_ms))

    def stop(self) -> None:
        """Those who wait get nothing, now."""
        self._open = False
        for queue in self.queues:
            self.end_waits(queue)

    def end_waits(self, queue: Queue) -> None:
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
        while queue.waiters:
            queue.waiters.popleft().give_up()
