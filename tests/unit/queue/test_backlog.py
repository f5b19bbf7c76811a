"""Which events run: in time, in order, no lane before another's turn, never above a window."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lambent.queue.backlog import PAUSE_S_MAX, PAUSE_S_MIN, WINDOW_MAX, Backlog


def test_what_is_not_due_waits() -> None:
    backlog = Backlog()
    backlog.add("a", "f", 10.0)
    assert backlog.take(9.9) == []
    assert backlog.next_due_s() == 10.0
    assert backlog.take(10.0) == [("a", "f")]
    assert backlog.next_due_s() is None


def test_functions_take_turns() -> None:
    backlog = Backlog()
    for number in range(3):
        backlog.add(f"f{number}", "f", 0.0)
    backlog.add("g0", "g", 0.0)
    assert [one.key for one in backlog.take(0.0)] == ["f0", "g0", "f1", "f2"]


def test_a_function_that_is_throttled_runs_no_more_than_it_can_and_delays_no_other() -> None:
    backlog = Backlog()
    for number in range(10):
        backlog.add(f"f{number}", "f", 0.0)
    assert len(backlog.take(0.0)) == 10
    for _ in range(8):
        backlog.finished("f", throttled=True, now_s=0.0)
    for number in range(10, 30):
        backlog.add(f"f{number}", "f", 0.0)
    backlog.add("g", "g", 0.0)
    assert backlog.take(0.0) == [("g", "g")]
    backlog.finished("f", throttled=False, now_s=0.0)
    assert backlog.take(0.0) == [("f10", "f"), ("f11", "f")]


def test_a_throttle_of_all_that_runs_spares_what_waits_for_a_moment_that_doubles() -> None:
    backlog = Backlog(lambda function: 1)
    for number in range(10):
        backlog.add(f"f{number}", "f", 0.0)
    now_s = 0.0
    for number, pause_s in enumerate([0.05, 0.1, 0.2, 0.4]):
        assert backlog.take(now_s) == [(f"f{number}", "f")]
        backlog.finished("f", throttled=True, now_s=now_s)
        assert backlog.take(now_s) == []
        assert backlog.next_due_s() == now_s + pause_s
        now_s += pause_s
    assert backlog.take(now_s) == [("f4", "f")]
    backlog.finished("f", throttled=False, now_s=now_s)
    assert backlog.take(now_s) == [("f5", "f")]
    backlog.finished("f", throttled=True, now_s=now_s)
    assert backlog.next_due_s() == now_s + PAUSE_S_MIN


def test_one_function_does_not_run_everything_at_once() -> None:
    backlog = Backlog()
    for number in range(WINDOW_MAX + 5):
        backlog.add(str(number), "f", 0.0)
    assert len(backlog.take(0.0)) == WINDOW_MAX


class Backlogs(RuleBasedStateMachine):
    """Against plain sets: nothing is lost, doubled, early, or above a window."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog()
        self.now_s = 0.0
        self.number = 0
        self.waiting: dict[str, tuple[str, float]] = {}
        self.running: dict[str, str] = {}

    @rule(function=st.sampled_from("abc"), delay_s=st.sampled_from([0.0, 0.0, 1.0, 60.0]))
    def add(self, function: str, delay_s: float) -> None:
        self.number += 1
        self.waiting[str(self.number)] = (function, self.now_s + delay_s)
        self.backlog.add(str(self.number), function, self.now_s + delay_s)

    @rule()
    def take(self) -> None:
        for one in self.backlog.take(self.now_s):
            function, due_s = self.waiting.pop(one.key)
            assert due_s <= self.now_s
            assert function == one.lane
            self.running[one.key] = function

    @rule(throttled=st.booleans(), data=st.data())
    def finish(self, throttled: bool, data: st.DataObject) -> None:
        if self.running:
            one = data.draw(st.sampled_from(sorted(self.running)))
            function = self.running.pop(one)
            self.backlog.finished(function, throttled=throttled, now_s=self.now_s)

    @rule(function=st.sampled_from("abc"))
    def take_out_what_waits_for_its_time(self, function: str) -> None:
        for request_id in self.backlog.take_waiting(function):
            assert self.waiting.pop(request_id)[0] == function

    @rule(function=st.sampled_from("abc"))
    def forget(self, function: str) -> None:
        expected = {key for key, (of, _) in self.waiting.items() if of == function}
        assert set(self.backlog.forget(function)) == expected
        for request_id in expected:
            del self.waiting[request_id]

    @rule(seconds=st.sampled_from([0.5, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.backlog) == len(self.waiting) + len(self.running)
        depths = Counter(function for function, _ in self.waiting.values())
        depths.update(self.running.values())
        assert {k: v for k, v in self.backlog.depths().items() if v} == dict(depths)
        assert self.backlog.running() == dict(Counter(self.running.values()))

    @invariant()
    def a_function_with_nothing_running_is_tried_or_closed_for_a_moment(self) -> None:
        ready = {function for function, due_s in self.waiting.values() if due_s <= self.now_s}
        idle = ready - set(self.running.values())
        taken = self.backlog.take(self.now_s)
        for one in taken:
            self.running[one.key] = self.waiting.pop(one.key)[0]
        next_due_s = self.backlog.next_due_s()
        soon = next_due_s is not None and next_due_s <= self.now_s + PAUSE_S_MAX
        assert idle <= set(self.running.values()) or soon


TestBacklogs = Backlogs.TestCase


def test_a_lane_can_have_a_window_of_its_own() -> None:
    backlog = Backlog(lambda function: 2 if function == "slow" else WINDOW_MAX)
    for number in range(4):
        backlog.add(str(number), "slow", 0.0)
        backlog.add(str(number), "other", 0.0)
    assert Counter(one.lane for one in backlog.take(0.0)) == {"slow": 2, "other": 4}
    backlog.finished("slow", throttled=False, now_s=0.0)
    assert backlog.take(0.0) == [("2", "slow")]
