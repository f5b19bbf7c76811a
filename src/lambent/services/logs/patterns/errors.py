"""What is wrong with a filter pattern."""

from __future__ import annotations


class InvalidPattern(ValueError):
    """The pattern is not of the language; the text says where it leaves it."""
