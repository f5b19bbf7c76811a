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
