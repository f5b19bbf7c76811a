"""Asynchronous invocation: accepted means on disk; then tried until an end that is recorded.

The driver of `retry`; the `dispatcher` says when. A row leaves the disk only for success, for a
destination that has taken its record (in the same transaction), or for a discard that is recorded
itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import Protocol

from lambent.clock import Clock
from lambent.domain.arns import Account, parse_function_ref
from lambent.domain.errors import NOT_RUN, LambdaError, PlatformFault
from lambent.domain.event import AsyncEvent, Delivery
from lambent.domain.ids import new_request_id
from lambent.domain.invocation import Invocation, Outcome
from lambent.domain.lineage import advance, new_trace
from lambent.invoke.invoker import Invoker
from lambent.queue.dispatcher import Dispatcher
from lambent.queue.records import build_record
from lambent.queue.retry import Again, Condition, Ended, Result, decide, is_too_old
from lambent.queue.targets import Landing, Letter, Target, dead_letter_attributes
from lambent.store import events as rows
from lambent.store.database import Database
from lambent.tasks import Tasks

log = logging.getLogger("lambent")


class Deliveries(Protocol):
    """What the owners of functions want of failures."""

    def delivery(self, name: str, qualifier: str | None) -> Delivery: ...

    def step(self, name: str, trace_id: bytes) -> bytes:
        """The trace header of the next invocation in a chain.

        Raises LambdaError RecursiveInvocationException where the chain is a loop.
        """
        ...

    def is_blocked(self, name: str) -> bool:
        """Whether the function's reserved concurrency is zero."""
        ...


