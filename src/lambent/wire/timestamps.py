"""AWS's three forms of a timestamp: seconds since the epoch, ISO 8601, RFC 822.

The RFC 822 form is done by hand: `email.utils` brings 1.5 MB of the email package along, and
`strptime` follows the host's locale.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from lambent.wire.message import malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC822 = re.compile(
    r"[A-Z][a-z]{2}, (\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:GMT|UTC|[+-]0000)",
    re.ASCII,
)
_TEXT_MAX = 64


def parse_timestamp(value: str | int | float) -> datetime:
    """An aware UTC datetime from any of the forms, whichever the model names.

    AWS's own parsers are strict about the form; clients are not, and the forms cannot be confused.
    Raises WireError where it is none of them or out of range.
    """
    try:
        if not isinstance(value, str):
            return _EPOCH + timedelta(seconds=value)
        if len(value) > _TEXT_MAX:
            raise ValueError(value)
        if value[:1].isalpha():
            return _parse_rfc822(value)
        if "T" in value or value.count("-") == 2:
            return _utc(datetime.fromisoformat(value))
        return _EPOCH + timedelta(seconds=float(value))
    except (ValueError, OverflowError):
        raise malformed(f"Invalid timestamp: {str(value)[:_TEXT_MAX]}") from None


def format_timestamp(value: datetime | int | float, form: str) -> str | int | float:
    """`value` (a datetime, or seconds since the epoch) in `form`, to the millisecond.

    `unixtimestamp` gives a number, `iso8601` and `rfc822` give text.
    """
    moment = _utc(value) if isinstance(value, datetime) else _EPOCH + timedelta(seconds=value)
    if form == "unixTimestamp" or form == "unixtimestamp":
        elapsed_ms = (moment - _EPOCH) // timedelta(milliseconds=1)
        return elapsed_ms // 1000 if elapsed_ms % 1000 == 0 else elapsed_ms / 1000
    if form == "rfc822":
        return _format_rfc822(moment)
    precision = "milliseconds" if moment.microsecond >= 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _parse_rfc822(text: str) -> datetime:
    match = _RFC822.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, month, year, hour, minute, second = match.groups()
    return datetime(
        int(year),
        _MONTHS.index(month) + 1,
        int(day),
        int(hour),
        int(minute),
        int(second),
        tzinfo=UTC,
    )


def _format_rfc822(moment: datetime) -> str:
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {moment:%H:%M:%S} GMT"
