"""Lengths of time as a person writes them."""

from __future__ import annotations

import argparse
import re

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw])", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}(?:\.\d{1,3})?", re.ASCII)


def parse_duration_s(text: str) -> float:
    """Seconds in `90`, `30s`, `10m`, `1h30m`, `2d`, `1w`.

    Raises argparse's error, which names what is expected, so that it serves as an option's type.
    """
    text = text.strip().lower()
    if _SECONDS.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(amount + unit for amount, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 30s, 10m or 1h30m")
    return sum(float(amount) * _UNITS_S[unit] for amount, unit in parts)


def format_duration(seconds: float) -> str:
    """The two largest units, e.g. `1h05m`; below a minute tenths of a second."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    for name, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{name}{int(seconds % size // part):02d}{smaller}"
    return f"{int(seconds // 60)}m{int(seconds % 60):02d}s"
