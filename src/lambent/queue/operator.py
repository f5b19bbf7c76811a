"""What an operator sees of the queue of events, and does to it: drop, or try again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from lambent.clock import Clock, format_iso_ms
from lambent.domain.errors import LambdaError
from lambent.domain.event import AsyncEvent
from lambent.queue.async_queue import AsyncQueue
from lambent.store import event_views
from lambent.store.database import Database

LISTED_MAX = 1_000
"""Events and discards of one function in one answer, the oldest first."""


class QueueOperator:
    """Of one server."""

    def __init__(
        self,
        queue: AsyncQueue,
        database: Database,
        clock: Clock,
        deliveries: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """`deliveries`: target → messages of other services that wait for it."""
        self._queue = queue
        self._deliveries = deliveries
        self._database = database
        self._clock = clock

    async def summary(self) -> dict[str, Any]:
        """For each function with events or discards: how many, since when, how many fail.

        And for each target of services how many of their messages wait for it.
        """
        now_s = self._clock.wall_s()
        running = self._queue.dispatcher.running()
        found = await self._database.read(event_views.summarize_events)
        return {
            "functions": [
                {
                    "FunctionName": one.function,
                    "Depth": one.events,
                    "Running": running.get(one.function, 0),
                    "Failing": one.failing,
                    "OldestSeconds": round(max(0.0, now_s - one.oldest_s), 3)
                    if one.oldest_s is not None
                    else None,
                    "Discards": one.discards,
                }
                for one in found
            ],
            "deliveries": [
                {"TargetArn": target, "Depth": depth}
                for target, depth in sorted(self._deliveries().items())
            ],
        }

    async def describe(self, function: str) -> dict[str, Any]:
        """The function's events and discards, the oldest `LISTED_MAX` of each."""
        events = await self._database.read(
            lambda c: event_views.list_events(c, function, LISTED_MAX)
        )
        discards = await self._database.read(
            lambda c: event_views.list_discards(c, function, LISTED_MAX)
        )
        return {
            "FunctionName": function,
            "Events": [_describe_event(event) for event in events],
            "Discards": [
                {
                    "DiscardedAt": format_iso_ms(discard.discarded_s),
                    "TargetArn": discard.target_arn,
                    "Record": _parsed(discard.record),
                }
                for discard in discards
            ],
        }

    async def drop(self, function: str) -> dict[str, Any]:
        """Forget what waits and the discards; what runs ends, but is not tried again."""
        self._queue.dispatcher.forget(function)
        events, discards = await self._database.write(
            lambda c: event_views.drop_events(c, function)
        )
        return {"FunctionName": function, "Events": events, "Discards": discards}

    async def retry(self, function: str) -> dict[str, Any]:
        """Try what waits now; failures that nothing took become events again.

        Records that a destination did not take stay where they are: their function ran.
        """
        now_s = self._clock.wall_s()
        waiting = self._queue.dispatcher.take_waiting(function)
        discards = await self._database.read(
            lambda c: event_views.list_discards(c, function, LISTED_MAX)
        )
        again = []
        for discard in discards:
            event = self._event_of(function, discard)
            if event is not None:
                again.append((discard.number, event))

        def write(connection: sqlite3.Connection) -> None:
            event_views.hasten_events(connection, waiting, now_s)
            for number, event in again:
                event_views.revive_discard(connection, self._queue.account, number, event)

        try:
            await self._database.write(write)
        finally:  # after a write that failed they wait as before, but for a shorter time
            self._queue.dispatcher.give_back(function, waiting, now_s)
        for _, event in again:
            self._queue.admit(event)
        return {"FunctionName": function, "Events": len(waiting), "Discards": len(again)}

    def _event_of(self, function: str, discard: event_views.Discard) -> AsyncEvent | None:
        """A new event with the payload of a failure that had no target; None for others."""
        record = _parsed(discard.record)
        if discard.target_arn or not isinstance(record, dict) or "requestPayload" not in record:
            return None
        arn = str(record.get("requestContext", {}).get("functionArn", ""))
        qualifier = arn.split(":")[7] if arn.count(":") >= 7 else None
        try:
            return self._queue.new_event(
                function,
                None if qualifier == "$LATEST" else qualifier,
                json.dumps(record["requestPayload"]).encode(),
            )
        except LambdaError:
            return None  # the function is gone, or cannot run


def _describe_event(event: AsyncEvent) -> dict[str, Any]:
    return {
        "RequestId": event.request_id,
        "Qualifier": event.qualifier,
        "AcceptedAt": format_iso_ms(event.accepted_s),
        "DueAt": format_iso_ms(event.due_s),
        "Attempts": event.attempts,
        "Throttles": event.back_offs,
        "PayloadBytes": len(event.payload),
    }


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
