"""Hands the outbox's messages over to their targets, each until it is taken or given up.

A service that writes calls `post` inside its transaction and `posted` after the commit. From then
on the message is the courier's: the row goes in the same transaction in which the target takes it,
so that nothing is lost and a target in this process gets it once. A target that fails delays no
other: see `dispatcher`. What is given up goes to its dead-letter target, or is recorded as a
discard.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.queue.backlog import WINDOW_MAX
from lambent.queue.dispatcher import Dispatcher
from lambent.queue.targets import Landing, Letter, Target
from lambent.services.delivery.gates import NO_RESOURCE, Fault, Gate, Sender
from lambent.services.delivery.retry import HOPELESS, dead_letter_attributes, decide_again
from lambent.store import outbox
from lambent.store.database import Database
from lambent.store.events import insert_discard
from lambent.store.outbox import OutboxMessage
from lambent.tasks import Tasks

log = logging.getLogger("lambent")

_SUBJECTS = {"s3.amazonaws.com": "Amazon S3 Notification"}
"""Of what services publish to topics, as recorded from AWS in many public repositories."""


class Undeliverable(Exception):
    """Trying again would be of no use; the text says why."""


class Later(Exception):
    """It is to be tried again as the target's own rules say."""

    def __init__(self, why: str, delay_s: float) -> None:
        super().__init__(why)
        self.delay_s = delay_s


class Carrier(Protocol):
    """A service whose targets are not of this process, or take their time: HTTP endpoints."""

    async def carry(self, message: OutboxMessage) -> None:
        """Deliver it. Raises LambdaError or Later where it is to be tried again, else
        Undeliverable."""
        ...


