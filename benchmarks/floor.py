"""The floor of a warm invoke: Lambent's front and frames without any of Lambda's logic.

HTTP/1.1 on httptools and uvloop → a length-prefixed frame on a Unix socketpair → a plain process
that decodes, calls `handler` and encodes → HTTP. The process used last serves first.
With no processes it answers at once.
Usage: python -m benchmarks.floor PROCESSES; prints its port, ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import struct
import subprocess
import sys
from collections import deque

import httptools
import uvloop

HEAD = struct.Struct("<I")
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"

HANDLER_PROCESS = """
import json, socket, struct, sys
channel = socket.socket(fileno=int(sys.argv[1]))
head = struct.Struct("<I")
handler = lambda event, context: event
pending = b""
while data := channel.recv(65536):
    pending += data
    while len(pending) >= 4 and len(pending) >= 4 + head.unpack_from(pending)[0]:
        size = head.unpack_from(pending)[0]
        event, pending = pending[4:4 + size], pending[4 + size:]
        answer = json.dumps(handler(json.loads(event), None)).encode()
        channel.sendall(head.pack(len(answer)) + answer)
"""


class Floor:
    """Requests that wait and processes that are free."""

    def __init__(self) -> None:
        self.bare = False
        """Whether requests are answered at once: HTTP alone."""
        self.free: list[Channel] = []
        self.waiting: deque[tuple[Front, bytes]] = deque()

    def submit(self, front: Front, body: bytes) -> None:
        if self.bare:
            front.answer(b"")
        elif self.free:
            self.free.pop().run(front, body)
        else:
            self.waiting.append((front, body))


class Front(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        body, self.body, self.headers = self.body, b"", {}
        self.floor.submit(self, body)

    def answer(self, body: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(ANSWER % (len(body), body))


class Channel(asyncio.Protocol):
    """One process."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.floor.free.append(self)

    def run(self, front: Front, body: bytes) -> None:
        self.front = front
        self.transport.write(HEAD.pack(len(body)) + body)

    def data_received(self, data: bytes) -> None:
        pending = self.pending + data
        if len(pending) < 4 or len(pending) < 4 + HEAD.unpack_from(pending)[0]:
            self.pending = pending
            return
        self.pending = b""
        front = self.front
        if self.floor.waiting:
            self.run(*self.floor.waiting.popleft())
        else:
            self.floor.free.append(self)
        front.answer(pending[4:])


async def serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    floor = Floor()
    floor.bare = count == 0
    processes = []
    for _ in range(count):
        ours, theirs = socket.socketpair()
        arguments = [sys.executable, "-I", "-S", "-c", HANDLER_PROCESS, str(theirs.fileno())]
        processes.append(subprocess.Popen(arguments, pass_fds=(theirs.fileno(),)))
        theirs.close()
        ours.setblocking(False)
        await loop.create_connection(lambda: Channel(floor), sock=ours)
    server = await loop.create_server(lambda: Front(floor), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    gc.freeze()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    for process in processes:
        process.kill()
        process.wait()
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
