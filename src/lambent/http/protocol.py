"""One HTTP/1.1 connection on httptools: requests in order, whole bodies, answers now or later.

Theory of operation. The parser calls back synchronously from `data_received`. A finished request
becomes an Exchange and goes to the Application, which answers at once or any time later; until then
further requests of the same connection wait in a short queue and, past it, reading is paused.
Everything is bounded: header bytes, body bytes (asked of the Application per route), queue, time.
A refused request is answered, the rest of what the client sends is thrown away for a moment (so
that the answer is not lost to a TCP reset), and the connection is closed.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from lambent.http.exchange import Application, Exchange
from lambent.http.message import BodySink, Refusal, Request

PIPELINE_MAX = 16
LINGER_BYTES_MAX = 64 * 1024 * 1024
DIRECT_WRITE_BYTES_MAX = 64 * 1024
WRITE_HIGH_WATER = 256 * 1024
"""What a slow client of a stream may leave in our memory; a part may come on top."""
SMALL_BODY_BYTES = 9_999
SMALL_BODY_DIGITS = len(str(SMALL_BODY_BYTES))
"""A content-length of so few digits is not worth asking the Application about."""


class HttpUse:
    """What all connections of one server hold together."""

    __slots__ = ("body_bytes", "connections")

    def __init__(self) -> None:
        self.connections: set[HttpConnection] = set()
        self.body_bytes = 0
        """Bytes of large bodies that have come and are not yet answered."""


class HttpLimits:
    """Bounds of one server. Times in seconds, sizes in bytes."""

    __slots__ = (
        "bodies_bytes",
        "body_timeout_s",
        "connections",
        "header_bytes",
        "header_timeout_s",
        "idle_s",
    )

    def __init__(
        self,
        *,
        connections: int,
        bodies_bytes: int,
        header_bytes: int,
        header_timeout_s: float,
        body_timeout_s: float,
        idle_s: float,
    ) -> None:
        self.connections = connections
        self.bodies_bytes = bodies_bytes
        self.header_bytes = header_bytes
        self.header_timeout_s = header_timeout_s
        self.body_timeout_s = body_timeout_s
        self.idle_s = idle_s


class HttpConnection(asyncio.Protocol):
    """The server's side of one connection."""

    __slots__ = (
        "_application",
        "_body",
        "_body_bytes",
        "_body_limit",
        "_charged_bytes",
        "_chunk_bytes",
        "_descriptor",
        "_drain_waiter",
        "_fed_bytes",
        "_first_chunk_bytes",
        "_headers",
        "_in_body",
        "_in_head",
        "_limits",
        "_linger_bytes",
        "_parser",
        "_pending",
        "_refused",
        "_request",
        "_serving",
        "_sink",
        "_transport",
        "_url",
        "_use",
        "closing",
        "loop",
        "on_closed",
        "quiet_ticks",
    )

    def __init__(
        self,
        application: Application,
        limits: HttpLimits,
        use: HttpUse,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._application = application
        self._limits = limits
        self._use = use
        self._charged_bytes = 0
        self.on_closed: Callable[[], None] | None = None
        self.loop = loop
        self.closing = False
        self.quiet_ticks = 0
        """How often the server has swept since this connection last got somewhere."""
        self._transport: asyncio.Transport | None = None
        self._pending: deque[Exchange] = deque()
        self._serving: Exchange | None = None
        self._refused = False
        self._linger_bytes = 0
        self._chunk_bytes = 0
        self._drain_waiter: asyncio.Future[None] | None = None
        self._reset_request()

    def _reset_request(self) -> None:
        self._request = Request()
        self._headers = self._request.raw_headers
        self._url = b""
        self._fed_bytes = self._first_chunk_bytes = self._chunk_bytes
        self._body: list[bytes] | None = None
        self._body_bytes = 0
        self._body_limit = SMALL_BODY_BYTES
        self._sink: BodySink | None = None
        self._in_head = False
        self._in_body = False

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, only like them.
        self._transport = transport = cast(asyncio.Transport, transport)
        self._descriptor = transport.get_extra_info("socket").fileno()
        self._parser = httptools.HttpRequestParser(self)
        if len(self._use.connections) >= self._limits.connections:
            self.closing = True
            transport.abort()
            return
        self._use.connections.add(self)
        transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._linger_bytes += len(data)
            if self._linger_bytes > LINGER_BYTES_MAX:
                self.abort()
            return
        in_head_before = self._in_head
        self._chunk_bytes = len(data)
        self._fed_bytes += self._chunk_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(Refusal.MALFORMED)
        except httptools.HttpParserError:
            if not self._refused:
                self._refuse(Refusal.MALFORMED)
        # The parser keeps an unfinished header to itself: go by what it was fed.
        most = self._limits.header_bytes + self._first_chunk_bytes
        if in_head_before and self._in_head and not self._refused and self._fed_bytes > most:
            self._refuse(Refusal.HEADERS_TOO_LARGE)

    def eof_received(self) -> bool:
        # A client may close its sending side and still wait for answers; after them we close.
        if self._serving is None:
            return False
        last = self._pending[-1] if self._pending else self._serving
        last._keep_alive = False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self._use.connections.discard(self)
        self._discharge()
        if self.on_closed is not None:
            self.on_closed()
        del self._parser  # it holds our methods: a cycle that would wait for the collector
        self._wake_drain()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.lost()
        serving, self._serving = self._serving, None
        self._pending.clear()
        if serving is not None and serving.on_disconnect is not None:
            serving.on_disconnect()

    def pause_writing(self) -> None:
        self._drain_waiter = self.loop.create_future()

    def resume_writing(self) -> None:
        self._wake_drain()
        serving = self._serving
        if serving is not None and serving.on_drained is not None:
            serving.on_drained()

    # httptools callbacks

    def on_url(self, part: bytes) -> None:
        if not self._in_head:
            self._in_head = True
            self.quiet_ticks = 0
        self._url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._headers
        key = name.lower()
        if key in headers:
            value = headers[key] + b"," + value
        headers[key] = value

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        self._in_head, self._in_body = False, True
        if self._fed_bytes > self._limits.header_bytes and self._head_is_too_large():
            self._refuse(Refusal.HEADERS_TOO_LARGE)
            return
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        path, _, request.query = self._url.decode("latin-1").partition("?")
        if path.startswith("http://"):  # absolute form, as proxies send it
            path = "/" + path[7:].partition("/")[2]
        request.path = path
        declared = self._headers.get(b"content-length")
        large = declared is not None and len(declared) > SMALL_BODY_DIGITS
        if large or b"transfer-encoding" in self._headers:
            request.sink = self._sink = self._application.open_body(request)
        if self._sink is None and declared is not None and len(declared) > SMALL_BODY_DIGITS:
            self._body_limit = self._application.body_limit(request.method, path)
            if declared.isdigit() and int(declared) > self._body_limit:
                self._refuse(Refusal.BODY_TOO_LARGE)
                return
        if b"expect" in self._headers and self._headers[b"expect"].lower() == b"100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        if self._refused:
            return
        if self._sink is not None:
            self.quiet_ticks = 0
            self._sink.take(part, self)
            return
        self._body_bytes += len(part)
        if self._body_bytes > self._body_limit:
            request = self._request
            self._body_limit = self._application.body_limit(request.method, request.path)
            if self._body_bytes > self._body_limit:
                self._body = None
                self._refuse(Refusal.BODY_TOO_LARGE)
                return
        if self._body_limit > SMALL_BODY_BYTES and not self._charge(len(part)):
            return
        if self._body is None:
            self._body = [part]
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        request, body = self._request, self._body
        if body is not None:
            request.body = body[0] if len(body) == 1 else b"".join(body)
        self._reset_request()
        exchange = Exchange(self, request, self._parser.should_keep_alive())
        if self._serving is None:
            self._serving = exchange
            self._application.handle(exchange)
            return
        self._pending.append(exchange)
        if len(self._pending) >= PIPELINE_MAX and self._transport is not None:
            self._transport.pause_reading()

    # the Exchange's side

    @property
    def peer(self) -> str:
        name = None if self._transport is None else self._transport.get_extra_info("peername")
        return str(name[0]) if isinstance(name, tuple) else "127.0.0.1"  # a local socket has none

    @property
    def knows_chunks(self) -> bool:
        return self.closing or self._parser.get_http_version() != "1.0"

    @property
    def keeps_up(self) -> bool:
        return self._drain_waiter is None

    def hold(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def release(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self.quiet_ticks = 0
            self._transport.resume_reading()

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if len(data) <= DIRECT_WRITE_BYTES_MAX and not transport.get_write_buffer_size():
            # The loop would write at the end of its turn; writing now costs less and is earlier.
            try:
                sent = os.write(self._descriptor, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return  # the transport is about to learn of it, and to tell
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)

    async def drained(self) -> None:
        waiter = self._drain_waiter
        if waiter is not None:
            await waiter

    def finished(self, *, keep_alive: bool) -> None:
        """The answer to the request being served is complete."""
        self._serving = None
        if self._charged_bytes:
            self._discharge()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._refused:
            self.loop.call_later(1.0, self.abort)
            return
        if not keep_alive:
            self.closing = True
            transport.close()
            return
        if self._pending:
            if len(self._pending) == PIPELINE_MAX:
                transport.resume_reading()
            # Through the loop: a long pipeline must not recurse.
            self.loop.call_soon(self._serve_next)
        else:
            self.quiet_ticks = 0

    def abort(self) -> None:
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    def tick(self) -> None:
        """A second has passed: refuse a request that comes too slowly, close an idle connection.

        Counted here rather than stamped by every request, which would ask for the time.
        """
        self.quiet_ticks += 1
        if self._serving is not None or self._refused:
            return
        if self._in_head:
            if self.quiet_ticks > self._limits.header_timeout_s:
                self._refuse(Refusal.TOO_SLOW)
        elif self._in_body:
            if self.quiet_ticks > self._limits.body_timeout_s:
                self._refuse(Refusal.TOO_SLOW)
        elif self.quiet_ticks > self._limits.idle_s:
            self.abort()

    def close_when_idle(self) -> None:
        """Drain: let the running exchange end, take no further one."""
        if self._serving is None:
            self.abort()
        else:
            self._serving.close_after()

    # helpers

    def _serve(self, exchange: Exchange) -> None:
        self._serving = exchange
        self._application.handle(exchange)

    def _serve_next(self) -> None:
        if self._serving is None and self._pending:
            self._serve(self._pending.popleft())

    def _charge(self, size: int) -> bool:
        """Count a part of a large body against what all of them may hold together."""
        self._use.body_bytes += size
        self._charged_bytes += size
        if self._use.body_bytes <= self._limits.bodies_bytes:
            return True
        self._body = None
        self._discharge()
        self._refuse(Refusal.BUSY)
        return False

    def _discharge(self) -> None:
        self._use.body_bytes -= self._charged_bytes
        self._charged_bytes = 0

    def _head_is_too_large(self) -> bool:
        """Exactly; asked only where so much has come that it may be."""
        size = sum(len(name) + len(value) for name, value in self._headers.items())
        return size + len(self._url) > self._limits.header_bytes

    def _refuse(self, refusal: Refusal) -> None:
        self._refused = True
        exchange = Exchange(self, self._request, False)
        if self._serving is not None:  # an answer is under way: it cannot be followed by another
            self.abort()
            return
        self._serving = exchange
        self._application.refuse(exchange, refusal)

    def _wake_drain(self) -> None:
        waiter, self._drain_waiter = self._drain_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
