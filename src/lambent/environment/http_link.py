"""A runtime that speaks the Runtime API over HTTP: its calls become what a bootstrap's frames are.

Driver of `runtime/api`. One connection is parked while it asks for the next invocation; the
environment hears READY when it first does so, and again after each response.
Source: Developer Guide, "Using the Lambda runtime API for custom runtimes"; facts, 'Runtime API'.
"""

from __future__ import annotations

import base64
import json
from typing import Protocol

from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation
from lambent.domain.limits import RESPONSE_BYTES_MAX
from lambent.environment import failures
from lambent.http.exchange import Exchange
from lambent.http.message import BodySink, BodySource, Refusal, Request
from lambent.runtime.api import replies
from lambent.runtime.api.replies import Reply
from lambent.runtime.api.runtime_state import Move, RuntimeConversation, RuntimeState
from lambent.runtime.frames import Kind

PREFIX = "/2018-06-01"
PING = f"{PREFIX}/ping"
_INVOCATION = f"{PREFIX}/runtime/invocation/"
_SMALL_BODY_BYTES_MAX = 64 * 1024
_ERROR_BODY_BYTES_MAX = 256 * 1024
_STREAMING = b"streaming"
_MODE = b"lambda-runtime-function-response-mode"
_ERROR_TYPE = b"lambda-runtime-function-error-type"
_ERROR_BODY = b"lambda-runtime-function-error-body"
_TRUNCATED = json.dumps(
    {"errorType": "Runtime.TruncatedResponse", "errorMessage": "The response was cut short"},
    separators=(",", ":"),
).encode()
"""Its type as RIE has it; the text is unverified."""


class Listener(Protocol):
    """Who hears what the runtime says."""

    def on_frame(self, kind: Kind, payload: bytes) -> None: ...

    def on_read(self) -> None:
        """What came by one read has been told."""
        ...


