"""When a schedule is due: cron(), rate() and at(), in a time zone with its daylight saving. Pure.

A local time that does not exist, as the clock goes forward, is skipped; one that comes twice, as
it goes back, counts the first time only. A rate counts seconds from its anchor, whatever clocks do.
Source: EventBridge Scheduler User Guide, "Schedule types" (rate, cron, one-time, daylight saving).
All instants are seconds since the epoch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from lambent.domain.cron import Cron, ScheduleError, parse_cron

_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
_RATE = re.compile(r"(\d{1,9}) (minute|hour|day)(s?)", re.ASCII)
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_EXPRESSION = re.compile(r"(cron|rate|at)\((.*)\)", re.ASCII)
_LOOK_BACK_S = 60.0
_CRON_END_S = 7_258_204_800.0
"""A day after the last year that an expression can name: 2200-01-02."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many seconds, from the anchor on."""

    period_s: int
    strict: bool
    """Whether the number of the unit fits its value: rules ask for that."""


@dataclass(frozen=True, slots=True)
class At:
    """Once, at a local time."""

    moment: datetime


Expression = Cron | Rate | At


@lru_cache(maxsize=4_096)
def parse_expression(text: str) -> Expression:
    """Raises ScheduleError."""
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise ScheduleError("An expression is cron(…), rate(…) or at(…)")
    kind, inner = match.groups()
    if kind == "cron":
        return parse_cron(inner)
    if kind == "rate":
        return _parse_rate(inner)
    if _AT.fullmatch(inner) is None:
        raise ScheduleError("at(yyyy-mm-ddThh:mm:ss)")
    try:
        return At(datetime.fromisoformat(inner))
    except ValueError as error:
        raise ScheduleError(str(error)) from None


def parse_zone(name: str) -> tzinfo:
    """Of the host's time zones. Raises ScheduleError."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise ScheduleError(f"{name} is no time zone of this host") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """An expression with all that decides when it is due."""

    expression: Expression
    zone: tzinfo = UTC
    anchor_s: float
    """A rate's first instant."""
    start_s: float = float("-inf")
    end_s: float = float("inf")
    """Both inclusive; neither holds for a schedule that is due once."""

    def next_s(self, after_s: float) -> float | None:
        """The first instant after one; None where there is none."""
        match self.expression:
            case At(moment):
                due_s = moment.replace(tzinfo=self.zone).timestamp()
                return due_s if due_s > after_s else None
            case Rate(period_s):
                due_s = self._next_of_rate(max(after_s, _before(self.start_s)), period_s)
            case Cron() as cron:
                found = self._next_of_cron(cron, max(after_s, _before(self.start_s)))
                if found is None:
                    return None
                due_s = found
        return due_s if due_s <= self.end_s else None

    def last_s(self, after_s: float, until_s: float) -> float | None:
        """The last instant after one and not after another; None where there is none.

        Looks back by doubling, so that a long time with many instants costs as little as a short.
        """
        back_s = _LOOK_BACK_S
        while True:
            from_s = max(after_s, until_s - back_s)
            found = last = self.next_s(from_s)
            while found is not None and found <= until_s:
                last = found
                found = self.next_s(found)
            if last is not None and last <= until_s:
                return last
            if from_s == after_s:
                return None
            back_s *= 2

    def _next_of_rate(self, after_s: float, period_s: int) -> float:
        if after_s < self.anchor_s:
            return self.anchor_s
        due_s = self.anchor_s + period_s * ((after_s - self.anchor_s) // period_s + 1)
        return due_s if due_s > after_s else due_s + period_s

    def _next_of_cron(self, cron: Cron, after_s: float) -> float | None:
        if after_s >= _CRON_END_S:
            return None
        for local in _locals_after(cron, self.zone, after_s):
            moment = local.replace(tzinfo=self.zone)
            due_s = moment.timestamp()
            exists = datetime.fromtimestamp(due_s, self.zone).replace(tzinfo=None) == local
            if exists and due_s > after_s:
                return due_s
        return None


def execution_id(arn: str, instant_s: float) -> str:
    """Of what a schedule does at one instant: the same whoever asks, in AWS's form."""
    return hashlib.sha256(f"{arn}\n{instant_s}".encode()).hexdigest()[:16]


def spread_s(arn: str, instant_s: float, window_s: int) -> float:
    """How far into its window an instant is due: by chance, and the same after a restart."""
    if window_s == 0:
        return 0.0
    digest = hashlib.sha256(f"{arn}\n{instant_s}\nwindow".encode()).digest()
    return float(int.from_bytes(digest[:8], "big") % window_s)


def _locals_after(cron: Cron, zone: tzinfo, after_s: float) -> Iterator[datetime]:
    local = datetime.fromtimestamp(after_s, zone)
    return cron.after(local.replace(tzinfo=None, fold=0))


def _before(instant_s: float) -> float:
    """So that what is due after it may be due at the instant."""
    return instant_s - 1e-3


def _parse_rate(inner: str) -> Rate:
    match = _RATE.fullmatch(inner)
    if match is None or int(match[1]) < 1:
        raise ScheduleError("rate(value unit)")
    value, unit, plural = int(match[1]), match[2], bool(match[3])
    return Rate(value * _UNITS[unit], strict=(value == 1) != plural)
