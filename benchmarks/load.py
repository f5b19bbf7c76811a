"""A load of signed Invoke requests: the same bytes to Lambent and to the floor program."""

from __future__ import annotations

import asyncio
import re
import socket
import statistics
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

EVENT = b'{"message": "%s"}' % (b"x" * 85)
assert len(EVENT) == 100

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


def signed_invoke(port: int, name: str, body: bytes = EVENT) -> bytes:
    """One whole Invoke, signed with SigV4 as an SDK does."""
    return _signed(port, f"/2015-03-31/functions/{name}/invocations", body)


def signed_event(port: int, name: str, body: bytes = EVENT) -> bytes:
    """One whole asynchronous Invoke."""
    path = f"/2015-03-31/functions/{name}/invocations"
    return _signed(port, path, body, {"X-Amz-Invocation-Type": "Event"})


def signed_stream(port: int, name: str, body: bytes = EVENT) -> bytes:
    """One whole InvokeWithResponseStream."""
    return _signed(port, f"/2021-11-15/functions/{name}/response-streaming-invocations", body)


def _signed(
    port: int, path: str, body: bytes, more: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    url = f"http://127.0.0.1:{port}{path}"
    headers = {"Content-Type": "application/json", **more}
    request = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(request)
    headers = dict(request.headers.items())
    headers.update(
        {
            "Host": f"127.0.0.1:{port}",
            "User-Agent": "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7",
            "amz-sdk-invocation-id": "5ab2b5a8-8f6d-4ab1-92a7-0cf8f8f0d8a5",
            "amz-sdk-request": "attempt=1",
            "Content-Length": str(len(body)),
        }
    )
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def url_request(port: int, host: str, body: bytes = EVENT) -> bytes:
    """One whole request to a function URL, as a browser sends one."""
    return (
        f"POST /path?a=b HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: Mozilla/5.0\r\n"
        "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nCookie: a=b; c=d\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def exchange(connection: socket.socket, request: bytes) -> tuple[bytes, bytes]:
    """Send one request and read its whole answer: head and body."""
    connection.sendall(request)
    data = bytearray()
    while True:
        part = connection.recv(262_144)
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
        end = data.find(b"\r\n\r\n")
        if end < 0:
            continue
        found = _LENGTH.search(data[: end + 2])
        size = int(found[1]) if found else 0
        if len(data) >= end + 4 + size:
            return bytes(data[:end]), bytes(data[end + 4 :])


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def one_client_p50_us(port: int, request: bytes, *, count: int) -> float:
    """Median microseconds of `count` requests, one after the other on one connection."""
    with connect(port) as connection:
        times = []
        for _ in range(count):
            started = time.perf_counter_ns()
            head, _ = exchange(connection, request)
            times.append(time.perf_counter_ns() - started)
            assert head.startswith(b"HTTP/1.1 200"), head
    return statistics.median(times) / 1000


_STAMP = re.compile(rb"\d{19}")


def first_chunk_us(connection: socket.socket, request: bytes) -> float:
    """Microseconds from the time that a stream's first chunk holds until it is here."""
    connection.sendall(request)
    data, stamp, first_us = b"", None, 0.0
    while b"\r\n0\r\n\r\n" not in data:
        part = connection.recv(65_536)
        now = time.time_ns()
        assert part, data
        data += part
        if stamp is None:
            stamp = _STAMP.search(data)
            if stamp is not None:
                first_us = (now - int(stamp[0])) / 1000
                assert b"InvokeComplete" not in data, "the function had ended"
    return first_us


def drain_stream(port: int, name: str, measure: Callable[[], float]) -> tuple[float, float]:
    """Read a stream as fast as it comes: its seconds, and the largest of what was measured."""
    largest, last = 0.0, b""
    with connect(port) as connection:
        started = time.perf_counter()
        connection.sendall(signed_stream(port, name))
        while not last.endswith(b"\r\n0\r\n\r\n"):
            part = connection.recv(262_144)
            assert part, "the server closed the connection"
            last = (last + part)[-16:]
            largest = max(largest, measure())
    return time.perf_counter() - started, largest


class _Client(asyncio.Protocol):
    """Sends the next request when the answer to the last is whole."""

    def __init__(self, make_request: Callable[[], bytes], counter: list[int]) -> None:
        self.make_request = make_request
        self.counter = counter
        self.pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.transport.write(self.make_request())

    def data_received(self, data: bytes) -> None:
        data = self.pending + data if self.pending else data
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + int(_LENGTH.search(data)[1]):  # type: ignore[index]
            self.pending = data
            return
        assert data.startswith(b"HTTP/1.1 20"), data[:200]
        self.pending = b""
        self.counter[0] += 1
        self.transport.write(self.make_request())


def throughput_per_s(
    port: int, request: bytes | Callable[[], bytes], *, clients: int, seconds: float
) -> float:
    """Requests a second of `clients` connections, each with one request at a time.

    `request` is always the same one, or makes each.
    """
    make_request = (lambda: request) if isinstance(request, bytes) else request

    async def run() -> float:
        loop = asyncio.get_running_loop()
        counter = [0]
        transports = []
        for _ in range(clients):
            transport, _ = await loop.create_connection(
                lambda: _Client(make_request, counter), "127.0.0.1", port
            )
            transports.append(transport)
        await asyncio.sleep(0.5)  # every environment has started by then
        begun, started = counter[0], time.perf_counter()
        await asyncio.sleep(seconds)
        rate = (counter[0] - begun) / (time.perf_counter() - started)
        for transport in transports:
            transport.abort()
        return rate

    return uvloop.run(run())
