"""Lists in pages of a hundred. Pure."""

from __future__ import annotations

from collections.abc import Sequence

PAGE = 100  # [B] ListTopics, ListSubscriptions


def page_of(names: Sequence[str], token: str | None) -> tuple[Sequence[str], str | None]:
    """A page of sorted names, and the token of the next: the name that this one ends with."""
    rest = [name for name in names if not token or name > token]
    page = rest[:PAGE]
    return page, page[-1] if len(rest) > PAGE else None
