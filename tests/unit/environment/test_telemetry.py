"""Telemetry on its way: who is told what, and receivers that are slow, gone or hostile.

Source: Developer Guide, "Accessing real-time telemetry data for extensions using the Telemetry
API"; what a receiver may do to us is ours.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lambent.clock import ManualClock
from lambent.environment.telemetry import Telemetry, TelemetrySink
from lambent.environment.telemetry_delivery import open_delivery
from lambent.runtime.api.replies import SUBSCRIBED
from lambent.runtime.api.telemetry_buffer import Buffering
from lambent.runtime.api.telemetry_subscription import Api, Destination, Subscription
from lambent.tasks import Tasks

TO = Destination(protocol="TCP", port=1)
WAIT_S = 60.0


def subscription(**changes: Any) -> Subscription:
    values: dict[str, Any] = {
        "api": Api.TELEMETRY,
        "schema": "2022-12-13",
        "types": ("platform", "function"),
        "destination": TO,
        "buffering": Buffering(max_items=2, max_bytes=10_000, timeout_s=3600.0),
    }
    return Subscription(**{**values, **changes})


class Receiver:
    """A delivery that arrives when the test says so."""

    def __init__(self) -> None:
        self.batches: asyncio.Queue[tuple[tuple[bytes, ...], asyncio.Future[None]]] = (
            asyncio.Queue()
        )
        self.closed = False

    async def send(self, events: tuple[bytes, ...]) -> None:
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.batches.put_nowait((events, outcome))
        await outcome

    def close(self) -> None:
        self.closed = True

    async def next(self) -> tuple[list[Any], asyncio.Future[None]]:
        async with asyncio.timeout(WAIT_S):
            events, outcome = await self.batches.get()
        return [json.loads(event) for event in events], outcome


def play(scenario: Callable[[Telemetry, TelemetrySink, Receiver], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            receiver = Receiver()
            telemetry = Telemetry(ManualClock(), init_type="on-demand", json_lines=False)
            telemetry.begin("init", {})
            loop = asyncio.get_running_loop()
            sink = TelemetrySink(telemetry, lambda _: receiver, loop, Tasks(group))
            await scenario(telemetry, sink, receiver)
            sink.close()
            assert receiver.closed

    asyncio.run(main())


def kinds(events: list[Any]) -> list[str]:
    return [event["type"].removeprefix("platform.") for event in events]


def test_who_subscribes_in_the_middle_of_an_init_is_told_its_beginning() -> None:
    async def scenario(telemetry: Telemetry, sink: TelemetrySink, receiver: Receiver) -> None:
        telemetry.function_line("importing\n")
        assert sink.subscribe("first", subscription()) is SUBSCRIBED
        events, outcome = await receiver.next()
        assert kinds(events) == ["initStart", "function"]
        outcome.set_result(None)
        telemetry.runtime_ready()
        events, outcome = await receiver.next()
        assert kinds(events) == ["telemetrySubscription", "initRuntimeDone"]
        outcome.set_result(None)
        telemetry.init_done(12.5, status="success", error_type=None)
        sink.flush()
        events, outcome = await receiver.next()
        assert kinds(events) == ["initReport"]
        assert events[0]["record"]["metrics"] == {"durationMs": 12.5}
        outcome.set_result(None)

    play(scenario)


def test_a_receiver_that_stands_still_is_told_later_how_much_it_missed() -> None:
    async def scenario(telemetry: Telemetry, sink: TelemetrySink, receiver: Receiver) -> None:
        sink.subscribe("slow", subscription(types=("platform", "function")))
        _, outcome = await receiver.next()
        for number in range(50):
            telemetry.function_line(f"{number}\n")
        outcome.set_result(None)
        events, outcome = await receiver.next()
        dropped = events[0]
        assert dropped["type"] == "platform.logsDropped"
        assert dropped["record"]["droppedRecords"] == 46
        assert [event["record"] for event in events[1:]] == ["0\n", "1\n"]
        outcome.set_result(None)

    play(scenario)


def test_what_did_not_arrive_is_sent_again_and_the_end_waits_for_nothing() -> None:
    async def scenario(telemetry: Telemetry, sink: TelemetrySink, receiver: Receiver) -> None:
        sink.subscribe("gone", subscription())
        first, outcome = await receiver.next()
        outcome.set_exception(ConnectionRefusedError("nobody listens"))
        await asyncio.sleep(0)
        sink.flush()
        again, outcome = await receiver.next()
        assert again == first
        outcome.set_result(None)

    play(scenario)


def test_one_extension_has_one_api_and_a_bounded_number_of_destinations() -> None:
    async def scenario(telemetry: Telemetry, sink: TelemetrySink, receiver: Receiver) -> None:
        assert sink.subscribe("one", subscription()) is SUBSCRIBED
        assert sink.subscribe("one", subscription(types=("function",))) is SUBSCRIBED
        logs = sink.subscribe("one", subscription(api=Api.LOGS, schema="2021-03-18"))
        assert logs.status == 403
        statuses = [
            sink.subscribe(
                "two", subscription(destination=Destination(protocol="TCP", port=port))
            ).status
            for port in range(2, 40)
        ]
        assert statuses.count(200) == 19
        assert set(statuses) == {200, 403}

    play(scenario)


async def deliver(
    protocol: str, answer: bytes, *, listens: bool = True
) -> tuple[bytes, Exception | None]:
    """Send two events to a receiver that answers so; what it got, and how the sending ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    address = listener.getsockname()
    if not listens:
        listener.close()
    loop = asyncio.get_running_loop()

    async def connect(port: int) -> socket.socket:
        assert port == 7
        connection = socket.socket()
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
        except OSError:
            connection.close()
            raise
        return connection

    async def receive() -> bytes:
        link, _ = await loop.sock_accept(listener)
        link.setblocking(False)
        got = b""
        with link:
            while not got.endswith((b"]", b"\n")) or got.endswith(b"\r\n"):
                got += await loop.sock_recv(link, 65536)
            try:
                await loop.sock_sendall(link, answer)
            except OSError:
                pass  # it has heard enough
        return got

    destination = Destination(protocol=protocol, port=7, path="/a?b", method="PUT")
    delivery = open_delivery(destination, connect)
    receiving = asyncio.ensure_future(receive()) if listens else None
    failure: Exception | None = None
    async with asyncio.timeout(WAIT_S):
        try:
            await delivery.send((b'{"a":1}', b'{"b":2}'))
        except OSError as error:
            failure = error
        got = await receiving if receiving is not None else b""
    delivery.close()
    listener.close()
    await asyncio.sleep(0)  # its connection is closed by the loop
    return got, failure


