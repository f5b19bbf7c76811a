"""A streamed response: its rate, its bounds, and that nothing of it keeps the next one waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lambent.clock import ManualClock
from lambent.domain.limits import RESPONSE_BYTES_MAX, STREAM_BYTES_MAX
from lambent.environment import failures
from lambent.environment.stream import Stream, TokenBucket

MIB = 1024 * 1024


class Source:
    def __init__(self) -> None:
        self.holds = 0

    def hold(self) -> None:
        self.holds += 1

    def release(self) -> None:
        self.holds -= 1
        assert self.holds >= 0


class Timer(asyncio.TimerHandle):
    def __init__(self, timers: Timers, wait_s: float, callback: Callable[[], None]) -> None:
        self.timers, self.wait_s, self.callback = timers, wait_s, callback

    def cancel(self) -> None:
        self.timers.pending.remove(self)


class Timers:
    def __init__(self) -> None:
        self.pending: list[Timer] = []

    def later(self, wait_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        timer = Timer(self, wait_s, callback)
        self.pending.append(timer)
        return timer

    def fire(self) -> None:
        self.pending.pop().callback()


class Sink:
    def __init__(self) -> None:
        self.content_type = b""
        self.got = 0
        self.takes_more = True
        self.resume: Callable[[], None] = lambda: None

    def on_start(self, content_type: bytes) -> None:
        self.content_type = content_type

    def on_chunk(self, data: bytes, resume: Callable[[], None]) -> bool:
        self.got += len(data)
        self.resume = resume
        return self.takes_more


class Scene:
    def __init__(self, sink: Sink | None, *, rate: float = 2 * MIB) -> None:
        self.source, self.timers, self.clock = Source(), Timers(), ManualClock()
        bucket = TokenBucket(rate=rate, burst=6 * MIB, now=self.clock.now())
        self.stream = Stream(sink, self.source, bucket, self.timers.later)
        self.stream.start(b"text/plain")

    def take(self, size: int) -> None:
        self.stream.take(bytes(size))
        self.stream.flush(self.clock.now())


def test_the_first_six_mebibytes_pass_at_once_and_the_rest_at_two_a_second() -> None:
    """[DG] configuration-response-streaming; [RIE] the bucket."""
    bucket = TokenBucket(rate=2 * MIB, burst=6 * MIB, now=0.0)
    assert bucket.spend(6 * MIB, 0.0) == 0.0
    assert bucket.spend(MIB, 0.0) == 0.5
    assert bucket.spend(MIB, 0.5) == 0.5
    assert bucket.spend(6 * MIB, 100.0) == 0.0
    assert bucket.spend(1, 100.0) > 0.0


@given(st.lists(st.tuples(st.integers(0, 8 * MIB), st.floats(0.0, 5.0)), max_size=30))
def test_never_more_passes_than_the_burst_and_the_rate_allow(
    steps: list[tuple[int, float]],
) -> None:
    """Who waits as told has, at any time, passed at most burst + rate * time + the last part."""
    bucket = TokenBucket(rate=2 * MIB, burst=6 * MIB, now=0.0)
    now, passed = 0.0, 0
    for size, idle_s in steps:
        now += idle_s
        assert passed <= 6 * MIB + 2 * MIB * now + 1.0
        passed += size
        now += bucket.spend(size, now)


def test_a_sink_that_says_stop_stops_the_reading_until_it_says_go() -> None:
    sink = Sink()
    scene = Scene(sink)
    scene.take(10)
    assert (sink.content_type, sink.got, scene.source.holds) == (b"text/plain", 10, 0)
    sink.takes_more = False
    scene.take(10)
    scene.take(10)  # was read already
    assert (sink.got, scene.source.holds) == (30, 1)
    sink.resume()
    sink.resume()
    assert scene.source.holds == 0


def test_past_the_rate_reading_waits_and_the_end_waits_for_nothing() -> None:
    scene = Scene(Sink())
    scene.take(6 * MIB)
    assert scene.source.holds == 0
    scene.take(MIB)
    scene.take(MIB)
    assert scene.source.holds == 1
    assert [timer.wait_s for timer in scene.timers.pending] == [1.0]
    scene.timers.fire()
    assert scene.source.holds == 0
    scene.take(MIB)
    scene.stream.close()
    assert scene.source.holds == 0
    assert not scene.timers.pending


def test_a_slow_client_and_the_rate_hold_together() -> None:
    sink = Sink()
    scene = Scene(sink)
    sink.takes_more = False
    scene.take(7 * MIB)
    assert scene.source.holds == 2
    scene.timers.fire()
    assert scene.source.holds == 1
    sink.resume()
    assert scene.source.holds == 0
    scene.take(1)
    scene.stream.close()
    sink.resume()
    assert scene.source.holds == 0


def test_tiny_parts_that_came_together_leave_as_one_and_cost_their_time() -> None:
    sink = Sink()
    scene = Scene(sink)
    for _ in range(6 * MIB // 64):
        scene.stream.take(b"x")
    assert sink.got == 0
    scene.stream.flush(0.0)
    assert (sink.got, scene.source.holds) == (6 * MIB // 64, 0)
    scene.take(1)
    assert scene.source.holds == 1


def test_without_a_sink_the_parts_are_collected() -> None:
    scene = Scene(None)
    scene.stream.take(b"a")
    scene.stream.take(b"b")
    scene.stream.flush(0.0)
    assert scene.stream.collected() == (b"ab", None)
    assert scene.source.holds == 0


def test_a_collected_response_has_the_bound_of_any_other() -> None:
    scene = Scene(None)
    scene.take(RESPONSE_BYTES_MAX)
    assert scene.stream.collected()[1] is None
    scene.take(1)
    scene.take(1)
    assert scene.stream.collected() == (b"", failures.RESPONSE_TOO_LARGE)


def test_a_stream_is_cut_at_200_megabytes() -> None:
    sink = Sink()
    scene = Scene(sink)
    for _ in range(STREAM_BYTES_MAX // (8 * MIB)):
        scene.take(8 * MIB)
    assert scene.stream.collected() == (b"", None)
    scene.take(1)
    assert scene.stream.collected() == (b"", failures.STREAM_TOO_LARGE)
    assert sink.got == STREAM_BYTES_MAX


class StreamLife(RuleBasedStateMachine):
    """Any order of parts, reads, stops, goes and timers: nothing is lost, and holds balance."""

    def __init__(self) -> None:
        super().__init__()
        self.sink = Sink()
        self.scene = Scene(self.sink)
        self.taken = 0
        self.closed = False

    @precondition(lambda self: not self.closed)
    @rule(size=st.integers(0, 3 * MIB), idle_s=st.floats(0.0, 2.0))
    def read(self, size: int, idle_s: float) -> None:
        self.scene.clock.advance(idle_s)
        self.scene.stream.take(bytes(size))
        self.taken += size
        self.scene.stream.flush(self.scene.clock.now())

    @rule(takes_more=st.booleans())
    def client(self, takes_more: bool) -> None:
        self.sink.takes_more = takes_more
        if takes_more:
            self.sink.resume()

    @precondition(lambda self: self.scene.timers.pending)
    @rule()
    def time_passes(self) -> None:
        self.scene.timers.fire()

    @rule()
    def close(self) -> None:
        if not self.closed:
            self.scene.stream.flush(self.scene.clock.now())
            self.scene.stream.close()
            self.closed = True

    @invariant()
    def holds_balance(self) -> None:
        assert len(self.scene.timers.pending) <= 1
        assert 0 <= self.scene.source.holds - len(self.scene.timers.pending) <= 1
        assert self.sink.got == self.taken
        if self.closed:
            assert self.scene.source.holds == 0


TestStreamLife = StreamLife.TestCase
