"""A function URL in RESPONSE_STREAM mode: bytes leave as the function writes them.

A stream of the type http-integration-response begins with JSON (status, headers, cookies) and eight
NUL bytes; any other is the body as it is, of its own content type. A function that does not stream
is passed on as it is too, without a look at a statusCode [LS] (TestLambdaURL echo_invoke with
RESPONSE_STREAM). What goes wrong before the first byte is a 502, what goes wrong later cuts the
connection, so that the client notices: there is no last chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lambent.domain.errors import LambdaError
from lambent.domain.invocation import Outcome
from lambent.gateway.url_response import (
    PRELUDE_BYTES_MAX,
    PRELUDE_END,
    STREAM_TYPE,
    BadResponse,
    Header,
    parse_prelude,
)
from lambent.http.exchange import Exchange

DEFAULT_TYPE = "application/octet-stream"


class Back(Protocol):
    """The way back to the client."""

    exchange: Exchange

    def headers(self, answer: list[Header]) -> list[Header]: ...

    def refuse(self, error: LambdaError) -> None: ...

    def fail(self) -> None: ...


class StreamedAnswer:
    """The sink of one invocation."""

    __slots__ = ("_back", "_begun", "_ignored", "_prelude", "_resume")

    def __init__(self, back: Back) -> None:
        self._back = back
        self._prelude: bytes | None = None
        """What has come of it; None where there is none, or no more."""
        self._begun = False
        self._ignored = False
        """What still comes is thrown away: the client left or has its answer."""
        self._resume: Callable[[], None] | None = None

    def on_start(self, content_type: bytes) -> None:
        exchange = self._back.exchange
        exchange.on_drained = self._go_on
        exchange.on_disconnect = self._left
        if content_type.partition(b";")[0].strip().lower() == STREAM_TYPE:
            self._prelude = b""
        else:
            self._begin(200, [("content-type", _safe_type(content_type))])

    def on_chunk(self, data: bytes, resume: Callable[[], None]) -> bool:
        self._resume = resume
        if self._prelude is not None and not self._ignored:
            self._prelude += data
            head, end, data = self._prelude.partition(PRELUDE_END)
            if not end:
                if len(self._prelude) > PRELUDE_BYTES_MAX:
                    self._refuse_prelude()
                return True
            self._take_prelude(head)
        if self._ignored or not data:
            return True
        return self._back.exchange.send(data)

    def done(self, result: Outcome | LambdaError) -> None:
        """The end of the stream, or all of an answer that was none."""
        if self._ignored:
            return
        exchange = self._back.exchange
        failed = isinstance(result, LambdaError) or result.error is not None
        if self._begun:
            if failed:
                exchange.abort()
            else:
                exchange.end()
        elif isinstance(result, LambdaError):
            self._back.refuse(result)
        elif failed or self._prelude is not None:  # a prelude that never ended
            self._back.fail()
        else:
            headers = self._back.headers([("content-type", DEFAULT_TYPE)])
            exchange.respond(200, headers, result.payload)

    def _take_prelude(self, head: bytes) -> None:
        try:
            status, headers = parse_prelude(head)
        except BadResponse:
            self._refuse_prelude()
            return
        self._prelude = None
        self._begin(status, headers)

    def _refuse_prelude(self) -> None:
        self._prelude = None
        self._ignored = True
        self._back.fail()

    def _begin(self, status: int, headers: list[Header]) -> None:
        exchange = self._back.exchange
        answer = self._back.headers(headers)
        if exchange.request.method == "HEAD" or status in (204, 304):
            self._ignored = True  # the function runs on; nobody may be sent a body
            exchange.respond(status, answer, b"")
            return
        self._begun = True
        exchange.begin(status, answer)

    def _go_on(self) -> None:
        if self._resume is not None:
            self._resume()

    def _left(self) -> None:
        self._ignored = True
        self._go_on()


def _safe_type(content_type: bytes) -> str:
    """A content type that can stand in a header."""
    text = content_type.decode("latin-1").strip()
    return text if text and text.isprintable() else DEFAULT_TYPE
