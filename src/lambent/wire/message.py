"""What goes over the wire, before and after the models: requests, responses and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class WireError(Exception):
    """A request that the model refuses; `code` and `message` as AWS would answer them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


# Not frozen: one is made for every request, and a frozen one takes four times as long to make.
@dataclass(slots=True, kw_only=True)
class WireRequest:
    """One HTTP request, as received."""

    method: str
    path: str
    """Still percent-encoded, without the query."""
    query: str = ""
    """Still percent-encoded, without the question mark."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class WireResponse:
    """One HTTP response, without the framing headers that belong to the server."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


def malformed(message: str) -> WireError:
    """The request is not of the protocol's form, or a value is not of its type: 400."""
    return WireError("SerializationException", message)
