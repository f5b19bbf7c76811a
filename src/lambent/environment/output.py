"""From what a function prints to log events: lines, the tail of one invocation, and a budget.

Two channels bring output: frames from the runtime's own streams, and the raw pipe that is file
descriptors 1 and 2. Each keeps its unfinished line apart, so that they never mix inside a line.
"""

from __future__ import annotations

from collections.abc import Callable

from lambent.clock import Clock
from lambent.domain.limits import LOG_EVENT_BYTES_MAX, LOG_TAIL_BYTES
from lambent.observe.logs import LogStream

LINE_COST_BYTES = 64
BUDGET_BYTES_PER_S = 16 * 1024 * 1024
BUDGET_BURST_BYTES = 32 * 1024 * 1024


class LogBudget:
    """How much one environment may log before its output waits: a token bucket in bytes.

    A function that floods its log is slowed by back-pressure on its own pipe; without it one
    function could keep the server's loop busy with its lines.
    """

    __slots__ = ("_clock", "_filled", "_tokens")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens = float(BUDGET_BURST_BYTES)
        self._filled = clock.now()

    def spend(self, size: int) -> float:
        """Take `size` bytes; returns the seconds to wait before reading on (0.0: none)."""
        self._tokens -= size
        if self._tokens >= 0:
            return 0.0
        now = self._clock.now()
        refilled = self._tokens + (now - self._filled) * BUDGET_BYTES_PER_S
        self._tokens = min(refilled, float(BUDGET_BURST_BYTES))
        self._filled = now
        return -self._tokens / BUDGET_BYTES_PER_S if self._tokens < 0 else 0.0


class LineBuffer:
    """Cuts one channel's bytes into lines; looks at each byte once, however small the pieces."""

    __slots__ = ("partial",)

    def __init__(self) -> None:
        self.partial = bytearray()
        """The unfinished line."""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, with their newlines; an endless one in pieces."""
        partial = self.partial
        end = data.rfind(b"\n") + 1
        lines: list[bytes] = []
        if end:
            partial += data[:end]
            lines = _split_lines(bytes(partial))
            partial.clear()
        partial += data[end:]
        while len(partial) > LOG_EVENT_BYTES_MAX:
            lines.append(bytes(partial[:LOG_EVENT_BYTES_MAX]))
            del partial[:LOG_EVENT_BYTES_MAX]
        return lines

    def take(self) -> bytes:
        """The unfinished line, which ends here."""
        partial = bytes(self.partial)
        self.partial.clear()
        return partial


def _split_lines(data: bytes) -> list[bytes]:
    """By newlines alone (splitlines knows others); `data` ends in one."""
    return [line + b"\n" for line in data[:-1].split(b"\n")]


class OutputLog:
    """Writes one environment's output to its stream."""

    __slots__ = ("_budget", "_clock", "_frames", "_raw", "_stream", "tail", "tap")

    def __init__(self, stream: LogStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._budget = LogBudget(clock)
        self._frames = LineBuffer()
        self._raw = LineBuffer()
        self.tail: bytearray | None = None
        """What was logged since `start_tail`, at least the last 4 KB; None: not collected."""
        self.tap: Callable[[str], None] | None = None
        """Is told each line of the function, and none of the platform."""

    def start_tail(self) -> None:
        """Collect the last 4 KB from here on."""
        self.tail = bytearray()

    def take_tail(self) -> bytes | None:
        """The last 4 KB since `start_tail`; None where it was not asked for."""
        tail, self.tail = self.tail, None
        return None if tail is None else bytes(tail[-LOG_TAIL_BYTES:])

    def event(self, message: str) -> None:
        """One event as it is, now."""
        self.event_at(int(self._clock.wall_s() * 1000), message)

    def event_at(self, timestamp_ms: int, message: str) -> None:
        """One event as it is."""
        self._stream.write(timestamp_ms, message)
        if self.tail is not None:
            self._add_to_tail(message)

    def _add_to_tail(self, message: str) -> None:
        tail = self.tail
        assert tail is not None
        tail += message.encode("utf-8", "replace")
        if len(tail) > 4 * LOG_TAIL_BYTES:
            del tail[:-LOG_TAIL_BYTES]

    def record(self, data: bytes) -> float:
        """One event from the runtime's logger; returns the seconds to wait before reading on."""
        self._say(data)
        return self._budget.spend(len(data) + LINE_COST_BYTES)

    def printed(self, data: bytes) -> float:
        """Bytes of the runtime's sys.stdout or sys.stderr; an event for each finished line."""
        return self._lines(self._frames.feed(data), len(data))

    def raw(self, data: bytes) -> float:
        """Bytes from file descriptors 1 and 2."""
        return self._lines(self._raw.feed(data), len(data))

    def finish_lines(self) -> None:
        """Unfinished lines become events: nothing of one invocation lands in the next."""
        for buffer in (self._raw, self._frames):
            if buffer.partial:
                self._say(buffer.take())

    def _lines(self, lines: list[bytes], size: int) -> float:
        for line in lines:
            self._say(line)
        return self._budget.spend(size + LINE_COST_BYTES * (len(lines) + 1))

    def _say(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self.event(text)
        if self.tap is not None:
            self.tap(text)

    def spend(self, size: int) -> float:
        """Of the environment's budget; returns the seconds to wait before reading on."""
        return self._budget.spend(size)


class ExtensionOutput:
    """The lines of one extension, into the log of its environment."""

    def __init__(self, out: OutputLog, tap: Callable[[str], None]) -> None:
        self._out = out
        self._tap = tap
        self._lines = LineBuffer()

    def raw(self, data: bytes) -> float:
        """Bytes of its standard output or error; returns the seconds to wait before reading on."""
        lines = self._lines.feed(data)
        for line in lines:
            self._say(line)
        return self._out.spend(len(data) + LINE_COST_BYTES * (len(lines) + 1))

    def finish_lines(self) -> None:
        """The unfinished line becomes an event."""
        if self._lines.partial:
            self._say(self._lines.take())

    def _say(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self._out.event(text)
        self._tap(text)
