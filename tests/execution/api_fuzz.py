"""Random calls to the APIs on 127.0.0.1:9001, made inside a sandbox: this file goes into the
packages of functions and layers as it is. Standard library only.
"""

from __future__ import annotations

import json
import os
import random
import socket
import struct
from typing import Any

EXTENSION, RUNTIME = "/2020-01-01/extension/", "/2018-06-01/runtime/"
PATHS = (
    EXTENSION + "register",
    EXTENSION + "event/next",
    EXTENSION + "init/error",
    EXTENSION + "exit/error",
    EXTENSION,
    "/2022-07-01/telemetry",
    "/2022-07-01/telemetry/",
    "/2020-08-15/logs",
    "/2018-06-01/ping",
    RUNTIME + "init/error",
    RUNTIME + "invocation/next",
    RUNTIME + "invocation/ID/response",
    RUNTIME + "invocation/ID/error",
    RUNTIME + "invocation/ID/other",
    RUNTIME + "invocation//response",
    "/2021-04-23/credentials",
    "/",
    "/../../etc/passwd",
    "*",
    "/%00%ff",
)
USUAL = {"next": "GET", "ping": "GET", "telemetry": "PUT", "logs": "PUT", "": "PUT"}
METHODS = ("GET", "POST", "PUT", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "BREW", "")
SUBSCRIPTION: dict[str, Any] = {
    "schemaVersion": "2022-12-13",
    "types": ["platform", "function", "extension"],
    "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"},
}
DESTINATIONS: tuple[dict[str, Any], ...] = (
    {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"},
    {"protocol": "TCP", "port": 8080},
    {"protocol": "TCP", "port": 1},
    {"protocol": "HTTP", "URI": "http://sandbox.localdomain:2/" + "x" * 1000},
)
EVENTS = ([], ["INVOKE"], ["SHUTDOWN"], ["x"], "INVOKE", None, [1])
OPEN_MAX = 300
"""More than the server accepts of one environment."""


class Fuzz:
    """One sequence; `identifiers` of extensions and `request_ids` are used as they come."""

    def __init__(self, seed: int, address: str = "") -> None:
        self.random = random.Random(seed)
        host, _, port = (address or os.environ["AWS_LAMBDA_RUNTIME_API"]).partition(":")
        self.address = (host, int(port))
        self.identifiers = ["", "x" * 40, "00000000-0000-0000-0000-000000000000"]
        self.request_ids = ["x", "00000000-0000-0000-0000-000000000000"]
        self.wild = False
        """Whether the present call is to be malformed in more than its values."""
        self.open: list[socket.socket] = []
        self.statuses: list[int] = []

    def run(self, count: int, avoid: tuple[str, ...] = ()) -> list[int]:
        """So many calls; the statuses that were answered. `avoid`: what paths may not contain."""
        for _ in range(count):
            try:
                self.call(avoid)
            except OSError:  # the server cut it short
                pass
        for link in self.open:
            link.close()
        self.open.clear()
        return self.statuses

    def call(self, avoid: tuple[str, ...]) -> None:
        path = self.pick([path for path in PATHS if not any(one in path for one in avoid)])
        self.wild = self.random.randrange(4) == 0
        head, body = self.head(path), self.body(path)
        if self.wild:
            data = head + self.frame(body)
        else:
            data = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        link = socket.create_connection(self.address, 1.0)
        kind = self.random.randrange(8 if self.wild else 24)
        if kind == 0:
            data = data[: self.random.randrange(len(data))]
        elif kind == 1:
            data = self.noise(200)
        elif kind == 2:
            data = data * 3
        link.settimeout(0.05)
        try:
            link.sendall(data)
            if kind != 3:
                self.note(link.recv(65536))
        except TimeoutError:
            pass  # it hangs, or waits for the rest
        if self.random.randrange(3) == 0 and len(self.open) < OPEN_MAX:
            self.open.append(link)
            return
        if self.random.randrange(3) == 0:  # a reset instead of an end
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()

    def note(self, answer: bytes) -> None:
        if answer.startswith(b"HTTP/1."):
            self.statuses.append(int(answer.split(b" ", 2)[1]))
        for line in answer.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"lambda-extension-identifier":
                self.identifiers.append(value.decode().strip())
            if name.lower() == b"lambda-runtime-aws-request-id":
                self.request_ids.append(value.decode().strip())

    def head(self, path: str) -> bytes:
        path = path.replace("ID", self.pick((self.pick(self.request_ids), self.request_ids[-1])))
        method = self.pick(METHODS) if self.wild else USUAL.get(path.rpartition("/")[2], "POST")
        version = self.pick("1110x") if self.wild else "1"
        lines = [f"{method} {path} HTTP/1.{version}", "Host: sandbox"]
        for name, values in (
            ("Lambda-Extension-Name", ("", "inner", "other", "fuzzer", "n" * 300)),
            ("Lambda-Extension-Identifier", self.identifiers[-3:] + self.identifiers[:1]),
            ("Lambda-Extension-Function-Error-Type", ("", "Extension.Own")),
            ("Lambda-Runtime-Function-Error-Type", ("", "Runtime.Own", "\xff")),
            ("Lambda-Runtime-Function-Response-Mode", ("streaming", "buffered", "other")),
            ("Expect", ("100-continue",)),
            ("X-Long", ("y" * 9000, "y" * 90000)),
        ):
            seldom = 2 if self.wild else 8
            if name.startswith("Lambda-Extension") or self.random.randrange(seldom) == 0:
                lines.append(f"{name}: {self.pick(values)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n"

    def body(self, path: str) -> bytes:
        value: Any = {}
        if path.endswith("register"):
            value = {"events": self.pick(EVENTS)}
        elif "telemetry" in path or "logs" in path:
            value = {**SUBSCRIPTION, "destination": self.pick(DESTINATIONS)}
            if self.random.randrange(2):
                name = self.pick(list(value))
                value[name] = self.pick((None, [], {}, 1, -1, "x", 1e300, [[]], True))
        kind = self.random.randrange(10 if self.wild else 40)
        if kind == 0:
            return self.noise(1000)
        if kind == 1:
            return b"[" * 20_000
        if kind == 2:
            return b"x" * self.pick((70_000, 300_000))
        return json.dumps(value).encode()

    def frame(self, body: bytes) -> bytes:
        kind = self.random.randrange(8)
        if kind == 0:
            size = self.pick((b"zz", b"-1", b"ffffffffffffffff", b"%x" % len(body)))
            return b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + body + b"\r\n0\r\n\r\n"
        if kind == 1:
            length = self.pick(("-1", "x", str(2**70), str(len(body) + 5), "0", str(2**31)))
            return f"Content-Length: {length}\r\n\r\n".encode() + body
        return b"Content-Length: %d\r\n\r\n" % len(body) + body

    def noise(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randrange(1, most))

    def pick(self, values: Any) -> Any:
        return self.random.choice(values)
