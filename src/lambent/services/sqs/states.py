"""The states of one queue's messages: DELAYED, VISIBLE, IN_FLIGHT, or gone. Pure.

A message is held by its number, which says its place: the smallest comes first. Delays and
visibility timeouts are times at which a message becomes visible; `advance` moves the time. Nothing
here looks through all messages: each call costs the logarithm of their count. Heaps keep stale
entries, which are recognised when they come up, and are made anew when most of one is stale.

In a FIFO queue a message waits behind its group: while one of a group is in flight, or its first
is delayed, none of the group is handed out.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from heapq import heapify, heappop, heappush

DEAD_MAX = 100
"""Messages that one receive may find dead."""
SPARE_ENTRIES = 64
"""Stale entries that a heap may have beyond as many as there are messages."""


class State(Enum):
    """Where a message is."""

    DELAYED = "delayed"
    VISIBLE = "visible"
    IN_FLIGHT = "in flight"


class Held:
    """A message that the queue holds; its body is elsewhere."""

    __slots__ = ("count", "due_ms", "first_ms", "group", "listed", "number", "sent_ms", "state")

    def __init__(
        self,
        number: int,
        sent_ms: int,
        due_ms: int,
        group: str | None = None,
        *,
        count: int = 0,
        first_ms: int = 0,
    ) -> None:
        self.number = number
        self.sent_ms = sent_ms
        self.due_ms = due_ms
        """When it becomes visible, while it is not."""
        self.group = group
        """Only in a FIFO queue."""
        self.count = count
        """How often it was received."""
        self.first_ms = first_ms
        self.state = State.VISIBLE
        self.listed = False
        """Whether its number is in the heap of those to come, of the queue or of its group."""


class Group:
    """The messages of one group of a FIFO queue."""

    __slots__ = ("in_flight", "waiting")

    def __init__(self) -> None:
        self.waiting: list[int] = []
        """A heap of the numbers of those that are visible or delayed, and of stale ones."""
        self.in_flight = 0


class States:
    """All messages of one queue. Times are milliseconds since the epoch."""

    def __init__(self, *, fifo: bool) -> None:
        self.fifo = fifo
        self.messages: dict[int, Held] = {}
        self.counts = dict.fromkeys(State, 0)
        self._ready: list[int] = []  # visible, of a standard queue
        self._due: list[tuple[int, int]] = []  # (time, number) of those that are not visible
        self._ages: list[tuple[int, int]] = []  # (sent, number) of all
        self._groups: dict[str, Group] = {}
        self._ready_groups: list[tuple[int, str]] = []  # (number of the first, group)

    def __len__(self) -> int:
        return len(self.messages)

    # What happens

    def add(self, held: Held, now_ms: int) -> None:
        """A message comes: sent, or loaded after a start."""
        number = held.number
        assert number not in self.messages
        self.messages[number] = held
        self._push_age(held)
        if held.due_ms <= now_ms:
            self._enter(held, State.VISIBLE)
        else:
            self._enter(held, State.IN_FLIGHT if held.count else State.DELAYED)

    def advance(self, now_ms: int) -> None:
        """What is due by now becomes visible."""
        while self._due and self._due[0][0] <= now_ms:
            due_ms, number = heappop(self._due)
            held = self.messages.get(number)
            if held is None or held.state is State.VISIBLE or held.due_ms != due_ms:
                continue
            self._leave(held)
            self._enter(held, State.VISIBLE)

    def take(
        self, count_max: int, visible_ms: int, now_ms: int, *, receives_max: int = 0
    ) -> tuple[list[Held], list[Held]]:
        """Receive up to `count_max`, which are in flight until `visible_ms`; and what died.

        Dead is what would be received more often than `receives_max`, if that is not 0: it is not
        held any longer.
        """
        taken: list[Held] = []
        dead: list[Held] = []
        while len(taken) < count_max and len(dead) < DEAD_MAX:
            held = self._first_of_groups(taken) if self.fifo else self._first_ready()
            if held is None:
                break
            if receives_max and held.count >= receives_max:
                self.remove(held.number)
                dead.append(held)
                continue
            self._leave(held)
            held.count += 1
            held.first_ms = held.first_ms or now_ms
            held.due_ms = visible_ms
            self._enter(held, State.IN_FLIGHT)
            taken.append(held)
        return taken, dead

    def has_ready(self) -> bool:
        """Whether `take` would find something."""
        return (self._first_of_groups([]) if self.fifo else self._first_ready()) is not None

    def set_due(self, held: Held, due_ms: int, now_ms: int) -> None:
        """Another visibility timeout of a message that is in flight; now at the soonest."""
        assert held.state is State.IN_FLIGHT
        self._leave(held)
        held.due_ms = due_ms
        self._enter(held, State.IN_FLIGHT if due_ms > now_ms else State.VISIBLE)

    def remove(self, number: int) -> Held | None:
        """A message goes: deleted, expired, or a dead letter."""
        held = self.messages.pop(number, None)
        if held is None:
            return None
        self._leave(held)
        if held.group is not None and self.fifo:
            self._settle_group(held.group)
        while self._ages and self._ages[0][1] not in self.messages:
            heappop(self._ages)
        return held

    def expired(self, sent_ms: int, count_max: int) -> list[int]:
        """The numbers of messages that were sent by then, oldest first."""
        found = []
        for sent, number in self._oldest(count_max):
            if sent > sent_ms:
                break
            found.append(number)
        return found

    # What is asked

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest message was sent."""
        return self._ages[0][0] if self._ages else None

    def next_due_ms(self) -> int | None:
        """When the next message becomes visible by itself."""
        while self._due:
            due_ms, number = self._due[0]
            held = self.messages.get(number)
            if held is not None and held.state is not State.VISIBLE and held.due_ms == due_ms:
                return due_ms
            heappop(self._due)
        return None

    # Entering and leaving a state

    def _enter(self, held: Held, state: State) -> None:
        held.state = state
        self.counts[state] += 1
        number = held.number
        if state is not State.VISIBLE:
            heappush(self._due, (held.due_ms, number))
            if len(self._due) > 2 * len(self.messages) + SPARE_ENTRIES:
                self._due = [
                    (one.due_ms, one.number)
                    for one in self.messages.values()
                    if one.state is not State.VISIBLE
                ]
                heapify(self._due)
        if not self.fifo:
            if state is State.VISIBLE and not held.listed:
                held.listed = True
                heappush(self._ready, number)
            return
        assert held.group is not None
        group = self._groups.get(held.group)
        if group is None:
            group = self._groups[held.group] = Group()
        if state is State.IN_FLIGHT:
            group.in_flight += 1
            return
        if not held.listed:
            held.listed = True
            heappush(group.waiting, number)
        self._settle_group(held.group)

    def _leave(self, held: Held) -> None:
        self.counts[held.state] -= 1
        if self.fifo and held.state is State.IN_FLIGHT:
            assert held.group is not None
            self._groups[held.group].in_flight -= 1

    # Standard queues

    def _first_ready(self) -> Held | None:
        ready = self._ready
        while ready:
            held = self.messages.get(ready[0])
            if held is not None and held.state is State.VISIBLE:
                return held
            heappop(ready)
            if held is not None:
                held.listed = False
        return None

    # FIFO queues

    def _first_of_groups(self, taken: list[Held]) -> Held | None:
        """The next message: of the group that the last one was of, else of the readiest."""
        if taken:
            last = taken[-1].group
            assert last is not None
            held = self._head(self._groups[last])
            if held is not None and held.state is State.VISIBLE:
                return held
        ready = self._ready_groups
        while ready:
            number, name = ready[0]
            group = self._groups.get(name)
            held = self._head(group) if group is not None and not group.in_flight else None
            if held is not None and held.number == number and held.state is State.VISIBLE:
                return held
            heappop(ready)
        return None

    def _head(self, group: Group) -> Held | None:
        """The first of a group that is not in flight."""
        waiting = group.waiting
        while waiting:
            held = self.messages.get(waiting[0])
            if held is not None and held.state is not State.IN_FLIGHT:
                return held
            heappop(waiting)
            if held is not None:
                held.listed = False
        return None

    def _settle_group(self, name: str) -> None:
        """Note that a group is ready, or forget one that is empty."""
        group = self._groups[name]
        if group.in_flight:
            return
        held = self._head(group)
        if held is None:
            del self._groups[name]
        elif held.state is State.VISIBLE:
            entry = (held.number, name)
            if not self._ready_groups or self._ready_groups[0] != entry:
                heappush(self._ready_groups, entry)
                if len(self._ready_groups) > 2 * len(self._groups) + SPARE_ENTRIES:
                    self._ready_groups = self._all_ready_groups()

    def _all_ready_groups(self) -> list[tuple[int, str]]:
        found = []
        for name, group in self._groups.items():
            held = None if group.in_flight else self._head(group)
            if held is not None and held.state is State.VISIBLE:
                found.append((held.number, name))
        heapify(found)
        return found

    # Ages

    def _push_age(self, held: Held) -> None:
        heappush(self._ages, (held.sent_ms, held.number))
        if len(self._ages) > 2 * len(self.messages) + SPARE_ENTRIES:
            self._ages = [(one.sent_ms, one.number) for one in self.messages.values()]
            heapify(self._ages)

    def _oldest(self, count_max: int) -> Iterable[tuple[int, int]]:
        """Up to `count_max` of the oldest that are there, in order."""
        popped: list[tuple[int, int]] = []
        while self._ages and len(popped) < count_max:
            entry = heappop(self._ages)
            if entry[1] in self.messages:
                popped.append(entry)
        for entry in popped:
            heappush(self._ages, entry)
        return popped