class HttpLink:
    """The Application that one environment's runtime talks to."""

    def __init__(self, version: FunctionVersion, listener: Listener) -> None:
        self._version = version
        self._listener = listener
        self._talk = RuntimeConversation()
        self._waiting: Exchange | None = None
        self._streaming: _Streaming | None = None
        self._open = True

    # The environment's side

    def invoke(self, invocation: Invocation, deadline_epoch_s: float) -> None:
        """Hand over one invocation; the runtime waits for it."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or not self._talk.invoked(invocation.request_id):
            return  # it left; its end is about to be told, or the deadline passes
        waiting.on_disconnect = None
        arn = self._version.arn
        if invocation.qualifier:
            arn += f":{invocation.qualifier}"
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(int(deadline_epoch_s * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", arn),
        ]
        for name, value in (
            ("Lambda-Runtime-Trace-Id", invocation.trace_id),
            ("Lambda-Runtime-Client-Context", invocation.client_context),
            ("Lambda-Runtime-Aws-Tenant-Id", invocation.tenant_id),
        ):
            if value:
                headers.append((name, " ".join(value.decode("latin-1").split("\n"))))
        waiting.respond(200, headers, invocation.payload)

    def close(self) -> None:
        """Nothing that still comes matters."""
        self._open = False
        self._streaming = None

    def hold(self) -> None:
        """Read no more of a streamed response until `release`."""
        if self._streaming is not None:
            self._streaming.hold()

    def release(self) -> None:
        if self._streaming is not None:
            self._streaming.release()

    # http.exchange.Application

    def body_limit(self, method: str, path: str) -> int:
        if path.endswith("/response"):
            return RESPONSE_BYTES_MAX
        return _ERROR_BODY_BYTES_MAX if path.endswith("/error") else _SMALL_BODY_BYTES_MAX

    def open_body(self, request: Request) -> BodySink | None:
        if request.path.endswith("/response") and request.raw_headers.get(_MODE) == _STREAMING:
            return _Streaming(self, request)
        return None

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        reply = replies.refusal(400, "InvalidRequest", f"Bad request: {refusal.value}")
        request_id, _, what = exchange.request.path.removeprefix(_INVOCATION).partition("/")
        if refusal is Refusal.BODY_TOO_LARGE:
            reply = replies.TOO_LARGE
            if what == "response" and self._talk.answers(request_id, Move.RESPONSE) is None:
                self._talk.move(Move.RESPONDED)
                self._tell(Kind.ERROR, failures.RESPONSE_TOO_LARGE.payload)
        _answer(exchange, reply)

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        if not self._open:
            exchange.abort()
            return
        if request.path == f"{_INVOCATION}next":
            reply = self._next(exchange) if request.method == "GET" else replies.METHOD_NOT_ALLOWED
        elif request.path.startswith(_INVOCATION):
            reply = self._answered(request)
        elif request.path == f"{PREFIX}/runtime/init/error":
            reply = self._init_error(request)
        elif request.path == PING:
            reply = replies.PONG
        else:
            reply = replies.NOT_FOUND
        if reply is not None:
            _answer(exchange, reply)

    # The calls

    def _next(self, exchange: Exchange) -> Reply | None:
        refused = self._talk.move(Move.NEXT)
        if refused is not None:
            return refused
        again, self._waiting = self._waiting, exchange
        exchange.on_disconnect = self._left
        if again is not None:
            again.on_disconnect = None
            again.abort()
        else:
            self._tell(Kind.READY, b"")
        return None

    def _left(self) -> None:
        """The runtime closed the connection by which it waited. It may ask again."""
        self._waiting = None

    def _init_error(self, request: Request) -> Reply:
        if request.method != "POST":
            return replies.METHOD_NOT_ALLOWED
        refused = self._talk.move(Move.INIT_ERROR)
        if refused is None:
            self._tell(Kind.INIT_ERROR, _error_payload(request))
        return refused or replies.ACCEPTED

    def _answered(self, request: Request) -> Reply:
        request_id, _, what = request.path.removeprefix(_INVOCATION).partition("/")
        if what not in ("response", "error"):
            return replies.NOT_FOUND
        if request.method != "POST":
            return replies.METHOD_NOT_ALLOWED
        if isinstance(request.sink, _Streaming):
            return request.sink.end()
        mode = request.raw_headers.get(_MODE)
        if mode not in (None, _STREAMING):
            return replies.INVALID_RESPONSE_MODE
        if what == "response" and mode == _STREAMING:
            sink = _Streaming(self, request)
            sink.take(request.body, _NO_SOURCE)
            return sink.end()
        move, kind = (Move.RESPONSE, Kind.RESPONSE)
        if what == "error":
            move, kind = (Move.ERROR, Kind.ERROR)
        refused = self._talk.answers(request_id, move)
        if refused is None:
            self._talk.move(Move.RESPONDED)
            self._tell(kind, request.body if what == "response" else _error_payload(request))
        return refused or replies.ACCEPTED

    # A streamed response

    def stream_opened(self, streaming: _Streaming, request: Request) -> Reply | None:
        """The first part came: None, or why it is refused."""
        request_id = request.path.removeprefix(_INVOCATION).partition("/")[0]
        refused = self._talk.answers(request_id, Move.RESPONSE)
        if refused is None:
            self._streaming = streaming
            content_type = request.raw_headers.get(b"content-type", b"application/octet-stream")
            self._tell(Kind.STREAM_START, content_type)
        return refused

    def stream_part(self, part: bytes) -> None:
        self._tell(Kind.STREAM_CHUNK, part)
        self._listener.on_read()

    def stream_closed(self, error: bytes | None) -> None:
        """`error`: the payload of a response that failed on its way."""
        self._streaming = None
        if self._talk.state is RuntimeState.RESPONSE:
            self._talk.move(Move.RESPONDED)
            if error is None:
                self._tell(Kind.STREAM_END, b"")
            else:
                self._tell(Kind.ERROR, error)

    def _tell(self, kind: Kind, payload: bytes) -> None:
        if self._open:
            self._listener.on_frame(kind, payload)


class _Streaming:
    """The body of one streamed response."""

    def __init__(self, link: HttpLink, request: Request) -> None:
        self._link = link
        self._request = request
        self._source: BodySource | None = None
        self._refused: Reply | None = None
        self._begun = False
        self._over = False

    def take(self, part: bytes, source: BodySource) -> None:
        self._source = source
        self._begin()
        if self._refused is None and part:
            self._link.stream_part(part)

    def end(self) -> Reply:
        self._begin()
        self._over = True
        if self._refused is not None:
            return self._refused
        self._link.stream_closed(_trailed_error(self._request))
        return replies.ACCEPTED

    def lost(self) -> None:
        if not self._over and self._begun and self._refused is None:
            self._over = True
            self._link.stream_closed(_TRUNCATED)

    def hold(self) -> None:
        if self._source is not None:
            self._source.hold()

    def release(self) -> None:
        if self._source is not None:
            self._source.release()

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._refused = self._link.stream_opened(self, self._request)


class _NoSource:
    """Of a body that has come whole."""

    def hold(self) -> None:
        pass

    def release(self) -> None:
        pass


_NO_SOURCE = _NoSource()


def _error_payload(request: Request) -> bytes:
    """What the runtime says of the error; by the header alone where it says nothing."""
    if request.body:
        return request.body
    error_type = request.raw_headers.get(_ERROR_TYPE, b"Runtime.Unknown").decode("latin-1")
    return json.dumps({"errorType": error_type, "errorMessage": ""}, separators=(",", ":")).encode()


def _trailed_error(request: Request) -> bytes | None:
    error_type = request.raw_headers.get(_ERROR_TYPE)
    if error_type is None:
        return None
    try:
        body = base64.b64decode(request.raw_headers.get(_ERROR_BODY, b""), validate=True)
        json.loads(body)
    except ValueError:
        body = b""
    if body:
        return body
    named = {"errorType": error_type.decode("latin-1"), "errorMessage": ""}
    return json.dumps(named, separators=(",", ":")).encode()


def _answer(exchange: Exchange, reply: Reply) -> None:
    exchange.respond(reply.status, reply.headers, reply.body)
