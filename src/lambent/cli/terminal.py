"""What a person sees: tables, amounts, colours and one line of progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class CliError(Exception):
    """A failure told to the person in one text, with what to do next; exit code 1."""


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Colours only on a terminal, and never with NO_COLOR (https://no-color.org) or TERM=dumb."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """`text` in a style of `_CODES` where `stream` (standard output) shows colours."""
    if not wants_colour(stream or sys.stdout, os.environ):
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def printable(text: str, stream: TextIO | None = None) -> str:
    """`text` as it may reach `stream`: a terminal gets no control characters.

    What a function logs is not ours to trust: escape sequences could rewrite the screen.
    """
    if not (stream or sys.stdout).isatty():
        return text
    return "".join(
        character if character.isprintable() or character in "\n\t" else repr(character)[1:-1]
        for character in text
    )


def format_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> list[str]:
    """Aligned lines, headings first; `right` holds the columns that align right."""
    table = [headings, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    lines = []
    for row in table:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return lines


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> None:
    heading, *body = format_table(headings, rows, right=right)
    print(paint(heading, "dim"))
    for line in body:
        print(line)


def format_bytes(count: int) -> str:
    """`512 B`, `1.5 KB`, `50.0 MB`: 1,024 to the unit, as AWS counts."""
    if count < 1024:
        return f"{count} B"
    amount = float(count)
    for unit in ("KB", "MB", "GB"):
        amount /= 1024
        if amount < 1024 or unit == "GB":
            break
    return f"{amount:.1f} {unit}"


def format_usd(amount: float) -> str:
    """Dollars with enough digits that a single invocation shows."""
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.8f}"


class Progress:
    """One line on standard error that says what is going on; silent where nobody looks."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, text: str) -> None:
        if self._shown:
            self._stream.write(f"\r\x1b[K{paint('…', 'dim', self._stream)} {text}")
            self._stream.flush()

    def clear(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
