"""From what a function prints to log events: lines, the tail of one invocation, and a budget.

Two channels bring output: frames from the runtime's own streams, and the raw pipe that is file
descriptors 1 and 2. Each keeps its unfinished line apart, so that they never mix inside a line.
"""

from __future__ import annotations

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


class OutputLog:
    """Writes one environment's output to its stream."""

    __slots__ = ("_budget", "_clock", "_partial_frames", "_partial_raw", "_stream", "_tail")

    def __init__(self, stream: LogStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._budget = LogBudget(clock)
        self._partial_frames = b""
        self._partial_raw = b""
        self._tail: bytearray | None = None

    def start_tail(self) -> None:
        """Collect the last 4 KB from here on."""
        self._tail = bytearray()

    def take_tail(self) -> bytes | None:
        """The last 4 KB since `start_tail`; None where it was not asked for."""
        tail, self._tail = self._tail, None
        return None if tail is None else bytes(tail[-LOG_TAIL_BYTES:])

    def event(self, message: str) -> None:
        """One event as it is, now."""
        self.event_at(int(self._clock.wall_s() * 1000), message)

    def event_at(self, timestamp_ms: int, message: str) -> None:
        """One event as it is."""
        self._stream.write(timestamp_ms, message)
        if self._tail is not None:
            self._add_to_tail(message)

    def _add_to_tail(self, message: str) -> None:
        tail = self._tail
        assert tail is not None
        tail += message.encode("utf-8", "replace")
        if len(tail) > 4 * LOG_TAIL_BYTES:
            del tail[:-LOG_TAIL_BYTES]

    def record(self, data: bytes) -> float:
        """One event from the runtime's logger; returns the seconds to wait before reading on."""
        self.event(data.decode("utf-8", "replace"))
        return self._budget.spend(len(data) + LINE_COST_BYTES)

    def printed(self, data: bytes) -> float:
        """Bytes of the runtime's sys.stdout or sys.stderr; an event for each finished line."""
        self._partial_frames, wait_s = self._split(self._partial_frames, data)
        return wait_s

    def raw(self, data: bytes) -> float:
        """Bytes from file descriptors 1 and 2."""
        self._partial_raw, wait_s = self._split(self._partial_raw, data)
        return wait_s

    def finish_lines(self) -> None:
        """Unfinished lines become events: nothing of one invocation lands in the next."""
        if self._partial_raw:
            partial, self._partial_raw = self._partial_raw, b""
            self.event(partial.decode("utf-8", "replace"))
        if self._partial_frames:
            partial, self._partial_frames = self._partial_frames, b""
            self.event(partial.decode("utf-8", "replace"))

    def _split(self, partial: bytes, data: bytes) -> tuple[bytes, float]:
        lines = (partial + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            self.event((line + b"\n").decode("utf-8", "replace"))
        while len(rest) > LOG_EVENT_BYTES_MAX:
            self.event(rest[:LOG_EVENT_BYTES_MAX].decode("utf-8", "replace"))
            rest = rest[LOG_EVENT_BYTES_MAX:]
        return rest, self._budget.spend(len(data) + LINE_COST_BYTES * len(lines))
