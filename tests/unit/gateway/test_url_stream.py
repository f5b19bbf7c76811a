"""The sink of a streaming URL, on an exchange that only notes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.errors import FunctionError, LambdaError, throttled
from lambent.domain.invocation import Outcome
from lambent.gateway.url_response import PRELUDE_BYTES_MAX, STREAM_TYPE, Header
from lambent.gateway.url_stream import StreamedAnswer
from lambent.http.message import Request


class NotedExchange:
    """What was sent to a client, who keeps up or not."""

    def __init__(self) -> None:
        self.request = Request()
        self.request.method = "GET"
        self.on_drained: Any = None
        self.on_disconnect: Any = None
        self.keeps_up = True
        self.head: tuple[int, list[Header]] | None = None
        self.body = b""
        self.end_seen = ""

    def begin(self, status: int, headers: list[Header]) -> None:
        assert self.head is None
        self.head = (status, headers)

    def respond(self, status: int, headers: list[Header], body: bytes) -> None:
        self.begin(status, headers)
        self.body = body
        self.end_seen = "whole"

    def send(self, data: bytes) -> bool:
        assert data
        assert not self.end_seen
        self.body += data
        return self.keeps_up

    def end(self) -> None:
        self.end_seen = "end"

    def abort(self) -> None:
        self.end_seen = "cut"


class NotedBack:
    """The way back: no headers of its own."""

    def __init__(self) -> None:
        self.exchange: Any = NotedExchange()
        self.refused: LambdaError | None = None
        self.failed = False

    def headers(self, answer: list[Header]) -> list[Header]:
        return answer

    def refuse(self, error: LambdaError) -> None:
        self.refused = error

    def fail(self) -> None:
        self.failed = True


def outcome(error: FunctionError | None = None, payload: bytes = b"") -> Outcome:
    return Outcome(payload, error, "$LATEST", None)


BROKEN = FunctionError(payload=b"{}", error_type="ValueError")
PRELUDE = b'{"statusCode": 201, "headers": {"content-type": "text/html"}, "cookies": ["a=b"]}'


def go_on() -> None: ...


@given(body=st.binary(max_size=40), cuts=st.lists(st.integers(0, 140), max_size=6))
def test_a_prelude_is_found_wherever_the_chunks_end(body: bytes, cuts: list[int]) -> None:
    stream = PRELUDE + bytes(8) + body
    ends = sorted({*(min(cut, len(stream)) for cut in cuts), len(stream)})
    back = NotedBack()
    answer = StreamedAnswer(back)
    answer.on_start(STREAM_TYPE)
    start = 0
    for end in ends:
        assert answer.on_chunk(stream[start:end], go_on)
        start = end
    answer.done(outcome())
    assert back.exchange.head == (201, [("content-type", "text/html"), ("set-cookie", "a=b")])
    assert back.exchange.body == body
    assert back.exchange.end_seen == "end"


def test_a_client_that_does_not_keep_up_stops_the_stream_until_it_does() -> None:
    back = NotedBack()
    answer = StreamedAnswer(back)
    resumed: list[int] = []
    answer.on_start(b"")
    assert back.exchange.head == (200, [("content-type", "application/octet-stream")])
    back.exchange.keeps_up = False
    assert not answer.on_chunk(b"a", lambda: resumed.append(1))
    assert resumed == []
    back.exchange.on_drained()
    assert resumed == [1]


def test_what_comes_after_the_client_left_is_thrown_away() -> None:
    back = NotedBack()
    answer = StreamedAnswer(back)
    resumed: list[int] = []
    answer.on_start(b"text/plain")
    back.exchange.keeps_up = False
    answer.on_chunk(b"a", lambda: resumed.append(1))
    back.exchange.on_disconnect()
    assert resumed == [1]
    assert answer.on_chunk(b"b", go_on)
    answer.done(outcome())
    assert back.exchange.body == b"a"
    assert back.exchange.end_seen == ""


@pytest.mark.parametrize(
    "result", [outcome(BROKEN), throttled("ConcurrentInvocationLimitExceeded")]
)
def test_a_failure_amid_the_stream_cuts_the_connection(result: Outcome | LambdaError) -> None:
    back = NotedBack()
    answer = StreamedAnswer(back)
    answer.on_start(b"text/plain")
    answer.on_chunk(b"a", go_on)
    answer.done(result)
    assert (back.exchange.body, back.exchange.end_seen) == (b"a", "cut")


def test_what_ends_before_a_stream_began() -> None:
    back = NotedBack()
    refusal = throttled("ConcurrentInvocationLimitExceeded")
    StreamedAnswer(back).done(refusal)
    assert back.refused is refusal
    back = NotedBack()
    StreamedAnswer(back).done(outcome(BROKEN))
    assert back.failed
    back = NotedBack()
    answer = StreamedAnswer(back)
    answer.on_start(STREAM_TYPE)
    answer.on_chunk(PRELUDE, go_on)
    answer.done(outcome())  # the prelude never ended
    assert back.failed
    back = NotedBack()
    StreamedAnswer(back).done(outcome(payload=b'{"statusCode": 1}'))
    assert back.exchange.head == (200, [("content-type", "application/octet-stream")])
    assert back.exchange.body == b'{"statusCode": 1}'


def test_a_prelude_without_an_end_is_bounded() -> None:
    back = NotedBack()
    answer = StreamedAnswer(back)
    answer.on_start(STREAM_TYPE)
    for _ in range(PRELUDE_BYTES_MAX // 65536 + 2):
        assert answer.on_chunk(b"x" * 65536, go_on)
    assert back.failed
    answer.done(outcome())
    assert back.exchange.head is None


def test_a_content_type_that_no_header_can_hold_is_passed_over() -> None:
    back = NotedBack()
    StreamedAnswer(back).on_start(b"text/plain\r\nx: y")
    assert back.exchange.head == (200, [("content-type", "application/octet-stream")])
