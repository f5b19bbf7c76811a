"""Debuggers that tests attach to functions: what VS Code says by DAP, Chrome by its protocol, and
the greeting of Java's. Each waits for what it is told, and for no time to pass.

Sources: Debug Adapter Protocol (https://microsoft.github.io/debug-adapter-protocol), Chrome
DevTools Protocol (domain Debugger), RFC 6455, "Java Debug Wire Protocol" (Handshake).
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import urllib.request
from types import TracebackType
from typing import Any, Self

WAIT_S = 60
JDWP_HANDSHAKE = b"JDWP-Handshake"


def shake_hands(port: int) -> bytes:
    """What a JVM answers to a debugger's greeting."""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.sendall(JDWP_HANDSHAKE)
        answer = b""
        while len(answer) < len(JDWP_HANDSHAKE) and (part := connection.recv(64)):
            answer += part
        return answer


class _Connection:
    """One TCP connection to a debugger."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.stream = self.socket.makefile("rb")
        self.sent = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stream.close()
        self.socket.close()

    def take(self, count: int) -> bytes:
        data = self.stream.read(count)
        if len(data) < count:
            raise EOFError("the debugger closed its connection")
        return data


class Dap(_Connection):
    """A client of debugpy."""

    def attach(self, path: str, *lines: int) -> None:
        """With breakpoints on `lines` of `path`, as the function sees it."""
        self.ask("initialize", adapterID="lambent", pathFormat="path")
        attached = self.send("attach", justMyCode=False)
        self.wait_for("initialized")
        breakpoints = [{"line": line} for line in lines]
        self.ask("setBreakpoints", source={"path": path}, breakpoints=breakpoints)
        self.ask("configurationDone")
        self.answer(attached)

    def stop(self) -> tuple[int, int]:
        """Where it stops next: (thread, frame)."""
        thread = self.wait_for("stopped")["threadId"]
        frames = self.ask("stackTrace", threadId=thread)["stackFrames"]
        return thread, frames[0]["id"]

    def evaluate(self, frame: int, expression: str) -> str:
        return str(self.ask("evaluate", expression=expression, frameId=frame)["result"])

    def proceed(self, thread: int) -> None:
        self.ask("continue", threadId=thread)

    def ask(self, command: str, **arguments: Any) -> Any:
        return self.answer(self.send(command, **arguments))

    def send(self, command: str, **arguments: Any) -> int:
        self.sent += 1
        message = {"type": "request", "seq": self.sent, "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self.sent

    def answer(self, request: int) -> Any:
        while True:
            message = self._read()
            if message["type"] == "event":
                self.events.append(message)
            elif message.get("request_seq") == request:
                assert message["success"], message
                return message.get("body")

    def wait_for(self, event: str) -> Any:
        while True:
            for message in self.events:
                if message["event"] == event:
                    self.events.remove(message)
                    return message.get("body")
            message = self._read()
            if message["type"] == "event":
                self.events.append(message)

    def _read(self) -> dict[str, Any]:
        length = 0
        while (line := self.stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name == b"Content-Length":
                length = int(value)
        message: dict[str, Any] = json.loads(self.take(length))
        return message


class Inspector(_Connection):
    """A client of Node.js's inspector: as few WebSockets as it takes."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=WAIT_S) as list_:
            (target,) = json.load(list_)
        super().__init__(port)
        path = target["webSocketDebuggerUrl"].partition("//")[2].partition("/")[2]
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b" 101 " in self.stream.readline()
        while self.stream.readline() != b"\r\n":
            pass

    def stop_at(self, url: str, line: int) -> None:
        """Counted from 1, unlike the protocol's."""
        self.ask("Debugger.enable")
        self.ask("Debugger.setBreakpointByUrl", url=url, lineNumber=line - 1, columnNumber=0)

    def ask(self, method: str, **params: Any) -> Any:
        self.sent += 1
        self._write(json.dumps({"id": self.sent, "method": method, "params": params}).encode())
        while True:
            message = self._read()
            if message.get("id") == self.sent:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def wait_for(self, method: str) -> Any:
        while True:
            for message in self.events:
                if message["method"] == method:
                    self.events.remove(message)
                    return message["params"]
            self.events.append(self._read())

    def _write(self, body: bytes) -> None:
        """One text frame, masked by zeros."""
        assert len(body) < 2**16
        self.socket.sendall(struct.pack("!BBHI", 0x81, 0x80 | 126, len(body), 0) + body)

    def _read(self) -> dict[str, Any]:
        _, length = self.take(2)
        if length == 126:
            (length,) = struct.unpack("!H", self.take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.take(8))
        message: dict[str, Any] = json.loads(self.take(length))
        return message
