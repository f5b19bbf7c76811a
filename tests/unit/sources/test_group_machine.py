"""Batches of FIFO queues against a model: random sends, receives, sizes and failures."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lambent.services.sqs.states import Held, State, States
from lambent.sources.batching import Batcher, Item
from lambent.sources.groups import GroupOrder

VISIBILITY_MS = 30_000


class GroupMachine(RuleBasedStateMachine):
    """A group's messages succeed in the order in which they were sent, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.states = States(fifo=True)
        self.now_ms = 0
        self.sent: dict[str, list[int]] = {}
        self.succeeded: dict[str, list[int]] = {}
        self.number = 0
        self.hands: list[tuple[int, Batcher, GroupOrder]] = []

    @rule(group=st.sampled_from("abc"), count=st.integers(1, 6))
    def send(self, group: str, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.states.add(Held(self.number, self.now_ms, 0, group), self.now_ms)
            self.sent.setdefault(group, []).append(self.number)

    @rule(count=st.integers(1, 10), bytes_max=st.integers(40, 120))
    def receive(self, count: int, bytes_max: int) -> None:
        self.states.advance(self.now_ms)
        taken, _ = self.states.take(count, self.now_ms + VISIBILITY_MS, self.now_ms)
        batcher = Batcher(count, 0, bytes_max)
        batcher.add(
            [
                Item(id=str(held.number), text="x" * 10, handle=str(held.number), group=held.group)
                for held in taken
            ],
            0.0,
        )
        if taken:
            self.hands.append((self.now_ms, batcher, GroupOrder()))

    @rule(data=st.data())
    def run(self, data: st.DataObject) -> None:
        """A poller runs all batches of its hand, within their visibility."""
        if not self.hands:
            return
        begun_ms, batcher, order = self.hands.pop(data.draw(st.integers(0, len(self.hands) - 1)))
        if self.now_ms >= begun_ms + VISIBILITY_MS:
            return
        for batch in batcher.take():
            ready = order.admit(batch)
            failed = set()
            for position, item in enumerate(ready):
                if data.draw(st.booleans()):
                    # as [DG] asks of functions: what follows a failure in its group fails as well
                    failed |= {one.id for one in ready[position:] if one.group == item.group}
            order.finished(ready, failed)
            for item in ready:
                if item.id not in failed:
                    assert item.group is not None
                    held = self.states.remove(int(item.handle))
                    assert held is not None, "run twice"
                    self.succeeded.setdefault(item.group, []).append(int(item.id))

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.now_ms += seconds * 1000
        self.states.advance(self.now_ms)

    @invariant()
    def groups_succeed_in_order(self) -> None:
        for group, numbers in self.succeeded.items():
            assert numbers == self.sent[group][: len(numbers)]

    @invariant()
    def nothing_is_lost(self) -> None:
        done = sum(map(len, self.succeeded.values()))
        assert done + len(self.states) == self.number
        assert sum(self.states.counts[state] for state in State) == len(self.states)


TestGroupMachine = GroupMachine.TestCase
TestGroupMachine.settings = settings(max_examples=60, stateful_step_count=40)
