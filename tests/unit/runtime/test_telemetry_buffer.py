"""When telemetry is sent and when it is dropped, in virtual time.

Source: Developer Guide, "Configuring memory usage and buffering".
"""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lambent.runtime.api.telemetry_buffer import (
    RETRY_S_MAX,
    RETRY_S_MIN,
    Buffering,
    TelemetryBuffer,
)

SMALL = Buffering(max_items=3, max_bytes=100, timeout_s=1.0)


def test_events_wait_for_the_time_that_was_asked_for() -> None:
    buffer = TelemetryBuffer(SMALL)
    assert buffer.wait_s(0.0) is None
    buffer.add(b"a", 10.0)
    buffer.add(b"b", 10.6)
    assert buffer.wait_s(10.25) == 0.75
    assert buffer.wait_s(11.5) == 0.0
    assert buffer.take().events == (b"a", b"b")
    assert buffer.wait_s(11.5) is None


def test_a_full_batch_leaves_at_once() -> None:
    by_items, by_bytes = TelemetryBuffer(SMALL), TelemetryBuffer(SMALL)
    for name in (b"a", b"b", b"c", b"d"):
        by_items.add(name, 0.0)
    assert by_items.wait_s(0.0) == 0.0
    assert by_items.take().events == (b"a", b"b", b"c")
    by_bytes.add(b"x" * 60, 0.0)
    assert by_bytes.wait_s(0.0) == 1.0
    by_bytes.add(b"y" * 60, 0.0)
    assert by_bytes.wait_s(0.0) == 0.0
    assert by_bytes.take().events == (b"x" * 60,)


def test_an_event_larger_than_a_batch_is_a_batch() -> None:
    buffer = TelemetryBuffer(SMALL)
    buffer.add(b"x" * 5000, 0.0)
    assert buffer.wait_s(0.0) == 0.0
    assert buffer.take().events == (b"x" * 5000,)


def test_one_batch_is_under_way_at_a_time_and_what_is_dropped_meanwhile_is_counted() -> None:
    buffer = TelemetryBuffer(SMALL)
    for number in range(20):
        buffer.add(b"%02d" % number, 0.0)
        if number == 2:
            assert buffer.take().events == (b"00", b"01", b"02")
        if number >= 2:
            assert buffer.wait_s(5.0) is None
    buffer.delivered()
    batch = buffer.take()
    assert batch.events == (b"03", b"04", b"05")
    assert (batch.dropped_records, batch.dropped_bytes) == (11, 22)
    buffer.delivered()
    assert buffer.take().dropped_records == 0


def test_a_batch_that_failed_is_sent_again_after_pauses_that_double() -> None:
    buffer = TelemetryBuffer(SMALL)
    buffer.add(b"a", 0.0)
    now, pauses = 1.0, []
    for _ in range(8):
        assert buffer.take().events == (b"a",)
        buffer.failed(now)
        wait_s = buffer.wait_s(now)
        assert wait_s is not None
        pauses.append(round(wait_s, 6))
        now += wait_s
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, RETRY_S_MAX, RETRY_S_MAX]
    buffer.take()
    buffer.delivered()
    buffer.add(b"b", now)
    assert buffer.wait_s(now) == 1.0


def test_nothing_waits_for_more_once_the_environment_ends() -> None:
    buffer = TelemetryBuffer(SMALL)
    buffer.add(b"a", 0.0)
    buffer.flush()
    assert buffer.wait_s(0.0) == 0.0
    buffer.take()
    for _ in range(5):
        buffer.failed(0.0)
        assert buffer.wait_s(0.0) == RETRY_S_MIN
        buffer.take()


class BufferMachine(RuleBasedStateMachine):
    """Every event arrives in its order, or is counted as dropped; none is held for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = TelemetryBuffer(SMALL)
        self.numbers = itertools.count()
        self.now = 0.0
        self.added = 0
        self.arrived: list[bytes] = []
        self.dropped = 0
        self.batch: tuple[bytes, ...] | None = None
        self.batch_dropped = 0

    @rule(size=st.integers(8, 150))
    def an_event_comes(self, size: int) -> None:
        self.added += 1
        self.buffer.add(b"%08d" % next(self.numbers) + b"x" * (size - 8), self.now)

    @rule(seconds=st.floats(0.0, 3.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.due())
    @rule()
    def a_batch_leaves(self) -> None:
        batch = self.buffer.take()
        self.batch, self.batch_dropped = batch.events, batch.dropped_records
        assert batch.events or batch.dropped_records
        assert len(batch.events) <= SMALL.max_items
        assert len(batch.events) == 1 or sum(map(len, batch.events)) <= SMALL.max_bytes

    @precondition(lambda self: self.batch is not None)
    @rule(arrives=st.booleans())
    def it_ends(self, arrives: bool) -> None:
        assert self.batch is not None
        if arrives:
            self.arrived += self.batch
            self.dropped += self.batch_dropped
            self.buffer.delivered()
        else:
            self.buffer.failed(self.now)
        self.batch = None

    def due(self) -> bool:
        wait_s = self.buffer.wait_s(self.now)
        return wait_s is not None and wait_s <= 0.0

    @invariant()
    def what_waits_will_leave(self) -> None:
        wait_s = self.buffer.wait_s(self.now)
        if wait_s is None:
            known = len(self.arrived) + self.dropped
            assert self.batch is not None or known == self.added
        else:
            assert wait_s <= max(RETRY_S_MAX, SMALL.timeout_s)

    def teardown(self) -> None:
        if self.batch is not None:
            self.it_ends(True)
        self.buffer.flush()
        while self.buffer.wait_s(self.now) is not None:
            batch = self.buffer.take()
            self.arrived += batch.events
            self.dropped += batch.dropped_records
            self.buffer.delivered()
        assert self.arrived == sorted(set(self.arrived))
        assert len(self.arrived) + self.dropped == self.added


TestTelemetryBuffer = BufferMachine.TestCase
TestTelemetryBuffer.settings = settings(max_examples=60, stateful_step_count=40)
