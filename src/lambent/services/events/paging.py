"""Pages of EventBridge's listings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from lambent.services.events.model import invalid_parameter
from lambent.services.pages import answer_page

T = TypeVar("T")

PAGE_MAX = 100  # [B] LimitMax100


def list_page(
    params: Mapping[str, Any], member: str, keys: Iterable[str], load: Callable[[str], T]
) -> dict[str, Any]:
    """`Limit` of the keys that begin with `NamePrefix`, after `NextToken`."""
    prefix = params.get("NamePrefix") or ""
    chosen = sorted(key for key in keys if key.startswith(prefix))
    return answer_page(
        member,
        chosen,
        load,
        token=params.get("NextToken"),
        items_max=params.get("Limit") or PAGE_MAX,
        wrong_token=invalid_parameter("NextToken", "The token is not one of this service's."),
    )
