"""One request and the way to answer it, and who answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from lambent.http.message import BodySink, Refusal, Request, status_line

Header = tuple[str, str]


class Application(Protocol):
    """What answers requests."""

    def body_limit(self, method: str, path: str) -> int:
        """The most bytes that a body of this route may have."""
        ...

    def open_body(self, request: Request) -> BodySink | None:
        """What takes this body as it comes; None where it is to be held whole.

        Asked, with the head alone, of bodies that are chunked or longer than a few kilobytes; a
        body with a sink has no limit but the sink's.
        """
        ...

    def handle(self, exchange: Exchange) -> None:
        """Answer `exchange` now or later; must not raise."""
        ...

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """Answer a request that the protocol turned away, at once."""
        ...


class Connection(Protocol):
    """What an exchange needs of the connection that it came by."""

    closing: bool

    @property
    def peer(self) -> str:
        """The client's IP address."""
        ...

    @property
    def knows_chunks(self) -> bool:
        """Whether the client reads chunked bodies: one that speaks HTTP/1.0 does not."""
        ...

    @property
    def keeps_up(self) -> bool:
        """False while more waits to be sent than should."""
        ...

    def send(self, data: bytes) -> None: ...

    async def drained(self) -> None: ...

    def finished(self, *, keep_alive: bool) -> None:
        """The answer is complete."""
        ...

    def abort(self) -> None: ...


class Exchange:
    """One request and the way to answer it, once."""

    __slots__ = (
        "_chunked",
        "_connection",
        "_keep_alive",
        "answered",
        "on_disconnect",
        "on_drained",
        "request",
    )

    def __init__(self, connection: Connection, request: Request, keep_alive: bool) -> None:
        self.request = request
        self._connection = connection
        self._keep_alive = keep_alive
        self._chunked = False
        self.answered = False
        self.on_disconnect: Callable[[], None] | None = None
        """Called once if the client leaves before the answer is complete."""
        self.on_drained: Callable[[], None] | None = None
        """Called whenever a client that had not kept up does again."""

    @property
    def disconnected(self) -> bool:
        return self._connection.closing

    @property
    def peer(self) -> str:
        """The client's IP address."""
        return self._connection.peer

    def respond(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """Answer with a whole body. A second answer, or one to a client that left, is dropped."""
        if self.answered:
            return
        self.answered = True
        parts = [status_line(status)]
        parts.extend([f"{name}: {value}\r\n".encode("latin-1") for name, value in headers])
        if status != 204 and status >= 200:
            parts.append(b"content-length: %d\r\n" % len(body))
        self._finish_head(parts)
        if self.request.method != "HEAD" and status not in (204, 304):
            parts.append(body)
        self._connection.send(b"".join(parts))
        self._connection.finished(keep_alive=self._keep_alive)

    def respond_raw(self, head: bytes, body: bytes) -> None:
        """The hot path's answer: `head` holds status line and headers but the content-length."""
        if self.answered:
            return
        self.answered = True
        self._connection.send(
            b"%bcontent-length: %d\r\n%b%b"
            % (head, len(body), b"\r\n" if self._keep_alive else b"connection: close\r\n\r\n", body)
        )
        self._connection.finished(keep_alive=self._keep_alive)

    def begin(self, status: int, headers: Sequence[Header]) -> None:
        """Start an answer whose body follows by `write` or `send` and ends with `end`.

        Chunked, unless `headers` hold the content-length; a client that does not know chunks gets
        a body that ends with the connection.
        """
        self.answered = True
        parts = [status_line(status)]
        parts.extend([f"{name}: {value}\r\n".encode("latin-1") for name, value in headers])
        self._chunked = not any(name.lower() == "content-length" for name, _ in headers)
        if self._chunked and not self._connection.knows_chunks:
            self._chunked = self._keep_alive = False
        if self._chunked:
            parts.append(b"transfer-encoding: chunked\r\n")
        self._finish_head(parts)
        self._connection.send(b"".join(parts))

    async def write(self, chunk: bytes) -> None:
        """Send a part of the body; waits while the client is slower than we are."""
        self.send(chunk)
        await self._connection.drained()

    def send(self, chunk: bytes) -> bool:
        """Send a part of the body. False: the client does not keep up; wait for `on_drained`."""
        if chunk:
            self._connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk)
        return self._connection.keeps_up

    def end(self) -> None:
        if self._chunked:
            self._connection.send(b"0\r\n\r\n")
        self._connection.finished(keep_alive=self._keep_alive)

    def close_after(self) -> None:
        """Have the connection end with this answer."""
        self._keep_alive = False

    def abort(self) -> None:
        """Cut the connection: the only way to tell of a failure after `begin`."""
        self._connection.abort()

    def _finish_head(self, parts: list[bytes]) -> None:
        parts.append(b"\r\n" if self._keep_alive else b"connection: close\r\n\r\n")
