"""When the events of one subscription are sent, and what becomes of those that cannot be: a pure
decider, told the time (seconds, monotonic) with each question.

A batch is due when it is full (maxItems, maxBytes), when its oldest event has waited for timeoutMs,
or when all is flushed. One batch is under way at a time; one that failed is sent again after a
pause that doubles. What waits is bounded by twice the limits of a batch: more is dropped, counted,
and told with the next batch.
Source: Developer Guide, "Configuring memory usage and buffering"; the bound and pauses are ours.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

RETRY_S_MIN, RETRY_S_MAX = 0.1, 5.0
_BATCHES_WAITING_MAX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffering:
    """Limits of one batch."""

    max_items: int = 10_000
    max_bytes: int = 262_144
    timeout_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is sent at once; the dropped came before or between its events."""

    events: tuple[bytes, ...]
    dropped_records: int = 0
    dropped_bytes: int = 0


class TelemetryBuffer:
    """Events in, batches out."""

    __slots__ = (
        "_buffering",
        "_bytes",
        "_dropped_bytes",
        "_dropped_records",
        "_events",
        "_failures",
        "_flushed",
        "_retry_at",
        "_under_way",
    )

    def __init__(self, buffering: Buffering) -> None:
        self._buffering = buffering
        self._events: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._dropped_records = 0
        self._dropped_bytes = 0
        self._flushed = False
        self._failures = 0
        self._retry_at = 0.0
        self._under_way: tuple[Batch, float] | None = None

    def limit(self, buffering: Buffering) -> None:
        """Other limits from the next batch on."""
        self._buffering = buffering

    def add(self, event: bytes, now: float) -> None:
        limits = self._buffering
        full = len(self._events) >= _BATCHES_WAITING_MAX * limits.max_items
        if self._events and self._bytes + len(event) > _BATCHES_WAITING_MAX * limits.max_bytes:
            full = True
        if full:
            self._dropped_records += 1
            self._dropped_bytes += len(event)
            return
        self._events.append((now, event))
        self._bytes += len(event)

    def flush(self) -> None:
        """From now on nothing waits for more to come."""
        self._flushed = True
        self._retry_at = 0.0

    def wait_s(self, now: float) -> float | None:
        """How long until a batch should be taken; None: nothing waits, or one is under way."""
        if self._under_way is not None or not (self._events or self._dropped_records):
            return None
        pause_s = max(0.0, self._retry_at - now)
        limits = self._buffering
        if self._flushed or not self._events:
            return pause_s
        if len(self._events) >= limits.max_items or self._bytes >= limits.max_bytes:
            return pause_s
        return max(pause_s, self._events[0][0] + limits.timeout_s - now)

    def take(self) -> Batch:
        """The next batch, which is under way until `delivered` or `failed`; at least one event,
        unless all were dropped.
        """
        assert self._under_way is None
        limits = self._buffering
        oldest = self._events[0][0] if self._events else 0.0
        taken: list[bytes] = []
        size = 0
        while self._events and len(taken) < limits.max_items:
            event = self._events[0][1]
            if taken and size + len(event) > limits.max_bytes:
                break
            taken.append(event)
            size += len(event)
            self._events.popleft()
        self._bytes -= size
        batch = Batch(
            events=tuple(taken),
            dropped_records=self._dropped_records,
            dropped_bytes=self._dropped_bytes,
        )
        self._dropped_records = self._dropped_bytes = 0
        self._under_way = (batch, oldest)
        return batch

    def delivered(self) -> None:
        self._under_way = None
        self._failures = 0
        self._retry_at = 0.0

    def failed(self, now: float) -> None:
        """It is sent again: at least once, and in order."""
        assert self._under_way is not None
        batch, oldest = self._under_way
        self._under_way = None
        self._events.extendleft((oldest, event) for event in reversed(batch.events))
        self._bytes += sum(map(len, batch.events))
        self._dropped_records += batch.dropped_records
        self._dropped_bytes += batch.dropped_bytes
        pause_s = RETRY_S_MIN if self._flushed else RETRY_S_MIN * 2**self._failures
        self._retry_at = now + min(pause_s, RETRY_S_MAX)
        self._failures = min(self._failures + 1, 16)
