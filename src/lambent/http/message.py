"""What goes over HTTP as values: a request, and why one was refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus


class Refusal(Enum):
    """Why the protocol turned a request away before any handler saw it."""

    MALFORMED = "malformed"
    HEADERS_TOO_LARGE = "headers too large"
    BODY_TOO_LARGE = "body too large"
    TOO_SLOW = "too slow"


@dataclass(slots=True)
class Request:
    """One request with its whole body. Header names are lower case; a repeated one is joined."""

    method: str = ""
    path: str = ""
    """Raw: still percent-encoded."""
    query: str = ""
    """Raw, without the question mark."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""


STATUS_LINES: dict[int, bytes] = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