class Courier:
    """Every message of this server between its commit and its end."""

    def __init__(
        self,
        *,
        account: Account,
        database: Database,
        clock: Clock,
        tasks: Tasks,
        targets: dict[str, Target],
        gates: dict[str, Gate] | None = None,
        carriers: dict[str, Carrier] | None = None,
        role_gate: Gate | None = None,
        delay_scale: float = 1.0,
    ) -> None:
        """By the service in a target's ARN, e.g. `lambda`. A service without a gate lets all in.

        `role_gate` is asked instead where a role sends (the sender's principal is an ARN).
        """
        self.targets = targets
        self.gates = gates or {}
        self.carriers = carriers or {}
        self._role_gate = role_gate
        self._account = account
        self._database = database
        self._clock = clock
        self._tasks = tasks
        self._delay_scale = delay_scale
        self.windows: dict[str, int] = {}
        """Service → how many messages are on their way to one of its targets at a time."""
        self.dispatcher = Dispatcher(
            name="messages of the outbox",
            run=self._hand_over,
            load=self._load,
            clock=clock,
            tasks=tasks,
            window_max=self._window_max,
        )
        self._loaded_last = 0
        self._early: list[OutboxMessage] | None = []
        """What is posted before the start; None from then on."""

    async def start(self) -> None:
        """Go on with what the disk holds."""
        loaded_last = 0
        for number, target, due_s in await self._database.read(outbox.load_waiting):
            self.dispatcher.add(str(number), target, due_s)
            loaded_last = number
        early, self._early = self._early or [], None
        self._loaded_last = loaded_last
        self.posted(early)
        self.dispatcher.start()

    def stop(self) -> None:
        """Try nothing more; what waits stays on disk."""
        self.dispatcher.stop()

    def close(self) -> None:
        """Store nothing more either."""
        self.dispatcher.close()

    async def reset(self) -> None:
        """Forget every message."""
        self.dispatcher.reset()
        await self._database.write(outbox.delete_all_messages)

    def fault(self, arn: str, sender: Sender) -> Fault | None:
        """Why a target cannot be configured; None where it can."""
        service = _service(arn)
        if service not in self.targets and service not in self.carriers:
            return _not_delivered_to(service)
        return self._refusal(arn, sender)

    def message(
        self,
        target_arn: str,
        body: str,
        *,
        sender: Sender,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        group_id: str | None = None,
        dedup_id: str | None = None,
        trace: str = "",
        dead_letter_arn: str = "",
        delay_s: float = 0.0,
        age_s_max: float = outbox.UNTIL_S_DEFAULT,
        tries_max: int = outbox.TRIES_MAX_DEFAULT,
    ) -> OutboxMessage:
        """A message that is due now, or in `delay_s`. From any thread."""
        now_s = self._clock.wall_s()
        return OutboxMessage(
            target_arn=target_arn,
            source_arn=sender.source_arn,
            principal=sender.principal,
            body=body,
            attributes=attributes or {},
            group_id=group_id,
            dedup_id=dedup_id,
            trace=trace,
            dead_letter_arn=dead_letter_arn,
            created_s=now_s,
            due_s=now_s + delay_s,
            until_s=now_s + delay_s + age_s_max,
            tries_max=tries_max,
        )

    def post(self, connection: sqlite3.Connection, message: OutboxMessage) -> OutboxMessage:
        """Inside the transaction of the write that causes it; the answer is for `posted`."""
        return outbox.insert_message(connection, self._account, message)

    def prepare(self, message: OutboxMessage) -> Landing | None:
        """What takes a message within the caller's own transaction, where order matters.

        None where nothing takes it so: then it is to be posted. It is written at once.
        """
        target = self.targets.get(_service(message.target_arn))
        sender = Sender(principal=message.principal, source_arn=message.source_arn)
        if target is None or self._refusal(message.target_arn, sender) is not None:
            return None
        try:
            return target.prepare(message.target_arn, _letter(message))
        except LambdaError:
            return None

    def posted(self, messages: Iterable[OutboxMessage]) -> None:
        """After the commit. A message that is never told of goes with the next start."""
        if self._early is not None:
            self._early.extend(messages)
            return
        any_of_them = False
        for message in messages:
            if message.number <= self._loaded_last:  # the start has found it on disk
                continue
            any_of_them = True
            key = str(message.number)
            self.dispatcher.admit(
                message, key, message.target_arn, message.due_s, len(message.body)
            )
        if any_of_them:
            self.dispatcher.pump()

    # One message

    async def _load(self, numbers: list[str]) -> dict[str, OutboxMessage]:
        found = await self._database.read(
            lambda c: outbox.load_messages(c, [int(number) for number in numbers])
        )
        return {str(message.number): message for message in found}

    def _hand_over(self, message: OutboxMessage) -> None:
        service = _service(message.target_arn)
        sender = Sender(principal=message.principal, source_arn=message.source_arn)
        fault = self._refusal(message.target_arn, sender)
        if fault is not None:
            self._give_up(message, fault)
        elif service in self.targets:
            self._land(message, self.targets[service])
        elif service in self.carriers:
            work = self._carry(message, self.carriers[service])
            self._tasks.spawn(work, name=f"carry to {message.target_arn}")
        else:
            self._give_up(message, _not_delivered_to(service))

    def _window_max(self, target_arn: str) -> int:
        return self.windows.get(_service(target_arn), WINDOW_MAX)

    def _refusal(self, arn: str, sender: Sender) -> Fault | None:
        by_role = sender.principal.startswith("arn:")
        gate = self._role_gate if by_role else self.gates.get(_service(arn))
        return None if gate is None else gate.fault(arn, sender)

    def _land(self, message: OutboxMessage, target: Target) -> None:
        try:
            landing = target.prepare(message.target_arn, _letter(message))
        except LambdaError as error:
            end = self._give_up if error.code in HOPELESS else self._again
            end(message, Fault(error.message, error.code))
            return
        if landing is None:
            self._give_up(message, Fault("The target does not exist", NO_RESOURCE))
            return
        future = self._finish(message, landing.write)
        future.add_done_callback(landing.settle_by)

    async def _carry(self, message: OutboxMessage, carrier: Carrier) -> None:
        generation = self.dispatcher.generation
        fault: Fault | None = None
        delay_s: float | None = None
        try:
            await carrier.carry(message)
        except Later as error:
            fault, delay_s = Fault(str(error), "ERROR_FROM_TARGET"), error.delay_s
        except LambdaError as error:
            fault = Fault(error.message, error.code)
        except Undeliverable as error:
            if generation == self.dispatcher.generation:
                self._give_up(message, Fault(str(error), NO_RESOURCE))
            return
        except Exception as error:  # a fault of ours; the message is tried again as after any other
            log.exception("fault while carrying to %s", message.target_arn)
            fault = Fault(repr(error), "INTERNAL_ERROR")
        if generation != self.dispatcher.generation:
            return
        if fault is None:
            self._finish(message, None)
        else:
            self._again(message, fault, delay_s)

    def _again(self, message: OutboxMessage, fault: Fault, delay_s: float | None = None) -> None:
        later = decide_again(message, self._clock.wall_s(), self._delay_scale, delay_s)
        if later is None:
            self._give_up(message, fault, exhausted=True)
            return
        generation = self.dispatcher.generation

        def stored(_: asyncio.Future[None]) -> None:
            if generation == self.dispatcher.generation:
                self.dispatcher.finished(message.target_arn, throttled=True)
                self.dispatcher.add(str(message.number), message.target_arn, later.due_s)
                self.dispatcher.pump()

        future = self._database.submit(lambda c: outbox.delay_message(c, later))
        future.add_done_callback(stored)

    def _give_up(self, message: OutboxMessage, fault: Fault, *, exhausted: bool = False) -> None:
        """It goes to its dead-letter target or among the discards."""
        source, target = message.source_arn, message.target_arn
        log.warning("%s cannot deliver to %s: %s: %s", source, target, fault.code, fault.text)
        landing = self._dead_letter(message, fault, exhausted)

        def discard(connection: sqlite3.Connection) -> None:
            insert_discard(
                connection,
                self._account,
                function_name=message.source_arn,
                target_arn=message.target_arn,
                record=message.body,
                now_s=self._clock.wall_s(),
            )

        future = self._finish(message, discard if landing is None else landing.write)
        if landing is not None:
            future.add_done_callback(landing.settle_by)

    def _dead_letter(self, message: OutboxMessage, fault: Fault, exhausted: bool) -> Landing | None:
        target = self.targets.get(_service(message.dead_letter_arn))
        if target is None:
            return None
        attributes = dead_letter_attributes(message, fault, exhausted=exhausted)
        try:
            return target.prepare(
                message.dead_letter_arn, replace(_letter(message), attributes=attributes)
            )
        except LambdaError as error:
            log.warning("%s refuses a dead letter: %s", message.dead_letter_arn, error)
            return None

    def _finish(
        self, message: OutboxMessage, write: Callable[[sqlite3.Connection], None] | None
    ) -> asyncio.Future[None]:
        """The row goes, together with what follows from that."""
        generation = self.dispatcher.generation

        def finish(connection: sqlite3.Connection) -> None:
            if outbox.delete_message(connection, message.number) and write is not None:
                write(connection)

        def finished(done: asyncio.Future[None]) -> None:
            if done.cancelled() or generation != self.dispatcher.generation:
                return
            if (error := done.exception()) is not None:
                log.error("a message of the outbox could not be handed over: %s", error)
                self._again(message, Fault(str(error), "INTERNAL_ERROR"))
                return
            self.dispatcher.finished(message.target_arn, throttled=False)
            self.dispatcher.pump()

        future = self._database.submit(finish)
        future.add_done_callback(finished)
        return future


def _letter(message: OutboxMessage) -> Letter:
    return Letter(
        body=message.body,
        attributes=message.attributes,
        trace=message.trace,
        subject=_SUBJECTS.get(message.principal, ""),
        group_id=message.group_id,
        dedup_id=message.dedup_id,
    )


def _not_delivered_to(service: str) -> Fault:
    return Fault(f"Lambent does not deliver to {service or 'that'} yet", "INVALID_PARAMETER")


def _service(arn: str) -> str:
    parts = arn.split(":", 3)
    return parts[2] if len(parts) == 4 else ""
