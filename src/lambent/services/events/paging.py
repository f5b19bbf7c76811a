"""Pages of EventBridge's listings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from lambent.control.paging import take_page
from lambent.domain.errors import LambdaError
from lambent.services.events.model import invalid_parameter

T = TypeVar("T")

PAGE_MAX = 100  # [B] LimitMax100


def list_page(
    params: Mapping[str, Any], member: str, keys: Iterable[str], load: Callable[[str], T]
) -> dict[str, Any]:
    """`Limit` of the keys that begin with `NamePrefix`, after `NextToken`."""
    prefix = params.get("NamePrefix") or ""
    chosen = sorted(key for key in keys if key.startswith(prefix))
    limit = params.get("Limit") or PAGE_MAX
    try:
        page = take_page(chosen, load, marker=params.get("NextToken"), items_max=limit)
    except LambdaError:
        raise invalid_parameter("NextToken", "The token is not one of this service's.") from None
    result: dict[str, Any] = {member: list(page.items)}
    if page.next_marker is not None:
        result["NextToken"] = page.next_marker
    return result
