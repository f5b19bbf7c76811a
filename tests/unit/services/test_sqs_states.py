"""One queue's states against a model that looks through everything."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lambent.services.sqs.states import SPARE_ENTRIES, Held, State, States

GROUPS = ("a", "b", "c")
TIMES = st.integers(0, 20)


class QueueMachine(RuleBasedStateMachine):
    """Sends, receives, deletes, changes of visibility and time, of either kind of queue."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.number = 0
        self.model: dict[int, dict[str, Any]] = {}

    @initialize(fifo=st.booleans())
    def begin(self, fifo: bool) -> None:
        self.fifo = fifo
        self.states = States(fifo=fifo)

    # The model

    def state(self, one: dict[str, Any]) -> State:
        if one["due"] <= self.now:
            return State.VISIBLE
        return State.IN_FLIGHT if one["count"] else State.DELAYED

    def expected(self, count_max: int, receives_max: int) -> tuple[list[int], list[int]]:
        """What a receive must give, found by looking at every message."""
        taken: list[int] = []
        dead: list[int] = []
        left = dict(sorted(self.model.items()))
        blocked = {one["group"] for one in left.values() if self.state(one) is State.IN_FLIGHT}
        while len(taken) < count_max:
            number = self.next_of(left, blocked, taken)
            if number is None:
                break
            one = left.pop(number)
            (dead if receives_max and one["count"] >= receives_max else taken).append(number)
        return taken, dead

    def next_of(
        self, left: dict[int, dict[str, Any]], blocked: set[str], taken: list[int]
    ) -> int | None:
        if not self.fifo:
            visible = (n for n, one in left.items() if self.state(one) is State.VISIBLE)
            return next(visible, None)
        used = {self.model[number]["group"] for number in taken}
        heads: dict[str, int] = {}
        for number, one in left.items():
            if one["group"] not in blocked and one["group"] not in heads:
                heads[one["group"]] = number
        ready = {g: n for g, n in heads.items() if self.state(left[n]) is State.VISIBLE}
        if taken and (last := self.model[taken[-1]]["group"]) in ready:
            return ready[last]
        return min((n for g, n in ready.items() if g not in used), default=None)

    # What happens

    @rule(delay=TIMES, group=st.sampled_from(GROUPS), count=st.integers(1, 4))
    def send(self, delay: int, group: str, count: int) -> None:
        for _ in range(count):
            self.number += 1
            held = Held(self.number, self.now, self.now + delay, group)
            self.states.add(held, self.now)
            self.model[self.number] = {
                "due": self.now + delay,
                "group": group,
                "count": 0,
                "sent": self.now,
            }

    @rule(count_max=st.integers(1, 5), visibility=TIMES, receives_max=st.integers(0, 3))
    def receive(self, count_max: int, visibility: int, receives_max: int) -> None:
        expected, expected_dead = self.expected(count_max, receives_max)
        until = self.now + visibility + 1
        taken, dead = self.states.take(count_max, until, self.now, receives_max=receives_max)
        assert [held.number for held in taken] == expected
        assert [held.number for held in dead] == expected_dead
        for number in expected_dead:
            del self.model[number]
        for number in expected:
            one = self.model[number]
            one["due"], one["count"] = until, one["count"] + 1
            assert self.states.messages[number].count == one["count"]

    @rule(seconds=TIMES)
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        self.states.advance(self.now)

    @rule(choice=st.integers(0, 10_000))
    def delete(self, choice: int) -> None:
        if self.model:
            number = sorted(self.model)[choice % len(self.model)]
            assert self.states.remove(number) is not None
            del self.model[number]
        assert self.states.remove(10**9) is None

    @rule(choice=st.integers(0, 10_000), visibility=TIMES)
    def change_visibility(self, choice: int, visibility: int) -> None:
        in_flight = [n for n, one in self.model.items() if self.state(one) is State.IN_FLIGHT]
        if in_flight:
            number = in_flight[choice % len(in_flight)]
            due = self.now + visibility
            self.states.set_due(self.states.messages[number], due, self.now)
            self.model[number]["due"] = due

    @rule(age=TIMES)
    def expire(self, age: int) -> None:
        old = [n for n, one in self.model.items() if one["sent"] <= self.now - age]
        found = self.states.expired(self.now - age, 1_000)
        assert sorted(found) == sorted(old)
        for number in found:
            self.states.remove(number)
            del self.model[number]

    # What is always so

    @invariant()
    def the_counts_are_true(self) -> None:
        if not hasattr(self, "states"):
            return
        counts = dict.fromkeys(State, 0)
        for one in self.model.values():
            counts[self.state(one)] += 1
        assert self.states.counts == counts
        assert len(self.states) == len(self.model)

    @invariant()
    def what_is_ready_and_due_is_told(self) -> None:
        if not hasattr(self, "states"):
            return
        assert self.states.has_ready() == bool(self.expected(1, 0)[0])
        waiting = [one["due"] for one in self.model.values() if one["due"] > self.now]
        assert self.states.next_due_ms() == min(waiting, default=None)
        sent = [one["sent"] for one in self.model.values()]
        assert self.states.oldest_ms == min(sent, default=None)

    @invariant()
    def memory_follows_the_messages(self) -> None:
        if not hasattr(self, "states"):
            return
        bound = 2 * len(self.model) + SPARE_ENTRIES + 1
        states = self.states
        for heap in (states._due, states._ages, states._ready_groups):
            assert len(heap) <= bound
        assert len(states._groups) <= len(self.model)


QueueMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestQueueStates = QueueMachine.TestCase


def test_a_group_waits_behind_its_first_message_that_is_in_flight() -> None:
    """Developer Guide, "FIFO delivery logic"."""
    states = States(fifo=True)
    for number, group in ((1, "a"), (2, "a"), (3, "b")):
        states.add(Held(number, 0, 0, group), 0)
    assert [held.number for held in states.take(1, 30, 0)[0]] == [1]
    assert [held.number for held in states.take(10, 30, 0)[0]] == [3]
    assert states.take(10, 30, 0) == ([], [])
    states.remove(1)
    assert [held.number for held in states.take(10, 30, 0)[0]] == [2]


def test_a_cost_of_a_call_does_not_grow_with_the_depth_of_the_queue() -> None:
    """Counted in heap entries that are looked at: a receive leaves the others where they are."""
    states = States(fifo=False)
    for number in range(10_000):
        states.add(Held(number, 0, 0), 0)
    before = len(states._ready)
    taken, _ = states.take(10, 30, 0)
    assert len(taken) == 10
    assert before - len(states._ready) <= 10
