"""How an answer says that there is more to list."""

from __future__ import annotations

from typing import Any

Shape = dict[str, Any]


def with_marker(shape: Shape, next_marker: str | None) -> Shape:
    """`shape`, with NextMarker unless it is of the last page."""
    return shape if next_marker is None else {**shape, "NextMarker": next_marker}
