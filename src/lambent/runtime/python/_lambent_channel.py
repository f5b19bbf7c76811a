"""The guest's end of the channel: frames out, one frame in, and the streams that print into it.

Every frame is `<IB` (bytes after the kind, kind) and its body. One lock guards the sending side and
each small frame is one `send`, so threads never interleave. A process that the function forks is
not part of the conversation: its copy of the socket is closed and what it prints goes to its real
standard output.

Standard library only; runs on Python 3.8 and newer.
"""

from __future__ import annotations

import io
import os
import socket
import struct
import threading
from typing import Any, Callable, List, Optional

INVOKE = 0x01
READY = 0x10
INIT_ERROR = 0x11
RESPONSE = 0x12
ERROR = 0x13
BAD_EVENT = 0x14
LOG = 0x15
OUTPUT = 0x16
STREAM_START = 0x17
STREAM_CHUNK = 0x18
STREAM_END = 0x19

READ_BYTES = 65536
JOIN_BYTES_MAX = 65536  # above it a copy costs more than a second system call
LOG_BYTES_MAX = 256 * 1024  # CloudWatch Logs: one event; longer ones are split
PENDING_BYTES_MAX = 8192  # text without a newline is sent when it reaches this

_HEAD = struct.Struct("<IB")
_RLock: Callable[[], Any] = threading.RLock


