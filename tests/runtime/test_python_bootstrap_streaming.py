"""How a Python handler streams its response: an iterator, sent part by part, on every interpreter.

AWS's managed runtime for Python has no such interface (awslambdaric 4.2.2); docs/decisions/0018.
"""

from __future__ import annotations

import json
import os

from lambent.runtime.frames import Kind
from tests.runtime.conftest import Start
from tests.runtime.guest import Guest


def stream_of(guest: Guest) -> list[tuple[Kind, bytes]]:
    """The frames of one streamed answer, its logs left out."""
    frames = []
    while not frames or frames[-1][0] not in (Kind.STREAM_END, Kind.ERROR):
        frame = guest.frame()
        assert frame is not None
        if frame[0] not in (Kind.LOG, Kind.OUTPUT):
            frames.append(frame)
    return frames


def test_an_iterator_is_sent_part_by_part(start: Start) -> None:
    source = """
def handler(event, context):
    return iter([b"one", "zwei \\u00e4", bytearray(b"three"), b""])
"""
    guest = start(source).ready()
    expected = [
        (Kind.STREAM_START, b"application/octet-stream"),
        (Kind.STREAM_CHUNK, b"one"),
        (Kind.STREAM_CHUNK, "zwei ä".encode()),
        (Kind.STREAM_CHUNK, b"three"),
        (Kind.STREAM_END, b""),
    ]
    assert stream_of(guest.send()) == expected
    assert stream_of(guest.send()) == expected


def test_a_part_is_sent_before_the_next_one_is_made(start: Start) -> None:
    source = """
def handler(event, context):
    yield "first"
    open(event).read()
    yield "second"
"""
    guest = start(source).ready()
    gate = guest.task / "gate"
    os.mkfifo(gate)
    guest.send(str(gate))
    assert guest.frame() == (Kind.STREAM_START, b"application/octet-stream")
    assert guest.frame() == (Kind.STREAM_CHUNK, b"first")
    gate.write_text("go")
    assert guest.frame() == (Kind.STREAM_CHUNK, b"second")
    assert guest.frame() == (Kind.STREAM_END, b"")


def test_a_dict_as_the_first_part_is_the_head_of_an_http_answer(start: Start) -> None:
    """[DG] `HttpResponseStream.from`: JSON, eight null bytes, the body."""
    source = """
def handler(event, context):
    yield {"statusCode": 201, "cookies": ["a=b"]}
    yield "body"
"""
    guest = start(source).ready()
    assert stream_of(guest.send()) == [
        (Kind.STREAM_START, b"application/vnd.awslambda.http-integration-response"),
        (Kind.STREAM_CHUNK, b'{"statusCode": 201, "cookies": ["a=b"]}' + bytes(8)),
        (Kind.STREAM_CHUNK, b"body"),
        (Kind.STREAM_END, b""),
    ]


def test_an_iterator_may_say_its_content_type(start: Start) -> None:
    source = """
class Lines:
    content_type = "text/plain"
    def __init__(self): self.left = 1
    def __iter__(self): return self
    def __next__(self):
        if not self.left: raise StopIteration
        self.left -= 1
        return "line"
def handler(event, context):
    return Lines()
"""
    frames = stream_of(start(source).ready().send())
    assert frames[0] == (Kind.STREAM_START, b"text/plain")
    assert len(frames) == 3


def test_an_empty_stream_and_a_large_part(start: Start) -> None:
    source = """
def handler(event, context):
    return iter([b"x" * event] if event else [])
"""
    guest = start(source).ready()
    assert [kind for kind, _ in stream_of(guest.send(0))] == [Kind.STREAM_START, Kind.STREAM_END]
    parts = [body for kind, body in stream_of(guest.send(150_000)) if kind is Kind.STREAM_CHUNK]
    assert b"".join(parts) == b"x" * 150_000
    assert max(map(len, parts)) == 65_536


def test_an_error_ends_a_stream_and_the_environment_goes_on(start: Start) -> None:
    source = """
def handler(event, context):
    if event == "at once":
        raise ValueError("never began")
    try:
        yield "part"
        if event == "int":
            yield 7
        raise KeyError("late")
    finally:
        print("closed")
"""
    guest = start(source).ready()
    (kind, body), *none = stream_of(guest.send("at once"))
    assert not none
    assert kind is Kind.ERROR
    assert json.loads(body)["errorType"] == "ValueError"
    *parts, (kind, body) = stream_of(guest.send("late"))
    assert [part[0] for part in parts] == [Kind.STREAM_START, Kind.STREAM_CHUNK]
    assert kind is Kind.ERROR
    error = json.loads(body)
    assert error["errorType"] == "KeyError"
    assert len(error["stackTrace"]) == 1
    assert guest.output == b"closed\n"
    *_, (kind, body) = stream_of(guest.send("int"))
    assert kind is Kind.ERROR
    assert json.loads(body)["errorType"] == "Runtime.MarshalError"
    assert guest.output == b"closed\nclosed\n"
    assert stream_of(guest.send("late"))[-1][0] is Kind.ERROR


def test_the_end_of_an_iterator_belongs_to_its_invocation(start: Start) -> None:
    """What `close` prints comes before the last frame, and its error is that frame."""
    source = """
class Lines:
    def __init__(self, event): self.event, self.left = event, 1
    def __iter__(self): return self
    def __next__(self):
        if not self.left: raise StopIteration
        self.left -= 1
        return "line"
    def close(self):
        print("closed")
        if self.event: raise ValueError("in close")
def handler(event, context):
    return Lines(event)
"""
    guest = start(source).ready()
    assert stream_of(guest.send(False))[-1] == (Kind.STREAM_END, b"")
    assert guest.output == b"closed\n"
    for _ in range(2):
        *_, (kind, body) = stream_of(guest.send(True))
        assert kind is Kind.ERROR
        assert json.loads(body)["errorMessage"] == "in close"
    assert stream_of(guest.send(False))[-1] == (Kind.STREAM_END, b"")
    assert guest.output == b"closed\n" * 4


def test_a_stream_ends_at_200_megabytes_with_an_error(start: Start) -> None:
    source = """
def handler(event, context):
    part = bytes(8 * 1024 * 1024)
    for _ in range(25):
        yield part
    yield event
"""
    guest = start(source).ready()
    guest.send("", timeout_s=60.0)
    frames = stream_of(guest)
    assert sum(len(body) for kind, body in frames if kind is Kind.STREAM_CHUNK) == 200 * 1024 * 1024
    assert frames[-1][0] is Kind.STREAM_END
    frames = stream_of(guest.send("x", timeout_s=60.0))
    assert sum(len(body) for kind, body in frames if kind is Kind.STREAM_CHUNK) == 200 * 1024 * 1024
    assert frames[-1][0] is Kind.ERROR
    assert json.loads(frames[-1][1])["errorType"] == "Function.ResponseSizeTooLarge"
