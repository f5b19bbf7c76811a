"""Streams under stress: size, slow clients, clients that leave, servers that end or are killed.

Source: [DG] configuration-response-streaming.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from tests.conftest import RunningServer, running
from tests.system.host import Traces, resident_bytes, wait_for

MIB = 1024 * 1024
FASTEST = ("--stream-bytes-per-s", str(64 * MIB))

BLOCKS = """
def handler(event, context):
    block = bytes(event.get("size", 1048576))
    for _ in range(event["count"]):
        yield block
    print("to its end")
"""


class RawStream:
    """A stream read by hand: as fast, as slowly or as little as a test wants."""

    def __init__(self, server: RunningServer, name: str, event: Any) -> None:
        self.connection = socket.create_connection(("127.0.0.1", server.port), timeout=120)
        body = json.dumps(event).encode()
        self.connection.sendall(
            b"POST /2021-11-15/functions/%b/response-streaming-invocations HTTP/1.0\r\n"
            b"content-length: %d\r\n\r\n%b" % (name.encode(), len(body), body)
        )

    def read(self) -> Iterator[bytes]:
        """The parts of the body, as they come, to its end."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        yield data.partition(b"\r\n\r\n")[2]
        while part := self.connection.recv(262_144):
            yield part

    def _receive(self) -> bytes:
        part = self.connection.recv(262_144)
        assert part, "the server closed the connection"
        return part

    def events(self) -> tuple[int, dict[str, Any]]:
        """Bytes of all chunks, and the last event."""
        buffer, size, last = EventStreamBuffer(), 0, {}
        with closing(self.connection):
            for part in self.read():
                buffer.add_data(part)
                for event in buffer:
                    if event.headers[":event-type"] == "PayloadChunk":
                        size += len(event.payload)
                    else:
                        last = json.loads(event.payload)
        return size, last

    def reset(self) -> None:
        """Leave without a word."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def events_of(server: RunningServer, name: str, pattern: str) -> list[Any]:
    """What a function has logged that fits `pattern`."""
    pages = server.client("logs").get_paginator("filter_log_events")
    found: list[Any] = []
    for page in pages.paginate(logGroupName=f"/aws/lambda/{name}", filterPattern=pattern):
        found += page["events"]
    return found


def test_a_stream_of_200_mb_passes_in_bounded_memory(tmp_path: Path) -> None:
    with running(tmp_path / "data", *FASTEST) as server:
        server.create("streams-200", BLOCKS, Timeout=60)
        RawStream(server, "streams-200", {"count": 1}).events()  # it is warm
        before = resident_bytes(server.pid)
        largest, size = before, 0
        stream = RawStream(server, "streams-200", {"count": 200})
        with closing(stream.connection):
            for part in stream.read():
                size += len(part)
                largest = max(largest, resident_bytes(server.pid))
        assert size > 200 * MIB
        assert largest - before < 24 * MIB, f"it grew by {(largest - before) / MIB:.0f} MiB"
        size, last = RawStream(server, "streams-200", {"count": 201}).events()
        assert size == 200 * MIB
        assert last["ErrorCode"] == "Function.ResponseSizeTooLarge"
        assert RawStream(server, "streams-200", {"count": 2}).events() == (2 * MIB, {})


def test_a_client_that_does_not_read_stops_the_functions_writes(tmp_path: Path) -> None:
    """All that was written before the time-out lies in buffers of bounded size."""
    with running(tmp_path / "data", *FASTEST) as server:
        server.create("streams-slow", BLOCKS, Timeout=2)
        server.create("streams-other", "def handler(event, context):\n    return 1\n")
        client = server.client("lambda")
        assert client.invoke(FunctionName="streams-other")["Payload"].read() == b"1"  # it is warm
        before = resident_bytes(server.pid)
        stream = RawStream(server, "streams-slow", {"count": 200, "size": 65_536 * 16})
        assert client.invoke(FunctionName="streams-other")["Payload"].read() == b"1"
        wait_for(lambda: events_of(server, "streams-slow", "timed"), "the line of the time-out")
        assert resident_bytes(server.pid) - before < 24 * MIB
        size, last = stream.events()
        assert 0 < size < 24 * MIB
        assert last["ErrorCode"] == "Sandbox.Timedout"


def test_clients_that_leave_amid_a_stream_disturb_nothing(server: RunningServer) -> None:
    """50 of them, while others invoke; each function runs on to its end ([DG])."""
    name = "streams-left"
    client = server.create(name, BLOCKS, Timeout=60)
    server.create("streams-stay", "def handler(event, context):\n    return event\n")

    def leave(number: int) -> None:
        stream = RawStream(server, name, {"count": 8, "size": 500_000})
        for part in stream.read():
            if part:
                break
        if number % 2:
            stream.reset()
        else:
            stream.connection.close()

    def stay(number: int) -> bool:
        answer = server.client("lambda").invoke(
            FunctionName="streams-stay", Payload=str(number).encode()
        )
        return bool(answer["Payload"].read() == str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        left = [pool.submit(leave, number) for number in range(50)]
        stayed = [pool.submit(stay, number) for number in range(50)]
        for one in left:
            one.result()
        assert all(one.result() for one in stayed)
    wait_for(
        lambda: len(events_of(server, name, "end")) == 50,
        "the ends of 50 functions whose clients have left",
    )
    answer = client.invoke_with_response_stream(FunctionName=name, Payload=b'{"count": 3}')
    *chunks, last = list(answer["EventStream"])
    assert sum(len(chunk["PayloadChunk"]["Payload"]) for chunk in chunks) == 3 * MIB
    assert last == {"InvokeComplete": {}}


WAITS = """
import time
def handler(event, context):
    yield "first"
    time.sleep(event)
    yield "second"
"""


def test_a_server_that_is_stopped_lets_a_stream_end(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    try:
        client = server.create("streams-drain", WAITS, Timeout=30)
        answer = client.invoke_with_response_stream(FunctionName="streams-drain", Payload=b"1")
        events = iter(answer["EventStream"])
        assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(server.stop)
            assert next(events) == {"PayloadChunk": {"Payload": b"second"}}
            assert list(events) == [{"InvokeComplete": {}}]
            assert stopped.result() == 0
    finally:
        server.kill()


@pytest.mark.parametrize("reads", [True, False])
def test_a_server_killed_amid_a_stream_leaves_nothing(tmp_path: Path, reads: bool) -> None:
    server = RunningServer(tmp_path / "data").start()
    traces = Traces(server.data_dir)
    try:
        event: Any = 60 if reads else {"count": 200}
        server.create("streams-killed", WAITS if reads else BLOCKS, Timeout=60)
        stream = RawStream(server, "streams-killed", event)
        parts = stream.read()
        while not next(parts):
            pass
        traces.watch(server)
        server.kill()
        with closing(stream.connection):
            if reads:
                assert b"InvokeComplete" not in b"".join(parts)
        server.start()
        traces.watch(server)
        answer = server.client("lambda").invoke_with_response_stream(
            FunctionName="streams-killed", Payload=b"0" if reads else b'{"count": 1}'
        )
        assert list(answer["EventStream"])[-1] == {"InvokeComplete": {}}
        traces.watch(server)
        assert server.stop() == 0, server.log()
        traces.assert_none()
    finally:
        server.kill()
