"""What a schedule does when its time has come. Pure.

An instant is served at its time, or within its flexible window. One that is more than a minute late
was missed: the server was down. Of several missed ones the last is served, once, if it is not older
than the target's MaximumEventAgeInSeconds: as if AWS had tried all the while and got through now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lambent.domain.schedule import At, Rate, spread_s
from lambent.services.delivery.timetable import LATE_S_MAX
from lambent.services.scheduler.model import AGE_S_DEFAULT, ScheduleRow

_JUST_BEFORE_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One decision."""

    instant_s: float | None
    """The one that is served; None: all that was missed is too old."""
    following: ScheduleRow | None
    """The schedule from then on; None: it is complete and deletes itself."""


def arrange(row: ScheduleRow, now_s: float) -> ScheduleRow:
    """With its first instant from now on. One-time schedules may be a minute late."""
    if row.state != "ENABLED":
        return replace(row, due_s=None)
    schedule = row.schedule
    after_s = now_s
    if isinstance(schedule.expression, At):
        after_s -= LATE_S_MAX
    elif isinstance(schedule.expression, Rate):
        after_s -= _JUST_BEFORE_S  # its anchor is an instant
    if row.served_s is not None:
        after_s = max(after_s, row.served_s)
    return replace(row, due_s=schedule.next_s(after_s))


def fire_at_s(row: ScheduleRow, arn: str) -> float | None:
    """When its next instant is served: within the window by chance, the same after a restart."""
    if row.due_s is None:
        return None
    return row.due_s + spread_s(arn, row.due_s, row.window_min * 60)


def decide(row: ScheduleRow, arn: str, now_s: float) -> Firing | None:
    """None where nothing is due."""
    at_s = fire_at_s(row, arn)
    if row.due_s is None or at_s is None or at_s > now_s:
        return None
    schedule = row.schedule
    last_s, too_old = row.due_s, False
    if now_s - at_s > LATE_S_MAX:
        last_s = schedule.last_s(row.due_s - _JUST_BEFORE_S, now_s) or row.due_s
        too_old = now_s - last_s > age_s_max(row)
    instant_s = None if too_old else last_s
    next_s = schedule.next_s(last_s)
    if next_s is None and row.action == "DELETE":
        return Firing(instant_s=instant_s, following=None)
    return Firing(instant_s=instant_s, following=replace(row, due_s=next_s, served_s=last_s))


def age_s_max(row: ScheduleRow) -> float:
    retry = row.target.get("RetryPolicy") or {}
    return float(retry.get("MaximumEventAgeInSeconds", AGE_S_DEFAULT))
