"""One shard of a stream: which batches run, and how far it has been read. Pure.

A shard's records are shared among lanes by their keys (ParallelizationFactor), so that records of
one key stay in order. Each lane has one batch at most under way, and a batch that is to be tried
again comes before all else of its lane. The checkpoint lies before the first record that is neither
done nor given up: what lies behind it is read again after a crash.
Source: [DG] "Using Lambda to process records from Amazon Kinesis Data Streams".
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence

from lambent.domain.limits import SYNC_REQUEST_BYTES_MAX
from lambent.sources.batching import ENVELOPE_BYTES, SEPARATOR_BYTES
from lambent.sources.stream_retry import (
    GivenUp,
    Next,
    StreamConfig,
    StreamRecord,
    Work,
    decide,
    expire,
    pause_s,
)


class _Lane:
    def __init__(self) -> None:
        self.waiting: deque[tuple[StreamRecord, float]] = deque()
        """(record, when it was read)"""
        self.again: deque[Work] = deque()
        self.running: Work | None = None
        self.tries = 0
        """In a row that did not succeed."""
        self.due_s = 0.0


class Shard:
    """Times are seconds since the epoch."""

    def __init__(self, config: StreamConfig, bytes_max: int = SYNC_REQUEST_BYTES_MAX) -> None:
        self._config = config
        self._bytes_max = bytes_max
        self._lanes = [_Lane() for _ in range(config.lanes)]
        self._order: deque[str] = deque()
        self._ended: set[str] = set()
        self.checkpoint: str | None = None
        """The number of the last record up to which all are done or given up."""

    def __len__(self) -> int:
        """Records that are read and not yet behind the checkpoint."""
        return len(self._order)

    def add(self, records: Sequence[StreamRecord], now_s: float) -> None:
        """Records in the shard's order."""
        for record in records:
            self._order.append(record.number)
            lane = self._lanes[zlib.crc32(record.key.encode()) % len(self._lanes)]
            lane.waiting.append((record, now_s))

    def take(self, now_s: float) -> tuple[list[tuple[int, Work]], list[GivenUp]]:
        """(lane, batch) of those that run from now on, and what became too old."""
        taken: list[tuple[int, Work]] = []
        given_up: list[GivenUp] = []
        for number, lane in enumerate(self._lanes):
            while lane.running is None and lane.due_s <= now_s:
                work = lane.again.popleft() if lane.again else self._batch(lane, now_s)
                if work is None:
                    break
                fresh = expire(work, self._config, now_s)
                given_up += self._give_up(fresh)
                if fresh.again:
                    lane.running = fresh.again[0]
                    taken.append((number, fresh.again[0]))
        return taken, given_up

    def finished(self, number: int, answer: bytes | None, now_s: float) -> list[GivenUp]:
        """A lane's batch has reached the function; `answer` is None where that failed."""
        lane = self._lanes[number]
        work, lane.running = lane.running, None
        assert work is not None
        after = decide(work, self._config, answer)
        kept = {record.number for one in after.again for record in one.records}
        kept |= {record.number for one in after.given_up for record in one.work.records}
        self._end([record.number for record in work.records if record.number not in kept])
        lane.again.extendleft(reversed(after.again))
        lane.tries = lane.tries + 1 if after.again else 0
        lane.due_s = now_s + pause_s(lane.tries) if after.again else now_s
        return self._give_up(after)

    def not_run(self, number: int, now_s: float) -> None:
        """A lane's batch did not reach the function: throttled, or a fault of ours."""
        lane = self._lanes[number]
        assert lane.running is not None
        lane.again.appendleft(lane.running)
        lane.running = None
        lane.tries += 1
        lane.due_s = now_s + pause_s(lane.tries)

    def next_due_s(self) -> float | None:
        """When `take` may find something by itself."""
        times = []
        for lane in self._lanes:
            if lane.running is None and lane.again:
                times.append(lane.due_s)
            elif lane.running is None and lane.waiting:
                window_s = 0.0 if self._is_full(lane) else self._config.window_s
                times.append(max(lane.due_s, lane.waiting[0][1] + window_s))
        return min(times, default=None)

    def _is_full(self, lane: _Lane) -> bool:
        size = ENVELOPE_BYTES
        for count, (record, _) in enumerate(lane.waiting, start=1):
            size += len(record.text) + SEPARATOR_BYTES
            if count >= self._config.batch_size or size > self._bytes_max:
                return True
        return False

    def _batch(self, lane: _Lane, now_s: float) -> Work | None:
        """The next batch by size, bytes or window; None where it is not due."""
        if not lane.waiting:
            return None
        over = now_s >= lane.waiting[0][1] + self._config.window_s
        if not over and not self._is_full(lane):
            return None
        records: list[StreamRecord] = []
        size = ENVELOPE_BYTES
        while lane.waiting and len(records) < self._config.batch_size:
            record = lane.waiting[0][0]
            size += len(record.text) + SEPARATOR_BYTES
            if records and size > self._bytes_max:
                break
            records.append(record)
            lane.waiting.popleft()
        return Work(tuple(records))

    def _give_up(self, after: Next) -> list[GivenUp]:
        for one in after.given_up:
            self._end([record.number for record in one.work.records])
        return list(after.given_up)

    def _end(self, numbers: Sequence[str]) -> None:
        self._ended.update(numbers)
        while self._order and self._order[0] in self._ended:
            self.checkpoint = self._order.popleft()
            self._ended.discard(self.checkpoint)