class AsyncQueue:
    """Every event of this server between its acceptance and its end."""

    def __init__(
        self,
        *,
        account: Account,
        database: Database,
        invoker: Invoker,
        deliveries: Deliveries,
        clock: Clock,
        tasks: Tasks,
        delay_scale: float = 1.0,
        targets: Mapping[str, Target] | None = None,
    ) -> None:
        """`targets`: by the service in their ARNs, e.g. `sqs`; functions are targets anyway."""
        self.account = account
        self._database = database
        self._invoker = invoker
        self._deliveries = deliveries
        self._clock = clock
        self._delay_scale = delay_scale
        self.targets = dict(targets or {})
        self._accepting: list[AsyncEvent] = []
        self._accepted: asyncio.Future[None] | None = None
        """Of the events that the next write stores."""
        self.dispatcher = Dispatcher(
            name="events",
            run=self._try,
            load=self._load,
            clock=clock,
            tasks=tasks,
        )

    async def start(self) -> None:
        """Go on with what the disk holds."""
        for request_id, function, due_s in await self._database.read(rows.load_waiting):
            self.dispatcher.add(request_id, function, due_s)
        self.dispatcher.start()

    def stop(self) -> None:
        """Try nothing more; what waits stays on disk. What runs may still end and be stored."""
        self.dispatcher.stop()

    def close(self) -> None:
        """Store nothing more either: what has not ended by now is tried again after a start."""
        self.dispatcher.close()

    def accept(self, event: AsyncEvent) -> asyncio.Future[None]:
        """Done once the event is on disk; it is tried from then on.

        What comes in one turn of the loop is one write, and shares the future.
        """
        if self._accepted is None:
            loop = asyncio.get_running_loop()
            self._accepted = loop.create_future()
            loop.call_soon(self._store_accepted)
        self._accepting.append(event)
        return self._accepted

    def _store_accepted(self) -> None:
        generation = self.dispatcher.generation
        events, self._accepting = self._accepting, []
        told, self._accepted = self._accepted, None
        assert told is not None

        def stored(done: asyncio.Future[None]) -> None:
            if done.cancelled() or (error := done.exception()) is not None:
                fault = None if done.cancelled() else error
                told.set_exception(fault or PlatformFault("the database was closed"))
                return
            if generation == self.dispatcher.generation:
                for event in events:
                    self._admit(event)
            told.set_result(None)
            self.dispatcher.pump()

        try:
            future = self._database.submit(lambda c: rows.insert_events(c, self.account, events))
        except PlatformFault as error:
            told.set_exception(error)
            return
        future.add_done_callback(stored)

    def new_event(
        self,
        name: str,
        qualifier: str | None,
        payload: bytes,
        *,
        request_id: str | None = None,
        trace_id: bytes = b"",
        client_context: bytes = b"",
        tenant_id: bytes = b"",
    ) -> AsyncEvent:
        """An event for a function that can run. Raises LambdaError as `Invoker.check` does."""
        self._invoker.check(name, qualifier)
        now_s = self._clock.wall_s()
        return AsyncEvent(
            request_id=request_id or new_request_id(),
            function_name=name,
            qualifier=qualifier,
            payload=payload,
            trace_id=trace_id,
            client_context=client_context,
            tenant_id=tenant_id,
            accepted_s=now_s,
            due_s=now_s,
        )

    def admit(self, event: AsyncEvent) -> None:
        """Have an event tried whose row another transaction has put on disk."""
        self._admit(event)
        self.dispatcher.pump()

    async def reset(self) -> None:
        """Forget every event; what runs is not retried."""
        self.dispatcher.reset()
        await self._database.write(rows.delete_all_events)

    # One event

    def _admit(self, event: AsyncEvent) -> None:
        self.dispatcher.admit(
            event, event.request_id, event.function_name, event.due_s, len(event.payload)
        )

    async def _load(self, request_ids: list[str]) -> dict[str, AsyncEvent]:
        found = await self._database.read(lambda c: rows.load_events(c, request_ids))
        return {event.request_id: event for event in found}

    def _try(self, event: AsyncEvent) -> None:
        delivery = self._deliveries.delivery(event.function_name, event.qualifier)
        if is_too_old(event, delivery, self._clock.wall_s()):
            ended = Ended(Condition.EVENT_AGE_EXCEEDED, event.attempts)
            self._finished(event, ended, None, throttled=False)
            return
        if self._deliveries.is_blocked(event.function_name):
            self._decide(event, Result.BLOCKED, None)
            return
        trace_id = event.trace_id or new_trace(event.request_id, event.accepted_s)
        try:
            trace_id = self._deliveries.step(event.function_name, trace_id)
        except LambdaError:
            self._decide(event, Result.LOOPED, None)
            return
        generation = self.dispatcher.generation

        def done(result: Outcome | LambdaError) -> None:
            if generation != self.dispatcher.generation:
                return
            if isinstance(result, LambdaError):
                self._decide(event, _result_of(result), None)
            elif result.error is not None:
                self._decide(event, Result.FUNCTION_FAILED, result)
            else:
                self._decide(event, Result.SUCCEEDED, result)

        invocation = Invocation(
            event.request_id,
            event.payload,
            event.client_context,
            trace_id,
            qualifier=event.qualifier,
            tenant_id=event.tenant_id,
        )
        try:
            self._invoker.invoke(event.function_name, event.qualifier, invocation, done)
        except LambdaError as error:
            done(error)

    def _decide(self, event: AsyncEvent, result: Result, outcome: Outcome | None) -> None:
        verdict = decide(
            event,
            result,
            self._deliveries.delivery(event.function_name, event.qualifier),
            self._clock.wall_s(),
            scale=self._delay_scale,
        )
        self._finished(event, verdict, outcome, throttled=result is Result.NOT_RUN)

    def _finished(
        self,
        event: AsyncEvent,
        verdict: Again | Ended,
        outcome: Outcome | None,
        *,
        throttled: bool,
    ) -> None:
        self.dispatcher.finished(event.function_name, throttled=throttled)
        if isinstance(verdict, Again):
            self._delay(verdict.event)
        else:
            self._end(event, verdict, outcome)
        self.dispatcher.pump()

    def _delay(self, event: AsyncEvent) -> None:
        """Have it tried again when it is due, but not before its row says which try that is."""
        generation = self.dispatcher.generation

        def stored(_: asyncio.Future[None]) -> None:
            if generation == self.dispatcher.generation:
                self.dispatcher.add(event.request_id, event.function_name, event.due_s)
                self.dispatcher.pump()

        self._commit(lambda c: rows.delay_event(c, event)).add_done_callback(stored)

    def _end(self, event: AsyncEvent, ended: Ended, outcome: Outcome | None) -> None:
        """Delete the row, together with what follows from the end."""
        letters = self._letters(event, ended, outcome)
        if not letters and ended.condition is Condition.SUCCESS:
            self._commit(lambda c: rows.delete_event(c, event.request_id))
            return
        followers, landings, refused = [], [], []
        for target, letter in letters:
            if (follower := self._follower(target, letter)) is not None:
                followers.append(follower)
            elif (landing := self._land(target, letter)) is not None:
                landings.append(landing)
            else:
                refused.append((target, letter.body))
                _warn(event, ended, target)
        now_s = self._clock.wall_s()

        def write(connection: sqlite3.Connection) -> None:
            rows.delete_event(connection, event.request_id)
            for follower in followers:
                rows.insert_event(connection, self.account, follower)
            for landing in landings:
                landing.write(connection)
            for target, record in refused:
                rows.insert_discard(
                    connection,
                    self.account,
                    function_name=event.function_name,
                    target_arn=target,
                    record=record,
                    now_s=now_s,
                )

        future = self._commit(write)
        for landing in landings:
            future.add_done_callback(landing.settle_by)
        if followers:
            future.add_done_callback(lambda done: self._follow(done, followers))

    def _letters(
        self, event: AsyncEvent, ended: Ended, outcome: Outcome | None
    ) -> list[tuple[str, Letter]]:
        """(target, what it gets); a failure without a target has one for the discards, as ''.

        A chain goes on through a target, so that a loop of destinations ends as any other.
        """
        delivery = self._deliveries.delivery(event.function_name, event.qualifier)
        succeeded = ended.condition is Condition.SUCCESS
        destination = delivery.on_success if succeeded else delivery.on_failure
        dead_letter = "" if succeeded else delivery.dead_letter
        if succeeded and not destination:
            return []
        chain = event.trace_id or new_trace(event.request_id, event.accepted_s)
        trace = advance(chain, event.function_name).decode("latin-1")
        letters = []
        if destination or not dead_letter:
            now_s = self._clock.wall_s()
            record = build_record(event, ended, outcome, self.account, now_s)
            letters.append((destination, Letter(body=json.dumps(record), trace=trace)))
        if dead_letter:
            attributes = dead_letter_attributes(event, ended, outcome)
            body = event.payload.decode("utf-8", "replace") or "{}"
            letters.append((dead_letter, Letter(body=body, attributes=attributes, trace=trace)))
        return letters

    def _land(self, target: str, letter: Letter) -> Landing | None:
        service = (target.split(":") + [""] * 3)[2]
        found = self.targets.get(service)
        try:
            return None if found is None else found.prepare(target, letter)
        except LambdaError as error:
            log.warning("%s refuses a record: %s", target, error)
            return None

    def _follow(self, done: asyncio.Future[None], followers: list[AsyncEvent]) -> None:
        if not done.cancelled() and done.exception() is None:
            for follower in followers:
                self._admit(follower)
            self.dispatcher.pump()

    def _follower(self, target: str, letter: Letter) -> AsyncEvent | None:
        """The event that a function as destination gets; None where the target is none."""
        if ":lambda:" not in target:
            return None
        try:
            ref = parse_function_ref(target, self.account)
            trace_id = letter.trace.encode("latin-1")
            return self.new_event(ref.name, ref.qualifier, letter.body.encode(), trace_id=trace_id)
        except LambdaError:
            return None

    def _commit(self, write: Callable[[sqlite3.Connection], None]) -> asyncio.Future[None]:
        future = self._database.submit(write)
        future.add_done_callback(_log_fault)
        return future


def _result_of(error: LambdaError) -> Result:
    if error.code == "ResourceNotFoundException":
        return Result.GONE
    return Result.NOT_RUN if error.code in NOT_RUN else Result.FUNCTION_FAILED


def _warn(event: AsyncEvent, ended: Ended, target: str) -> None:
    log.warning(
        "event %s of %s ended as %s%s; it is kept among the discards",
        event.request_id,
        event.function_name,
        ended.condition,
        f" and {target} cannot take its record" if target else "",
    )


def _log_fault(done: asyncio.Future[None]) -> None:
    """The row stays as it was: the event is tried once more after the next start."""
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("an event's outcome could not be stored: %s", error)
