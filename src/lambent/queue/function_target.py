"""Functions as targets of what happens elsewhere: asynchronous events of its transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

from lambent.domain.arns import Account, parse_function_ref
from lambent.domain.errors import LambdaError
from lambent.domain.event import AsyncEvent
from lambent.queue.async_queue import AsyncQueue
from lambent.queue.targets import Landing, Letter
from lambent.store import events as rows


class FunctionTarget:
    """`Target` of everything that causes invocations."""

    def __init__(self, queue: AsyncQueue, account: Account) -> None:
        self._queue = queue
        self._account = account

    def prepare(self, arn: str, letter: Letter) -> Landing | None:
        """None where there is no such function; raises LambdaError where it takes nothing now."""
        try:
            ref = parse_function_ref(arn, self._account)
            event = self._queue.new_event(
                ref.name,
                ref.qualifier,
                letter.body.encode(),
                trace_id=letter.trace.encode("latin-1", "replace"),
            )
        except LambdaError as error:
            if error.code == "ResourceConflictException":
                raise
            return None
        return _EventLanding(self._queue, self._account, event)


class _EventLanding:
    """One event on its way into the queue."""

    def __init__(self, queue: AsyncQueue, account: Account, event: AsyncEvent) -> None:
        self._queue = queue
        self._account = account
        self._event = event

    def write(self, connection: sqlite3.Connection) -> None:
        rows.insert_event(connection, self._account, self._event)

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._queue.admit(self._event)
