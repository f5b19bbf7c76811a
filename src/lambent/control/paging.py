"""Pages of a listing that stay right while it changes: a marker is the last key that was given."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lambent.domain.errors import invalid_parameter

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some of a listing; `next_marker` is None on the last page."""

    items: tuple[T, ...]
    next_marker: str | None


def take_page(
    keys: Sequence[str], load: Callable[[str], T], *, marker: str | None, items_max: int
) -> Page[T]:
    """The items of up to `items_max` of the sorted, non-empty `keys` after `marker`.

    Raises InvalidParameterValueException for a marker that no page gave.
    """
    after = _decode(marker) if marker else None
    ahead = [key for key in keys if after is None or key > after]
    taken = ahead[:items_max]
    more = len(ahead) > len(taken)
    return Page(
        items=tuple(load(key) for key in taken),
        next_marker=_encode(taken[-1]) if more and taken else None,
    )


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decode(marker: str) -> str:
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise invalid_parameter(f"Invalid marker: {marker}") from None
