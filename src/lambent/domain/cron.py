"""AWS's cron expressions, in local time without a zone. Pure.

Six fields: minutes, hours, day of month, month, day of week, year. A field is a list of values,
ranges and steps; `*` is any, `?` leaves the day to the other of the two day fields, of which
exactly one must be `?`. Of days of the month: `L` the last, `LW` the last weekday, `15W` the
weekday that is nearest to the 15th in the same month. Of days of the week (1 is Sunday): `L`
Saturday, `6L` the last Friday of the month, `6#3` its third Friday.

Sources: EventBridge Scheduler User Guide, "Cron-based schedules"; EventBridge User Guide, "Cron
expressions reference". Not documented, and taken from Quartz, whose form it is: `LW`, ranges that
begin behind their end (`FRI-MON`), steps after a value (`5/15`: from 5 to the end).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

YEAR_MIN, YEAR_MAX = 1970, 2199
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTH_NAMES = {name: number for number, name in enumerate(_MONTHS, 1)}
_DAY_NAMES = {name: number for number, name in enumerate(_DAYS, 1)}
_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", re.ASCII)
_NEAREST = re.compile(r"(\d{1,2})W", re.ASCII)
_LAST_OF = re.compile(r"(\w+)L", re.ASCII)
_NTH_OF = re.compile(r"(\w+)#([1-5])", re.ASCII)


class ScheduleError(ValueError):
    """An expression that is none."""


@dataclass(frozen=True, slots=True)
class Days:
    """Which days of a month. Days of the week count from 1, Sunday."""

    of_month: frozenset[int] = frozenset()
    of_week: frozenset[int] = frozenset()
    last: bool = False
    last_weekday: bool = False
    nearest: frozenset[int] = frozenset()
    """The weekdays nearest to these days."""
    last_of: frozenset[int] = frozenset()
    """The last such day of the week."""
    nth: tuple[int, int] | None = None
    """(day of the week, which of them)."""

    def of(self, year: int, month: int) -> list[int]:
        """The days of one month, in order."""
        first_weekday, length = monthrange(year, month)  # 0 is Monday
        weekday = [(first_weekday + day) % 7 + 1 for day in range(length + 1)]  # of day: [day]
        found = {day for day in self.of_month if day <= length}
        found.update(day for day in range(1, length + 1) if weekday[day] in self.of_week)
        if self.last:
            found.add(length)
        if self.last_weekday:
            found.add(_nearest(length, length, weekday))
        found.update(_nearest(day, length, weekday) for day in self.nearest if day <= length)
        found.update(day for day in range(length - 6, length + 1) if weekday[day] in self.last_of)
        if self.nth is not None:
            wanted, number = self.nth
            those = [day for day in range(1, length + 1) if weekday[day] == wanted]
            found.update(those[number - 1 : number])
        return sorted(found)


def _nearest(day: int, length: int, weekday: Sequence[int]) -> int:
    """The weekday nearest to a day, in the same month."""
    if weekday[day] == 7:
        return day - 1 if day > 1 else day + 2
    if weekday[day] == 1:
        return day + 1 if day < length else day - 2
    return day


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression; numbers are sorted."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every local minute that fits, later than `moment`, in order. Naive."""
        start = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for day in self._days_from(start.date()):
            first = day == start.date()
            for hour in self.hours[bisect_left(self.hours, start.hour) if first else 0 :]:
                within = first and hour == start.hour
                from_minute = bisect_left(self.minutes, start.minute) if within else 0
                for minute in self.minutes[from_minute:]:
                    yield datetime(day.year, day.month, day.day, hour, minute)

    def _days_from(self, start: date) -> Iterator[date]:
        for year in self.years[bisect_left(self.years, start.year) :]:
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self.days.of(year, month):
                    found = date(year, month, day)
                    if found >= start:
                        yield found


def parse_cron(text: str) -> Cron:
    """From what is between the brackets. Raises ScheduleError."""
    fields = text.split()
    if len(fields) != 6:
        raise ScheduleError("A cron expression has six fields")
    minutes, hours, of_month, months, of_week, years = (field.upper() for field in fields)
    if (of_month == "?") == (of_week == "?"):
        raise ScheduleError("One of day-of-month and day-of-week is ?, the other is not")
    days = _parse_of_month(of_month) if of_week == "?" else _parse_of_week(of_week)
    return Cron(
        minutes=_parse_field(minutes, 0, 59),
        hours=_parse_field(hours, 0, 23),
        days=days,
        months=_parse_field(months, 1, 12, _MONTH_NAMES),
        years=_parse_field(years, YEAR_MIN, YEAR_MAX),
    )


def _parse_field(
    text: str, low: int, high: int, names: Mapping[str, int] | None = None
) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        found.update(_parse_part(part, low, high, names or {}))
    return tuple(sorted(found))


def _parse_part(part: str, low: int, high: int, names: Mapping[str, int]) -> range | list[int]:
    match = _PART.fullmatch(part)
    if match is None:
        raise ScheduleError(f"{part} is no part of a cron expression")
    every, first, last, step_text = match.groups()
    step = 1 if step_text is None else int(step_text)
    if step < 1:
        raise ScheduleError(f"The step of {part} is none")
    if every:
        return range(low, high + 1, step)
    start = _number(first, low, high, names)
    if last is None:
        return range(start, (start if step_text is None else high) + 1, step)
    end = _number(last, low, high, names)
    if start <= end:
        return range(start, end + 1, step)
    return [*range(start, high + 1), *range(low, end + 1)][::step]


def _number(text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    number = names.get(text)
    if number is None:
        if not text.isdigit() or len(text) > 4:
            raise ScheduleError(f"{text} is no value")
        number = int(text)
    if not low <= number <= high:
        raise ScheduleError(f"{text} is not between {low} and {high}")
    return number


def _parse_of_month(text: str) -> Days:
    plain: set[int] = set()
    nearest: set[int] = set()
    last = last_weekday = False
    for part in text.split(","):
        if part == "L":
            last = True
        elif part == "LW":
            last_weekday = True
        elif match := _NEAREST.fullmatch(part):
            nearest.add(_number(match[1], 1, 31, {}))
        else:
            plain.update(_parse_part(part, 1, 31, {}))
    return Days(
        of_month=frozenset(plain),
        last=last,
        last_weekday=last_weekday,
        nearest=frozenset(nearest),
    )


def _parse_of_week(text: str) -> Days:
    if match := _NTH_OF.fullmatch(text):
        return Days(nth=(_number(match[1], 1, 7, _DAY_NAMES), int(match[2])))
    plain: set[int] = set()
    last_of: set[int] = set()
    for part in text.split(","):
        if part == "L":
            plain.add(7)
        elif match := _LAST_OF.fullmatch(part):
            last_of.add(_number(match[1], 1, 7, _DAY_NAMES))
        else:
            plain.update(_parse_part(part, 1, 7, _DAY_NAMES))
    return Days(of_week=frozenset(plain), last_of=frozenset(last_of))
