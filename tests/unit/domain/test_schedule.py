"""Schedules against brute force. Sources: EventBridge Scheduler User Guide, "Schedule types";
EventBridge User Guide, "Cron expressions reference"."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.domain.cron import Cron, ScheduleError, parse_cron
from lambent.domain.schedule import Rate, Schedule, parse_expression, parse_zone

DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=parse_zone(zone)).timestamp()


def due(expression: str, after: str, zone: str = "UTC", count: int = 1) -> list[str]:
    """Local times of the next `count` instants."""
    schedule = Schedule(
        expression=parse_expression(expression), zone=parse_zone(zone), anchor_s=at(after, zone)
    )
    found, instant = [], at(after, zone)
    for _ in range(count):
        following = schedule.next_s(instant)
        if following is None:
            break
        instant = following
        found.append(datetime.fromtimestamp(instant, parse_zone(zone)).isoformat()[:16])
    return found


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(15 10 * * ? *)", "2026-01-01T10:15:00", ["2026-01-02T10:15", "2026-01-03T10:15"]),
        ("cron(0 18 ? * MON-FRI *)", "2026-01-02T18:00:00", ["2026-01-05T18:00"]),
        ("cron(0 8 1 * ? *)", "2026-01-01T08:00:00", ["2026-02-01T08:00", "2026-03-01T08:00"]),
        ("cron(0/15 * * * ? *)", "2026-01-01T00:16:00", ["2026-01-01T00:30", "2026-01-01T00:45"]),
        ("cron(0/30 20-2 ? * mon *)", "2026-01-05T20:10:00", ["2026-01-05T20:30"]),
        ("cron(0 9 ? * 2#1 *)", "2026-01-01T00:00:00", ["2026-01-05T09:00", "2026-02-02T09:00"]),
        ("cron(0 9 ? * FRI#5 *)", "2026-01-01T00:00:00", ["2026-01-30T09:00", "2026-05-29T09:00"]),
        ("cron(0 0 L * ? *)", "2026-01-31T00:00:00", ["2026-02-28T00:00", "2026-03-31T00:00"]),
        ("cron(0 0 L 2 ? *)", "2026-03-01T00:00:00", ["2027-02-28T00:00", "2028-02-29T00:00"]),
        ("cron(0 0 LW * ? *)", "2026-01-01T00:00:00", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("cron(0 0 3W * ? *)", "2026-01-01T00:00:00", ["2026-01-02T00:00", "2026-02-03T00:00"]),
        ("cron(0 0 1W * ? *)", "2026-01-02T00:00:00", ["2026-02-02T00:00", "2026-03-02T00:00"]),
        ("cron(0 0 31W * ? *)", "2026-01-01T00:00:00", ["2026-01-30T00:00", "2026-03-31T00:00"]),
        ("cron(0 0 ? * 5L *)", "2026-01-01T00:00:00", ["2026-01-29T00:00", "2026-02-26T00:00"]),
        ("cron(0 0 ? * L *)", "2026-01-01T00:00:00", ["2026-01-03T00:00", "2026-01-10T00:00"]),
        ("cron(0 0 29 2 ? 2026-2030)", "2026-01-01T00:00:00", ["2028-02-29T00:00"]),
        ("cron(0 0 30 2 ? *)", "2026-01-01T00:00:00", []),
        ("cron(0 0 1 1 ? 2025)", "2026-01-01T00:00:00", []),
        ("rate(5 minutes)", "2026-01-01T00:00:00", ["2026-01-01T00:05", "2026-01-01T00:10"]),
        ("rate(1 day)", "2026-01-01T00:00:00", ["2026-01-02T00:00", "2026-01-03T00:00"]),
        ("at(2026-01-01T12:30:00)", "2026-01-01T00:00:00", ["2026-01-01T12:30"]),
        ("at(2026-01-01T12:30:00)", "2026-01-01T12:30:00", []),
    ],
)
def test_a_schedule_is_due_when_its_expression_says(
    expression: str, after: str, expected: list[str]
) -> None:
    assert due(expression, after, count=len(expected) or 1) == expected


@pytest.mark.parametrize(
    "expression",
    [
        # LocalStack's recordings of AWS, test_scheduler.snapshot.json
        *("cron(0 1 * * * *)", "cron(7 20 * * NOT *)", "cron(INVALID)", "cron()"),
        *("cron(0 dummy ? * MON-FRI *)", "cron(71 8 1 * ? *)", "rate(10 seconds)"),
        *("rate(10 years)", "rate()", "rate(10)", "rate(10 minutess)", "rate(foo minutes)"),
        *("rate(-10 minutes)", "rate( 10 minutes )", " rate(10 minutes)"),
        *("at(2021-12-31T23:59:59Z)", "at(2021-12-31)"),
        # ours
        *("", "rate(0 minutes)", "cron(0 0 ? * ? *)", "cron(0 0 0 * ? *)", "cron(0 24 * * ? *)"),
        *("cron(0 0 ? * 8 *)", "cron(0 0 ? * 2#6 *)", "cron(0 0 32W * ? *)", "cron(*/0 * * * ? *)"),
        *("cron(0 0 ? * MON#1,TUE *)", "cron(0 0 * 13 ? *)", "cron(0 0 * * ? 1969)"),
        *(
            "cron(0 0 * * ? 2200)",
            "cron(1-2-3 0 * * ? *)",
            "cron(, 0 * * ? *)",
            "at(2026-02-30T00:00:00)",
        ),
        *("cron(0 0 W * ? *)", "cron(\u0661 0 * * ? *)", "cron(0 0 * * ? *) "),
    ],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        parse_expression(expression)


def test_a_rate_tells_whether_its_unit_fits_its_value() -> None:
    """EventBridge User Guide, "Rate expressions reference": rules ask for it."""
    fits = {"1 minute": True, "1 minutes": False, "5 hour": False, "5 hours": True}
    for text, strict in fits.items():
        expression = parse_expression(f"rate({text})")
        assert isinstance(expression, Rate)
        assert expression.strict is strict


@pytest.mark.parametrize("name", ["Nowhere/City", "../../etc/passwd", "Europe", "", "\0"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ScheduleError):
        parse_zone(name)


def test_a_time_that_does_not_exist_is_skipped_and_one_that_comes_twice_counts_once() -> None:
    """EventBridge Scheduler User Guide, "Daylight savings time on EventBridge Scheduler"."""
    berlin = "Europe/Berlin"
    assert due("cron(30 2 * * ? *)", "2026-03-28T00:00:00", berlin, 2) == [
        "2026-03-28T02:30",
        "2026-03-30T02:30",
    ]
    daily = due("cron(30 2 * * ? *)", "2026-10-24T12:00:00", berlin, 2)
    assert daily == ["2026-10-25T02:30", "2026-10-26T02:30"]
    schedule = Schedule(
        expression=parse_expression("cron(30 2 * * ? *)"),
        zone=ZoneInfo(berlin),
        anchor_s=0,
    )
    first = schedule.next_s(at("2026-10-24T12:00:00", berlin))
    assert first == at("2026-10-25T00:30:00")  # the one in summer time
    rate = due("rate(1 day)", "2026-10-24T12:00:00", berlin, 2)
    assert rate == ["2026-10-25T11:00", "2026-10-26T11:00"]


def test_start_and_end_bound_what_recurs_and_not_what_happens_once() -> None:
    start, end = at("2026-01-01T10:00:00"), at("2026-01-01T10:10:00")
    bounds = {"anchor_s": start, "start_s": start, "end_s": end}
    for text in ("rate(5 minutes)", "cron(*/5 * * * ? *)"):
        schedule = Schedule(expression=parse_expression(text), **bounds)
        instants, instant = [], schedule.next_s(0)
        while instant is not None:
            instants.append(instant - start)
            instant = schedule.next_s(instant)
        assert instants == [0, 300, 600]
    once = Schedule(expression=parse_expression("at(2026-01-02T00:00:00)"), **bounds)
    assert once.next_s(0) == at("2026-01-02T00:00:00")


# Brute force


def _items(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """One item of a field; `_values` reads it by itself."""
    number = st.integers(low, high).map(str)
    if names:
        number |= st.sampled_from(names)
    ranges = st.tuples(number, number).map("-".join)
    steps = st.tuples(st.just("*") | number | ranges, st.integers(1, high).map(str))
    return number | ranges | steps.map("/".join) | st.just("*")


def _fields(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    return st.lists(_items(low, high, names), min_size=1, max_size=3).map(",".join)


def _values(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    """All values of a field, found by walking round it."""
    found = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            now, end = low, high
        else:
            now = names.index(first) + 1 if first in names else int(first)
            end = now if not step else high
        if last:
            end = names.index(last) + 1 if last in names else int(last)
        count = 0
        while True:
            if count % int(step or 1) == 0:
                found.add(now)
            if now == end:
                break
            now = now + 1 if now < high else low
            count += 1
    return found


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _fits_month_day(part: str, day: date) -> bool:
    length = monthrange(day.year, day.month)[1]
    if part == "L":
        return day.day == length
    if part.endswith("W"):
        wanted = length if part == "LW" else int(part[:-1])
        if wanted > length:
            return False
        month = [day.replace(day=number) for number in range(1, length + 1)]
        weekdays = [one for one in month if one.isoweekday() <= 5]
        return day == min(weekdays, key=lambda one: abs(one.day - wanted))
    return day.day in _values(part, 1, 31)


def _fits_week_day(part: str, day: date) -> bool:
    if part == "L":
        return _weekday(day) == 7
    if "#" in part or part.endswith("L"):
        name, _, number = part.partition("#") if "#" in part else (part[:-1], "", "")
        wanted = DAYS.index(name) + 1 if name in DAYS else int(name)
        if _weekday(day) != wanted:
            return False
        if number:
            return (day.day - 1) // 7 + 1 == int(number)
        return (day + timedelta(days=7)).month != day.month
    return _weekday(day) in _values(part, 1, 7, DAYS)


OF_MONTH = st.lists(
    st.sampled_from(["L", "LW"]) | st.integers(1, 31).map("{}W".format) | _items(1, 31),
    min_size=1,
    max_size=2,
).map(",".join)
OF_WEEK = st.lists(
    st.just("L") | st.sampled_from(DAYS).map("{}L".format) | _items(1, 7, DAYS),
    min_size=1,
    max_size=2,
).map(",".join) | st.tuples(st.integers(1, 7), st.integers(1, 5)).map("{0[0]}#{0[1]}".format)
DAY_FIELDS = st.tuples(OF_MONTH, st.just("?")) | st.tuples(st.just("?"), OF_WEEK)
CRONS = st.tuples(_fields(0, 59), _fields(0, 23), DAY_FIELDS, _fields(1, 12, MONTHS)).map(
    lambda parts: f"{parts[0]} {parts[1]} {parts[2][0]} {parts[3]} {parts[2][1]} *"
)


def _matcher(text: str) -> tuple[Callable[[date], bool], set[int], set[int]]:
    minutes, hours, of_month, months, of_week, _ = text.split()

    def fits(day: date) -> bool:
        if day.month not in _values(months, 1, 12, MONTHS):
            return False
        if of_week == "?":
            return any(_fits_month_day(part, day) for part in of_month.split(","))
        return any(_fits_week_day(part, day) for part in of_week.split(","))

    return fits, _values(hours, 0, 23), _values(minutes, 0, 59)


@settings(max_examples=300)
@given(CRONS, st.datetimes(datetime(2019, 1, 1), datetime(2031, 1, 1)))
def test_cron_finds_what_looking_at_every_minute_finds(text: str, after: datetime) -> None:
    fits, hours, minutes = _matcher(text)
    expected: list[datetime] = []
    day = after.date()
    for _ in range(500):
        if fits(day):
            expected += [
                datetime(day.year, day.month, day.day, hour, minute)
                for hour in sorted(hours)
                for minute in sorted(minutes)
                if datetime(day.year, day.month, day.day, hour, minute) > after
            ]
        if len(expected) >= 3:
            break
        day += timedelta(days=1)
    cron = parse_cron(text)
    assert isinstance(cron, Cron)
    found = []
    for moment in cron.after(after):
        if len(found) == 3 or moment.date() > day:
            break
        found.append(moment)
    assert found == expected[:3]


ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"),
    *("Asia/Kolkata", "Pacific/Apia", "America/Sao_Paulo", "UTC"),
)
CHANGES = ("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2011-12-30")


@settings(max_examples=150)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(-48 * 60, 48 * 60),
    st.tuples(_fields(0, 59), _fields(0, 23)),
)
def test_local_times_are_due_as_the_clock_on_the_wall_shows_them(
    zone: str, change: str, minutes: int, fields: tuple[str, str]
) -> None:
    after_s = at(f"{change}T00:00:00") + minutes * 60
    tz = ZoneInfo(zone)
    wanted_minutes, wanted_hours = _values(fields[0], 0, 59), _values(fields[1], 0, 23)
    expected = None
    for step in range(1, 3 * 24 * 60):
        local = datetime.fromtimestamp(after_s + 60 * step, tz)
        if local.fold == 0 and local.minute in wanted_minutes and local.hour in wanted_hours:
            expected = after_s + 60 * step
            break
    schedule = Schedule(
        expression=parse_expression(f"cron({fields[0]} {fields[1]} * * ? *)"),
        zone=tz,
        anchor_s=0,
    )
    assert schedule.next_s(after_s) == expected


@given(
    st.sampled_from(["rate(7 minutes)", "cron(*/7 * * * ? *)", "cron(0 4 ? * MON *)"]),
    st.integers(0, 30 * 1440),
    st.integers(0, 30 * 1440),
)
def test_the_last_missed_instant_is_the_last_of_all_missed(
    text: str, after_min: int, until_min: int
) -> None:
    base = at("2026-01-01T00:00:00")
    after_s, until_s = base + 60 * after_min, base + 60 * until_min
    schedule = Schedule(expression=parse_expression(text), anchor_s=base)
    expected, instant = None, schedule.next_s(after_s)
    while instant is not None and instant <= until_s:
        expected, instant = instant, schedule.next_s(instant)
    assert schedule.last_s(after_s, until_s) == expected


@given(st.integers(1, 100_000), st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_rate_is_due_at_whole_periods_from_its_anchor(
    minutes: int, anchor_s: float, after_s: float
) -> None:
    schedule = Schedule(expression=parse_expression(f"rate({minutes} minutes)"), anchor_s=anchor_s)
    found = schedule.next_s(after_s)
    assert found is not None
    assert found > after_s or found == anchor_s > after_s
    assert found - after_s <= max(minutes * 60, anchor_s - after_s) + 1e-3
    periods = (found - anchor_s) / (minutes * 60)
    assert periods == pytest.approx(round(periods), abs=1e-6)
    assert datetime.fromtimestamp(found, UTC).year >= 1970


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    for expression in (text, f"cron({text})", f"rate({text})", f"at({text})"):
        try:
            parsed = parse_expression(expression)
        except ScheduleError:
            continue
        Schedule(expression=parsed, anchor_s=0).next_s(0)