def test_a_batch_by_http_is_one_request_with_an_array() -> None:
    got, failure = asyncio.run(deliver("HTTP", b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert failure is None
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /a?b HTTP/1.1\r\nHost: sandbox.localdomain:7\r\n")
    assert json.loads(body) == [{"a": 1}, {"b": 2}]


def test_a_batch_by_tcp_is_a_line_for_each_event() -> None:
    got, failure = asyncio.run(deliver("TCP", b""))
    assert (got, failure) == (b'{"a":1}\n{"b":2}\n', None)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 500 No\r\n\r\n",
        b"HTTP/1.1 301 Elsewhere\r\nLocation: http://example.com\r\n\r\n",
        b"HTTP/1.1 200",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 twohundred\r\n\r\n",
        b"\xff" * 100 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500_000,
    ],
)
def test_whatever_is_no_answer_of_success_is_a_failure_and_no_fault(answer: bytes) -> None:
    _, failure = asyncio.run(deliver("HTTP", answer))
    assert isinstance(failure, OSError)


def test_an_interim_answer_is_not_the_answer() -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    assert asyncio.run(deliver("HTTP", answer))[1] is None


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_where_nobody_listens_it_fails(protocol: str) -> None:
    _, failure = asyncio.run(deliver(protocol, b"", listens=False))
    assert isinstance(failure, ConnectionRefusedError)
