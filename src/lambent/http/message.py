"""What goes over HTTP as values: a request, and why one was refused."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Protocol


class Refusal(Enum):
    """Why the protocol turned a request away before any handler saw it."""

    MALFORMED = "malformed"
    HEADERS_TOO_LARGE = "headers too large"
    BODY_TOO_LARGE = "body too large"
    TOO_SLOW = "too slow"
    BUSY = "busy"
    """Too many large bodies at once."""


class BodySink(Protocol):
    """Takes a body as it comes, where it is not to be held whole."""

    def take(self, part: bytes, source: BodySource) -> None:
        """Take one part; `source` may be held until there is room for more."""
        ...

    def lost(self) -> None:
        """The client left, or broke the protocol, before the body's end."""
        ...


class BodySource(Protocol):
    """The connection that a body comes by."""

    def hold(self) -> None:
        """Read nothing until `release`."""
        ...

    def release(self) -> None: ...


class Request:
    """One request with its whole body, or what took the body instead."""

    __slots__ = ("_headers", "body", "method", "path", "query", "raw_headers", "sink")

    def __init__(self) -> None:
        self.method = ""
        self.path = ""
        """Raw: still percent-encoded."""
        self.query = ""
        """Raw, without the question mark."""
        self.raw_headers: dict[bytes, bytes] = {}
        """Names in lower case; a repeated header's values are joined with commas. Trailers too."""
        self.body = b""
        self.sink: BodySink | None = None
        """Has had the body, or still takes it."""
        self._headers: dict[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """`raw_headers` as text; made on first use, which the hot path avoids."""
        headers = self._headers
        if headers is None:
            headers = self._headers = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in self.raw_headers.items()
            }
        return headers


STATUS_LINES: dict[int, bytes] = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def status_line(status: int) -> bytes:
    """Also for a status that has no name."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
