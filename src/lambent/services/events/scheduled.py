"""Rules that are triggered by the clock.

A rule's row holds the next instant at which it is due. What is sent at an instant and the advance
of the row to the next are one transaction: no instant is served twice, whenever the server is
killed. Instants that were missed are skipped, as a rule has no memory of time on AWS either.
Source of the event: EventBridge User Guide, "Creating a rule that runs on a schedule"; [LS]
test_events_schedule.snapshot.json.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lambent.domain.cron import ScheduleError
from lambent.domain.errors import PlatformFault
from lambent.domain.schedule import At, Rate, Schedule, parse_expression
from lambent.services.delivery.timetable import LATE_S_MAX, Timetable
from lambent.services.events.entries import envelope, format_time
from lambent.services.events.inputs import compact
from lambent.services.events.model import Rule, invalid, rule_key
from lambent.services.events.router import Router, Routing
from lambent.services.events.state import LiveRule, State
from lambent.tasks import Tasks

AGAIN_S = 5.0
"""After a fault of the database."""

log = logging.getLogger("lambent")


class ScheduledRules:
    """Follows the rules of the state; does nothing before `start`."""

    def __init__(self, state: State, router: Router, tasks: Tasks) -> None:
        self._state = state
        self._router = router
        self._tasks = tasks
        self.timetable = Timetable(state.clock, self._due)
        state.on_rule = self._changed

    def start(self) -> None:
        self.timetable.start()

    def stop(self) -> None:
        self.timetable.stop()

    def _changed(self, rule: Rule, *, gone: bool) -> None:
        self.timetable.set(rule_key(rule.bus, rule.name), None if gone else rule.due_s)

    def _due(self, key: str) -> None:
        self._tasks.spawn(self._fire(key), name="scheduled rule")

    async def _fire(self, key: str) -> None:
        bus, _, name = key.partition("\n")

        def make() -> tuple[Rule, Routing] | None:
            live = self._state.rules.get(bus, {}).get(name)
            return None if live is None else self._decide(live)

        try:
            if await self._state.advance(make) is None:  # it was changed, or the clock was
                live = self._state.rules.get(bus, {}).get(name)
                self.timetable.set(key, None if live is None else live.row.due_s)
        except Exception as error:  # it is tried again, in a while
            fault = None if isinstance(error, PlatformFault) else error
            log.error("rule %s could not be triggered: %s", name, error, exc_info=fault)
            self.timetable.set(key, self._state.clock.wall_s() + AGAIN_S)

    def _decide(self, live: LiveRule) -> tuple[Rule, Routing] | None:
        """The rule after the instant that is due, and what is sent at it."""
        now_s, due_s = self._state.clock.wall_s(), live.row.due_s
        if due_s is None or due_s > now_s:
            return None
        routing = self._router.new_routing()
        schedule = schedule_of(live.row)
        if now_s - due_s > LATE_S_MAX:
            log.warning("rule %s was due at %s: skipped", live.row.name, _format(due_s))
            return replace(live.row, due_s=schedule.next_s(now_s)), routing
        event = self._event(live, due_s)
        self._router.trigger(routing, live, event, compact(event))
        return replace(live.row, due_s=schedule.next_s(due_s)), routing

    def _event(self, live: LiveRule, due_s: float) -> dict[str, Any]:
        return envelope(
            event_id=str(uuid.uuid4()),
            detail_type="Scheduled Event",
            source="aws.events",
            account=self._state.account,
            time=_format(due_s),
            resources=[live.arn],
            detail={},
        )


def check_schedule(text: str) -> None:
    """Raises LambdaError ValidationException. [LS] in form."""
    try:
        expression = parse_expression(text)
    except ScheduleError:
        expression = None
    unfit = isinstance(expression, Rate) and not expression.strict
    if expression is None or isinstance(expression, At) or unfit:
        raise invalid("Parameter ScheduleExpression is not valid.")


def arrange(rule: Rule, now_s: float) -> Rule:
    """With the instant at which it is due next; a rate counts from now where it has no anchor."""
    if not rule.schedule or not rule.enabled:
        return replace(rule, due_s=None, anchor_s=None)
    if rule.anchor_s is None:
        rule = replace(rule, anchor_s=now_s)
    if rule.due_s is not None and rule.due_s > now_s:
        return rule
    return replace(rule, due_s=schedule_of(rule).next_s(now_s))


def schedule_of(rule: Rule) -> Schedule:
    """Always in UTC."""
    return Schedule(expression=parse_expression(rule.schedule), anchor_s=rule.anchor_s or 0.0)


def _format(instant_s: float) -> str:
    return format_time(datetime.fromtimestamp(instant_s, UTC))
