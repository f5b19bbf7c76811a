"""The socket to one sandbox: frames out, and when reading it must wait.

Reading stops for two kinds of reasons, which may overlap: for a time (what was logged is over its
budget, what was streamed over its rate) and until somebody says so (a client that reads slowly).
What is not read stays in the socket's buffer, and then whoever writes inside waits: back-pressure.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from lambent.environment.output import OutputLog
from lambent.runtime.frames import FrameDecoder, Kind, ProtocolError

DIRECT_SEND_BYTES_MAX = 64 * 1024
READ_BYTES = 64 * 1024


class Farewell(asyncio.Protocol):
    """Takes over a channel whose guest has been asked to leave: what it logs is still logged."""

    def __init__(self, out: OutputLog) -> None:
        self._out = out
        self._decoder = FrameDecoder()
        self._over = False

    def take_decoder(self, decoder: FrameDecoder) -> None:
        """It may hold the first part of a frame."""
        self._decoder = decoder

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        try:
            for kind, payload in self._decoder.feed(data):
                if kind is Kind.OUTPUT:
                    self._out.printed(payload)
                elif kind is Kind.LOG:
                    self._out.record(payload)
        except ProtocolError:
            self._over = True


class _Opening(asyncio.Protocol):
    """Gives a connection to `taker` once it is made, where that is still wanted."""

    def __init__(self, taker: asyncio.Protocol, is_wanted: Callable[[], bool]) -> None:
        self._taker = taker
        self._is_wanted = is_wanted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._is_wanted():
            opened = cast(asyncio.Transport, transport)
            opened.set_protocol(self._taker)
            self._taker.connection_made(opened)


async def take_over(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    taker: asyncio.Protocol,
    is_wanted: Callable[[], bool],
) -> None:
    """Give what comes from a socket to `taker`; its owner may close it at any moment.

    For some rounds of the loop uvloop has the descriptor and not yet the socket. What was closed
    then, by its owner or by us, would be closed again when the number is somebody else's.
    """
    opening = _Opening(taker, is_wanted)
    with sock.makefile("rb", 0):
        transport, _ = await loop.create_connection(lambda: opening, sock=sock)
    if transport.get_protocol() is opening:
        transport.abort()


# Takes over a channel that is being given up: nothing that still comes from it matters.
_SILENT = asyncio.Protocol()


class Channel:
    """One connection to a guest; a second sandbox gets a second channel."""

    __slots__ = ("_holds", "_loop", "_socket", "decoder", "transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket | None = None) -> None:
        self._loop = loop
        self._socket = sock
        self._holds = 0
        self.decoder = FrameDecoder()
        self.transport: asyncio.Transport | None = None
        """None before the connection is made, and when it is lost or given up."""

    def connected(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def send(self, frame: bytes) -> None:
        """Send one frame to a guest that waits for it: nothing else is under way."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if len(frame) <= DIRECT_SEND_BYTES_MAX and self._socket is not None:
            # A send now is earlier than the loop's.
            try:
                sent = self._socket.send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                return  # its end is about to be told
            if sent == len(frame):
                return
            frame = frame[sent:]
        transport.write(frame)

    def read_rest(self) -> bytes:
        """What lies there still, of one whose end is not waited for."""
        parts: list[bytes] = []
        while self.transport is not None and self._socket is not None:
            try:
                part = self._socket.recv(READ_BYTES)
            except OSError:  # there is no more, or nobody
                break
            if not part:
                break
            parts.append(part)
        return b"".join(parts)

    def pause(self, wait_s: float) -> None:
        """Read nothing for so long."""
        self.hold()
        self._loop.call_later(wait_s, self.release)

    def hold(self) -> None:
        """Read nothing until `release`; holds add up."""
        self._holds += 1
        if self._holds == 1:
            transport = self.transport
            if transport is not None and not transport.is_closing():
                transport.pause_reading()

    def release(self) -> None:
        self._holds -= 1
        if not self._holds:
            transport = self.transport
            if transport is not None and not transport.is_closing():
                transport.resume_reading()

    def hand_over(self, farewell: Farewell) -> None:
        """Let `farewell` hear the rest; `drop` ends that too."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            farewell.take_decoder(self.decoder)
            transport.set_protocol(farewell)
            if self._holds:
                self._holds = 0
                transport.resume_reading()

    def drop(self) -> bool:
        """Hear nothing more of it; False where it was gone already."""
        transport, self.transport = self.transport, None
        if transport is None:
            return False
        transport.set_protocol(_SILENT)
        transport.abort()
        return True
