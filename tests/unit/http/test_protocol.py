"""One HTTP connection: order, bounds, refusals, clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lambent.http.exchange import Exchange
from lambent.http.message import BodySink, Refusal, Request
from lambent.http.protocol import PIPELINE_MAX, HttpConnection, HttpLimits, HttpUse

LIMITS = HttpLimits(
    connections=2,
    bodies_bytes=15_000,
    header_bytes=1024,
    header_timeout_s=1.0,
    body_timeout_s=2.0,
    idle_s=3.0,
)


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self

    def fileno(self) -> int:
        return -1

    def get_write_buffer_size(self) -> int:
        return 1  # as if something waited: all goes through `write`

    def write(self, data: Any) -> None:
        assert not self.closed, "written after the close"
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Recorder:
    """An application that keeps its exchanges."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.refusals: list[Refusal] = []

    def body_limit(self, method: str, path: str) -> int:
        return 20_000

    def open_body(self, request: Request) -> BodySink | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        exchange.respond(400, (), b"no")


@pytest.fixture
def connect() -> Any:
    loop = asyncio.new_event_loop()
    application = Recorder()
    use = HttpUse()

    def make() -> tuple[HttpConnection, Wire, Recorder]:
        connection = HttpConnection(application, LIMITS, use, loop)
        wire = Wire()
        connection.connection_made(wire)
        return connection, wire, application

    make.loop = loop  # type: ignore[attr-defined]
    yield make
    loop.close()


Connect = Callable[[], tuple[HttpConnection, Wire, Recorder]]


def test_a_request_in_single_bytes_is_the_same_request(connect: Connect) -> None:
    connection, wire, application = connect()
    raw = b"POST /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc"
    for index in range(len(raw)):
        connection.data_received(raw[index : index + 1])
    (exchange,) = application.exchanges
    request = exchange.request
    assert (request.method, request.path, request.query) == ("POST", "/a%20b", "x=1")
    assert request.headers["x-a"] == "1,2"
    assert request.body == b"abc"
    exchange.respond(200, (("x-b", "c"),), b"ok")
    assert wire.sent == b"HTTP/1.1 200 OK\r\nx-b: c\r\ncontent-length: 2\r\n\r\nok"


def test_pipelined_requests_are_answered_in_their_order(connect: Connect) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    assert [one.request.path for one in application.exchanges] == ["/1"]
    application.exchanges[0].respond(200, (), b"1")
    run_once(connect)
    assert [one.request.path for one in application.exchanges] == ["/1", "/2"]
    application.exchanges[1].respond(200, (), b"2")
    assert wire.sent.endswith(b"\r\n\r\n2")


def test_a_pipeline_cut_anywhere_is_not_taken_for_one_large_head(connect: Connect) -> None:
    """Found by the fuzz test: what is fed counts against the request that it belongs to."""
    post = b"POST /x HTTP/1.1\r\nx-filler: %b\r\ncontent-length: 900\r\n\r\n" % (b"f" * 500)
    pipeline = (post + b"b" * 900) * 8
    for size in range(100, 6_000, 97):
        connection, _, application = connect()
        for begin in range(0, len(pipeline), size):
            connection.data_received(pipeline[begin : begin + size])
        assert application.refusals == [], f"in parts of {size} bytes"
        connection.connection_lost(None)


def test_a_long_pipeline_pauses_reading(connect: Connect) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n" * (PIPELINE_MAX + 1))
    assert not wire.reading
    application.exchanges[0].respond(200, (), b"")
    assert wire.reading


@pytest.mark.parametrize(
    ("raw", "refusal"),
    [
        (b"NONSENSE\r\n\r\n", Refusal.MALFORMED),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 2000 + b"\r\n\r\n", Refusal.HEADERS_TOO_LARGE),
        (b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\n\r\n", Refusal.HEADERS_TOO_LARGE),
        (b"POST / HTTP/1.1\r\nContent-Length: 20001\r\n\r\n", Refusal.BODY_TOO_LARGE),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4e21\r\n"
            + b"x" * 0x4E21
            + b"\r\n",
            Refusal.BODY_TOO_LARGE,
        ),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", Refusal.MALFORMED),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Refusal.MALFORMED,
        ),
        (b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", None),
    ],
)
def test_what_breaks_a_bound_is_refused_once(
    connect: Connect, raw: bytes, refusal: Refusal | None
) -> None:
    connection, wire, application = connect()
    connection.data_received(raw)
    connection.data_received(b"more")
    if refusal is not None:
        assert application.refusals == [refusal]
        assert wire.sent.count(b"HTTP/1.1 ") == 1
        assert b"connection: close" in wire.sent
        assert not application.exchanges
    else:
        assert len(application.refusals) + len(application.exchanges) == 1


def test_a_client_that_leaves_is_told_of_and_a_late_answer_is_dropped(connect: Connect) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
    left: list[bool] = []
    application.exchanges[0].on_disconnect = lambda: left.append(True)
    wire.closed = True
    connection.connection_lost(None)
    assert left == [True]
    application.exchanges[0].respond(200, (), b"late")
    assert wire.sent == b""


def test_a_client_that_has_ended_its_side_gets_all_answers_and_then_the_end(
    connect: Connect,
) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    assert connection.eof_received()
    application.exchanges[0].respond(200, (), b"1")
    assert not wire.closed
    run_once(connect)
    application.exchanges[1].respond(200, (), b"2")
    assert wire.sent.endswith(b"connection: close\r\n\r\n2")
    assert wire.closed
    connection, _, _ = connect()
    assert not connection.eof_received()


