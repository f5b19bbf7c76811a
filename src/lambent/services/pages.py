"""Pages of the services whose listings answer a NextToken of Lambent's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lambent.control.paging import take_page
from lambent.domain.errors import LambdaError

T = TypeVar("T")


def answer_page(
    member: str,
    keys: Sequence[str],
    load: Callable[[str], T],
    *,
    token: str | None,
    items_max: int,
    wrong_token: LambdaError,
) -> dict[str, Any]:
    """The answer with up to `items_max` of the sorted keys' items under `member`.

    Raises `wrong_token` for a token that no page gave.
    """
    try:
        page = take_page(keys, load, marker=token, items_max=items_max)
    except LambdaError:
        raise wrong_token from None
    result: dict[str, Any] = {member: list(page.items)}
    if page.next_marker is not None:
        result["NextToken"] = page.next_marker
    return result
