"""When the channel to a sandbox is read and when it is not."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any, cast

import uvloop

from lambent.environment.channel import Channel, take_over


class Wire(asyncio.Transport):
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True
        self.closed = False
        self.written = b""

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading, "resumed twice"
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass

    def abort(self) -> None:
        self.closed = True


def connected(sock: socket.socket | None = None) -> tuple[Channel, Wire, asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    channel, wire = Channel(loop, sock), Wire()
    channel.connected(wire)
    return channel, wire, loop


def test_it_is_read_again_when_the_last_reason_not_to_has_gone() -> None:
    channel, wire, loop = connected()
    channel.hold()
    channel.pause(0.0)
    channel.hold()
    assert not wire.reading
    channel.release()
    loop.run_until_complete(asyncio.sleep(0.001))  # the pause of no length ends
    assert not wire.reading
    channel.release()
    assert wire.reading
    loop.close()


def test_one_that_was_given_up_is_left_alone() -> None:
    channel, wire, loop = connected()
    channel.hold()
    assert channel.drop()
    assert wire.closed
    channel.release()
    channel.hold()
    channel.send(b"x")
    assert not channel.drop()
    assert wire.written == b""
    loop.close()


def test_what_the_socket_does_not_take_at_once_goes_by_the_transport() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    channel, wire, loop = connected(ours)
    channel.send(b"small")
    assert (theirs.recv(10), wire.written) == (b"small", b"")
    sent = 0
    while not wire.written:  # until the socket's buffer is full
        channel.send(b"x" * 60_000)
        sent += 60_000
    received = len(wire.written)
    theirs.setblocking(False)
    try:
        while data := theirs.recv(1 << 20):
            received += len(data)
    except BlockingIOError:
        pass
    assert received == sent
    ours.close()
    theirs.close()
    loop.close()


def test_what_lies_in_a_channel_is_read_without_waiting_for_its_end() -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        channel, _, loop = connected(near)
        assert channel.read_rest() == b""
        far.sendall(b"left")
        assert channel.read_rest() == b"left"
        far.sendall(b"more")
        channel.drop()
        assert channel.read_rest() == b""
        loop.close()


def test_a_connection_that_nobody_wants_any_more_is_dropped_once_it_is_made() -> None:
    made: list[asyncio.BaseTransport] = []

    class Taker(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        for wanted in (True, False):
            near, far = socket.socketpair()
            far.setblocking(False)
            await take_over(loop, near, Taker(), lambda wanted=wanted: wanted)  # type: ignore[misc]
            assert len(made) == wanted
            while made:
                cast(asyncio.Transport, made.pop()).abort()
            with far:
                assert await loop.sock_recv(far, 1) == b""

    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(scene())


def test_a_channel_that_is_closed_while_it_is_taken_over_is_closed_once() -> None:
    """By uvloop: descriptors that are opened meanwhile stay whose they are."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        for rounds in range(5):
            near, far = socket.socketpair()
            near.setblocking(False)
            far.setblocking(False)
            taking = asyncio.ensure_future(take_over(loop, near, asyncio.Protocol(), lambda: False))
            for _ in range(rounds):
                await asyncio.sleep(0)
            near.close()
            others = [os.eventfd(0) for _ in range(4)]
            await asyncio.gather(taking, return_exceptions=True)
            assert await loop.sock_recv(far, 1) == b""
            for one in others:
                os.eventfd_write(one, 1)
                os.close(one)
            far.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())
