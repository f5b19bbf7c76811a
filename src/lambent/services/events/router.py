"""Where an event goes: the targets of the rules that it matches, and the archives of its bus.

An event is decided upon in memory; what follows from it is written with somebody's transaction, as
messages of the outbox, which delivers them. An event that came from another bus goes to no third
one. Source: EventBridge User Guide, "Sending and receiving events between event buses".
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from lambent.services.delivery.courier import Courier
from lambent.services.delivery.gates import Sender
from lambent.services.events import rows
from lambent.services.events.entries import format_time
from lambent.services.events.inputs import Occasion
from lambent.services.events.model import PRINCIPAL
from lambent.services.events.state import LiveRule, LiveTarget, State
from lambent.store.outbox import OutboxMessage

FORWARDED, THIRD_BUS = "lambent.forwarded", "lambent.third-bus"
"""Attributes of a message from bus to bus, and of one on to a third, which does not take it."""
_TRUE = {"DataType": "String", "StringValue": "true"}


class Routing:
    """What follows from some events: `queue.targets.Landing`."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._posted: list[OutboxMessage] = []
        self.messages: list[OutboxMessage] = []
        self.archived: list[tuple[int, float, float, str]] = []
        """(archive, time, now, event) of each."""

    def __bool__(self) -> bool:
        return bool(self.messages or self.archived)

    def write(self, connection: sqlite3.Connection) -> None:
        self._posted = [self._courier.post(connection, message) for message in self.messages]
        for archive, time_s, now_s, event in self.archived:
            rows.insert_archived(connection, archive, time_s, now_s, event)

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._courier.posted(self._posted)


class Router:
    """Decides by the rules that are in force."""

    def __init__(self, state: State, courier: Courier) -> None:
        self._state = state
        self._courier = courier

    def new_routing(self) -> Routing:
        return Routing(self._courier)

    def route(
        self,
        routing: Routing,
        bus: str,
        event: Mapping[str, Any],
        text: str,
        *,
        trace: str = "",
        forwarded: bool = False,
    ) -> None:
        """Add to `routing` what follows from an event (and its JSON) that a bus receives."""
        now_s = self._state.clock.wall_s()
        self._archive(routing, bus, event, text, now_s)
        for rule in self._state.rules_of(bus):
            if rule.row.enabled and rule.pattern is not None and rule.pattern.matches(event):
                self._send(routing, rule, event, text, now_s, trace, forwarded)

    def replay(
        self,
        routing: Routing,
        bus: str,
        event: Mapping[str, Any],
        text: str,
        only: Collection[str],
    ) -> None:
        """The same for a replayed event: archives do not get it again.

        `only`: ARNs of rules; none are all of the bus.
        """
        now_s = self._state.clock.wall_s()
        for rule in self._state.rules_of(bus):
            if only and rule.arn not in only:
                continue
            if rule.row.enabled and rule.pattern is not None and rule.pattern.matches(event):
                self._send(routing, rule, event, text, now_s, "", False)

    def trigger(
        self, routing: Routing, rule: LiveRule, event: Mapping[str, Any], text: str
    ) -> None:
        """A rule's schedule is due: its own targets get the event."""
        self._send(routing, rule, event, text, self._state.clock.wall_s(), "", False)

    def _archive(
        self, routing: Routing, bus: str, event: Mapping[str, Any], text: str, now_s: float
    ) -> None:
        for archive in self._state.archives.values():
            if archive.row.bus != bus:
                continue
            if archive.pattern is None or archive.pattern.matches(event):
                time_s = _time_of(event, now_s)
                routing.archived.append((archive.row.number, time_s, now_s, text))

    def _send(
        self,
        routing: Routing,
        rule: LiveRule,
        event: Mapping[str, Any],
        text: str,
        now_s: float,
        trace: str,
        forwarded: bool,
    ) -> None:
        occasion = Occasion(
            event=event,
            text=text,
            rule_arn=rule.arn,
            rule_name=rule.row.name,
            ingested=format_time(datetime.fromtimestamp(now_s, UTC)),
        )
        for target in rule.targets:
            mark = THIRD_BUS if forwarded else FORWARDED
            attributes = {mark: _TRUE} if is_bus(target.arn) else None
            routing.messages.append(self._message(rule, target, occasion, trace, attributes))

    def _message(
        self,
        rule: LiveRule,
        target: LiveTarget,
        occasion: Occasion,
        trace: str,
        attributes: Mapping[str, Mapping[str, Any]] | None,
    ) -> OutboxMessage:
        return self._courier.message(
            target.arn,
            target.plan.render(occasion),
            sender=Sender(principal=target.role_arn or PRINCIPAL, source_arn=rule.arn),
            attributes=attributes,
            group_id=target.group_id,
            trace=trace,
            dead_letter_arn=target.dead_letter_arn,
            age_s_max=target.age_s_max,
            tries_max=target.tries_max,
        )


def is_bus(arn: str) -> bool:
    return ":events:" in arn and ":event-bus/" in arn


def _time_of(event: Mapping[str, Any], now_s: float) -> float:
    """Of an event of whatever source."""
    try:
        return datetime.fromisoformat(str(event["time"])).timestamp()
    except (KeyError, ValueError, OverflowError):
        return now_s
