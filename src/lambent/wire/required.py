"""What a query-compatible service asks of its parameters: only that none is missing.

Its model states no other constraint; the service words each of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.wire.message import WireError, WireRequest
from lambent.wire.model import Shape


def add_queue_url(shape: Shape, params: dict[str, Any], request: WireRequest) -> None:
    """A request to a queue's own URL means that queue, unless it names one."""
    if "QueueUrl" not in params and request.path != "/" and "QueueUrl" in shape.members:
        params["QueueUrl"] = request.path


def check_required(shape: Shape, value: Mapping[str, Any]) -> None:
    """Raises WireError MissingParameter, of the first that is not there. [LS] in form."""
    for name in shape.traits.get("required", ()):
        if value.get(name) is None:
            raise WireError(
                "MissingRequiredParameterException",
                f"The request must contain the parameter {name}.",
            )
    for name, item in value.items():
        member = shape.members[name]
        if member.kind == "list":
            _check_items(member.member, item, name)
        elif member.kind == "map":
            _check_items(member.value, item.values(), name)


def _check_items(shape: Shape, items: Any, name: str) -> None:
    for item in items:
        if item is None:
            raise WireError(
                "MissingRequiredParameterException",
                f"The request must contain the parameter {name}.",
            )
        if shape.kind == "structure":
            check_required(shape, item)