def test_http_1_0_and_connection_close_end_the_connection(connect: Connect) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    application.exchanges[0].respond(200, (), b"x")
    assert b"connection: close" in wire.sent
    assert wire.closed


def test_expect_100_continue_is_answered_before_the_body(connect: Connect) -> None:
    connection, wire, _ = connect()
    connection.data_received(
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert wire.sent == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_head_answer_and_a_204_have_no_body(connect: Connect) -> None:
    connection, wire, application = connect()
    connection.data_received(b"HEAD / HTTP/1.1\r\n\r\n")
    application.exchanges[0].respond(200, (), b"body")
    assert wire.sent.endswith(b"content-length: 4\r\n\r\n")
    wire.sent = b""
    connection.data_received(b"DELETE / HTTP/1.1\r\n\r\n")
    application.exchanges[1].respond(204, (), b"")
    assert b"content-length" not in wire.sent


def test_connections_past_the_limit_are_cut(connect: Connect) -> None:
    connect()
    connect()
    _, wire, _ = connect()
    assert wire.closed


def test_a_request_that_does_not_arrive_in_time_is_refused_and_an_idle_one_cut(
    connect: Connect,
) -> None:
    slow, _, application = connect()
    slow.data_received(b"GET / HT")
    slow.tick()
    assert application.refusals == []
    slow.tick()
    assert application.refusals == [Refusal.TOO_SLOW]
    idle, idle_wire, _ = connect()
    for _ in range(3):
        idle.tick()
    assert not idle_wire.closed
    idle.tick()
    assert idle_wire.closed


def test_a_streamed_answer_is_chunked_unless_its_length_is_known(connect: Connect) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
    exchange = application.exchanges[0]
    exchange.begin(200, [])
    connection.loop.run_until_complete(exchange.write(b"abc"))
    exchange.end()
    assert wire.sent.endswith(b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def run_once(connect: Any) -> None:
    connect.loop.call_soon(connect.loop.stop)
    connect.loop.run_forever()


def test_large_bodies_together_are_bounded_and_small_ones_are_not_counted(
    connect: Connect,
) -> None:
    first, _, application = connect()
    second, second_wire, _ = connect()
    head = b"POST / HTTP/1.1\r\nContent-Length: 12000\r\n\r\n"
    first.data_received(head + b"x" * 11_000)
    second.data_received(head + b"x" * 11_000)
    assert application.refusals == [Refusal.BUSY]
    assert second_wire.sent.count(b"HTTP/1.1 ") == 1
    first.data_received(b"x" * 1_000)
    application.exchanges[0].respond(200, (), b"")
    third_body = b"POST / HTTP/1.1\r\nContent-Length: 14000\r\n\r\n" + b"x" * 14_000
    first.data_received(third_body)
    assert len(application.exchanges) == 2, "what was answered is given back"


# Answers in parts


def test_parts_are_chunks_and_the_connection_serves_on(connect: Connect) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    (exchange,) = application.exchanges
    exchange.begin(200, ())
    assert exchange.send(b"abc")
    assert exchange.send(b"")  # would end the body
    exchange.end()
    assert wire.sent == (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    run_once(connect)
    assert [one.request.path for one in application.exchanges] == ["/1", "/2"]


@pytest.mark.parametrize("keep", [b"", b"connection: keep-alive\r\n"])
def test_a_client_of_http_1_0_gets_parts_as_they_are_until_the_close(
    connect: Connect, keep: bytes
) -> None:
    """RFC 9112, 6.1: no transfer coding to a client that speaks HTTP/1.0."""
    connection, wire, application = connect()
    connection.data_received(b"GET /1 HTTP/1.0\r\n" + keep + b"\r\n")
    (exchange,) = application.exchanges
    exchange.begin(200, ())
    exchange.send(b"abc")
    exchange.send(b"def")
    assert not wire.closed
    exchange.end()
    assert wire.sent == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcdef"
    assert wire.closed


def test_a_slow_client_is_told_of_and_again_when_it_has_caught_up(connect: Connect) -> None:
    connection, _, application = connect()
    connection.data_received(b"GET /1 HTTP/1.1\r\n\r\n")
    (exchange,) = application.exchanges
    told: list[str] = []
    exchange.on_drained = lambda: told.append("drained")
    exchange.begin(200, ())
    assert exchange.send(b"a")
    connection.pause_writing()
    assert not exchange.send(b"b")
    assert told == []
    connection.resume_writing()
    assert told == ["drained"]
    assert exchange.send(b"c")


def test_a_client_that_leaves_amid_an_answer_is_told_of_once_and_written_to_no_more(
    connect: Connect,
) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET /1 HTTP/1.1\r\n\r\n")
    (exchange,) = application.exchanges
    told: list[str] = []
    exchange.on_disconnect = lambda: told.append("left")
    exchange.begin(200, ())
    connection.pause_writing()
    wire.closed = True
    connection.connection_lost(ConnectionResetError())
    assert told == ["left"]
    assert exchange.disconnected
    assert exchange.send(b"nobody reads it")  # nothing to wait for
    exchange.end()
    assert told == ["left"]


def test_an_answer_in_parts_may_begin_after_its_client_has_left(connect: Connect) -> None:
    connection, wire, application = connect()
    connection.data_received(b"GET /1 HTTP/1.0\r\n\r\n")
    (exchange,) = application.exchanges
    wire.closed = True
    connection.connection_lost(None)
    exchange.begin(200, ())
    assert exchange.send(b"a")
    exchange.end()
    assert wire.sent == b""