class Channel:
    """Sends frames from any thread; receives on the main one."""

    __slots__ = ("_busy", "_lock", "_queue", "_sock", "pending")

    def __init__(self, sock: socket.socket, forks: bool = True) -> None:
        """`forks`: whether to guard against copies of this process; False where none can come."""
        sock.setblocking(True)
        sock.set_inheritable(False)
        self._sock: Optional[socket.socket] = sock
        self._lock = _RLock()
        self._busy = False
        self._queue: List[Any] = []
        """Frames; a number among them tells how much of the first went out, see `_drain`."""
        self.pending = b""
        """Printed text that has not been sent: a line without its end."""
        if forks:
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=self._after_fork_in_parent,
                after_in_child=self._after_fork_in_child,
            )

    def adopt(self, sock: socket.socket) -> None:
        """In a fork that the server asked for: it has a conversation of its own."""
        sock.setblocking(True)
        sock.set_inheritable(False)
        self._sock = sock

    def wait_for_start(self) -> bool:
        """Until the server says that the init begins; False where it is gone."""
        assert self._sock is not None
        return len(self._sock.recv(_HEAD.size, socket.MSG_WAITALL)) == _HEAD.size

    # Sending

    def post(self, kind: int, body: bytes) -> None:
        """Send one frame whole; what was printed before it goes first."""
        with self._lock:
            if self.pending:
                self.flush()
            self._send(kind, body)

    def log(self, text: str) -> None:
        """Send one log event; one above CloudWatch's bound becomes several."""
        body = text.encode("utf-8", "backslashreplace")
        with self._lock:
            if self.pending:
                self.flush()
            if self._sock is None:
                _write_all(1, body)
            elif len(body) <= LOG_BYTES_MAX:
                self._send(LOG, body)
            else:
                for part in _split_text(body, LOG_BYTES_MAX):
                    self._send(LOG, part)

    def output(self, data: bytes, flush: bool) -> None:
        """Take printed bytes; `flush` sends them now, else they wait for the end of the line."""
        with self._lock:
            self.pending += data
            if flush or len(self.pending) > PENDING_BYTES_MAX:
                self.flush()

    def flush(self) -> None:
        """Send what is pending."""
        with self._lock:
            data, self.pending = self.pending, b""
            if not data and not self._queue:
                return
            if self._sock is None:
                _write_all(1, data)
                return
            for start in range(0, max(1, len(data)), LOG_BYTES_MAX):
                self._send(OUTPUT, data[start : start + LOG_BYTES_MAX])

    def _send(self, kind: int, body: bytes) -> None:
        """Send under the lock. A signal handler or destructor that prints meanwhile only queues."""
        sock = self._sock
        if sock is None:
            os._exit(0)  # a forked child came back from the handler: it has no one to answer
        if len(body) <= JOIN_BYTES_MAX:
            self._queue += (_HEAD.pack(len(body), kind) + body,)
        else:
            self._queue += (_HEAD.pack(len(body), kind), body)
        if self._busy:
            return  # whoever is sending will send this too
        self._busy = True
        try:
            self._drain(sock)
            # Up to Python 3.9 a signal handler may raise between the end of a `try` and the first
            # step of its `finally`, which is then never run: nothing would be sent any more.
            self._busy = False
        finally:
            self._busy = False

    def _drain(self, sock: socket.socket) -> None:
        """Send the queue. A signal handler that raises here leaves it exact for the next time.

        Handlers run after any call, up to Python 3.9 after any step, so that a plain
        `n = send(data)` could send and not know it. `extend(map(...))` is one call: how much of the
        first went out stands in the queue itself, behind what was there, before a handler gets its
        turn. It goes together with what it counts, in one step too. Handlers that print only add
        to the end.
        """
        queue = self._queue
        while queue:
            at = 1
            while at < len(queue) and type(queue[at]) is not int:
                at += 1
            if at == len(queue):
                queue.extend(map(sock.send, queue[:1]))
                continue
            rest = queue[0][queue[at] :]
            queue[: at + 1] = [rest, *queue[1:at]] if rest else queue[1:at]

    # Receiving

    def complete(self, data: bytes) -> Any:
        """Read the rest of the frame that begins with `data`; empty when the server has gone.

        Returns bytes or a memoryview of exactly one frame.
        """
        sock = self._sock
        assert sock is not None
        while len(data) < _HEAD.size:
            more = sock.recv(_HEAD.size - len(data)) if data else b""
            if not more:
                return b""
            data += more
        total = _HEAD.size + _HEAD.unpack_from(data)[0]
        if len(data) > total:
            raise RuntimeError("the server sent an event before the last one was answered")
        whole = memoryview(bytearray(total))
        at = len(data)
        whole[:at] = data
        while at < total:
            count = sock.recv_into(whole[at:])
            if not count:
                return b""
            at += count
        return whole

    # Forks of the function

    def _before_fork(self) -> None:
        self._lock.acquire()

    def _after_fork_in_parent(self) -> None:
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock = _RLock()
        self._busy = False
        self._queue = []
        self.pending = b""  # the parent has it too and will send it
        if self._sock is not None:
            self._sock.close()
            self._sock = None


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr`: each line becomes a frame when its newline comes."""

    encoding = "utf-8"
    mode = "w"
    line_buffering = True
    write_through = False

    def __init__(self, channel: Channel, fd: int, name: str, errors: str) -> None:
        self._output = channel.output
        self._fd = fd
        self._errors = errors
        self.name = name
        self.buffer = _ByteStream(self, channel.output)

    @property
    def errors(self) -> str:  # type: ignore[override]
        # TextIOBase has an attribute that can be set; TextIOWrapper, which this stands for, has not
        return self._errors

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not " + type(text).__name__)
        self._output(text.encode("utf-8", self._errors), "\n" in text)
        return len(text)

    def flush(self) -> None:
        self._output(b"", True)

    def reconfigure(self, **options: Any) -> None:
        """Accepted as TextIOWrapper's is; only `errors` changes anything."""
        self._errors = options.get("errors") or self._errors

    def close(self) -> None:
        self.flush()  # a standard stream stays open, or the runtime could not print either

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True


class _ByteStream(io.RawIOBase):
    """`sys.stdout.buffer`: bytes are sent as they are written."""

    def __init__(self, text: Stream, output: Callable[[bytes, bool], None]) -> None:
        self.raw = self
        self.name = text.name
        self.mode = "wb"
        self._fd = text.fileno()
        self._output = output

    def write(self, data: Any) -> int:
        copy = bytes(data)
        self._output(copy, True)
        return len(copy)

    def flush(self) -> None:
        self._output(b"", True)

    def close(self) -> None:
        self.flush()

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _split_text(body: bytes, size: int) -> List[bytes]:
    """Cut UTF-8 into parts of at most `size` bytes, never inside a character."""
    parts = []
    start = 0
    while start < len(body):
        end = min(start + size, len(body))
        while end < len(body) and body[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(body[start:end])
        start = end
    return parts
