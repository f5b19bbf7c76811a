"""The pool of one function version, against a tiny model."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lambent.clock import Instant
from lambent.placement.pool import Placed, Pool


class PoolMachine(RuleBasedStateMachine):
    """Random arrivals, starts, ends; environments and leases are numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.pool: Pool[int, int] = Pool()
        self.numbers = itertools.count()
        self.now = 0.0
        self.starting: list[int] = []
        self.idle: list[int] = []
        self.idle_provisioned: list[int] = []
        self.provisioned: set[int] = set()
        self.serving: dict[int, int] = {}
        self.resetting: dict[int, int] = {}
        """Environment → its answer; all of these are busy."""
        self.expected: set[int] = set()
        """Of these those that are expected to be free soon."""
        self.waiting: list[int] = []

    def _tick(self) -> Instant:
        self.now += 1.0
        return Instant(self.now)

    @rule()
    def an_invocation_arrives(self) -> None:
        lease = next(self.numbers)
        placed = self.pool.arrive(lease)
        first = self._serves_first()
        if first is not None:
            assert placed == first, "provisioned ones before others, the last used before the rest"
            self.serving[first] = lease
            return
        self.waiting.append(lease)
        missing = len(self.starting) + len(self.expected) < len(self.waiting)
        assert placed is (Placed.NEEDS_START if missing else Placed.WAITS)
        if missing:
            self._start()

    def _start(self) -> None:
        environment = next(self.numbers)
        self.pool.starting(environment)
        self.starting.append(environment)

    @rule()
    def an_invocation_arrives_that_no_room_is_found_for(self) -> None:
        lease = next(self.numbers)
        placed = self.pool.arrive(lease)
        if isinstance(placed, Placed):
            self.waiting.append(lease)
            if placed is Placed.NEEDS_START:
                self.pool.withdraw(lease)
                self.waiting.remove(lease)
        else:
            assert placed == self._serves_first()
            self.serving[placed] = lease

    def _serves_first(self) -> int | None:
        for idle in (self.idle_provisioned, self.idle):
            if idle:
                return idle.pop()
        return None

    @rule()
    def a_provisioned_environment_starts(self) -> None:
        environment = next(self.numbers)
        self.pool.starting(environment, provisioned=True)
        self.starting.append(environment)
        self.provisioned.add(environment)

    @rule(count=st.integers(0, 3))
    def fewer_are_to_be_provisioned(self, count: int) -> None:
        """Only idle ones end; busy ones go on until they are free."""
        taken = self.pool.take_idle_provisioned(count)
        assert taken == self.idle_provisioned[:count]
        del self.idle_provisioned[:count]
        self.provisioned.difference_update(taken)

    @rule(data=st.data())
    def one_is_renewed(self, data: st.DataObject) -> None:
        """Its credentials end: it leaves if it is idle."""
        known = [*self.idle, *self.idle_provisioned, *self.serving, *self.starting, *self.resetting]
        if known:
            environment = data.draw(st.sampled_from(known))
            idle = environment in self.idle or environment in self.idle_provisioned
            assert self.pool.take_idle(environment) is idle
            for one in (self.idle, self.idle_provisioned):
                if environment in one:
                    one.remove(environment)
                    self.provisioned.discard(environment)

    def _freed(self, environment: int) -> None:
        lease = self.pool.free(environment, self._tick())
        if self.waiting:
            assert lease == self.waiting.pop(0), "who waits longest is served first"
            self.serving[environment] = lease
        else:
            assert lease is None
            provisioned = environment in self.provisioned
            (self.idle_provisioned if provisioned else self.idle).append(environment)

    @precondition(lambda self: self.starting)
    @rule()
    def an_environment_becomes_ready(self) -> None:
        self._freed(self.starting.pop(0))

    @precondition(lambda self: self.serving)
    @rule()
    def an_environment_answers(self) -> None:
        environment = next(iter(self.serving))
        del self.serving[environment]
        self._freed(environment)

    @precondition(lambda self: self.starting)
    @rule()
    def a_first_init_fails(self) -> None:
        environment = self.starting.pop(0)
        lease = self.pool.init_failed(environment)
        if self.waiting:
            assert lease == self.waiting.pop(0)
            self.serving[environment] = lease
        else:
            assert lease is None
            self._ended(environment)

    @precondition(lambda self: self.serving)
    @rule()
    def a_busy_environment_dies(self) -> None:
        environment, _ = self.serving.popitem()
        self._ended(environment)

    @precondition(lambda self: self.idle)
    @rule()
    def an_idle_environment_dies(self) -> None:
        self._ended(self.idle.pop(0))

    @precondition(lambda self: self.idle_provisioned)
    @rule()
    def an_idle_provisioned_environment_dies(self) -> None:
        self._ended(self.idle_provisioned.pop())

    def _ended(self, environment: int) -> None:
        self.provisioned.discard(environment)
        if self.pool.gone(environment):
            self._start()

    @precondition(lambda self: self.serving)
    @rule()
    def a_busy_environment_is_to_be_reset(self) -> None:
        """It has answered; it is busy until all that ran in it has ended."""
        environment, _ = self.serving.popitem()
        self.resetting[environment] = self.pool.answered(environment)
        self.expected.add(environment)

    @precondition(lambda self: self.resetting)
    @rule()
    def a_reset_is_done(self) -> None:
        environment, _ = self.resetting.popitem()
        self.expected.discard(environment)
        self._freed(environment)

    @precondition(lambda self: self.resetting)
    @rule()
    def a_reset_fails(self) -> None:
        environment, _ = self.resetting.popitem()
        self.expected.discard(environment)
        self._ended(environment)

    @precondition(lambda self: self.expected)
    @rule()
    def a_reset_takes_long(self) -> None:
        """Who waits for it gets another."""
        environment = self.expected.pop()
        missing = self.pool.lingers(environment, self.resetting[environment])
        assert missing is (len(self.starting) + len(self.expected) < len(self.waiting))
        if missing:
            self._start()

    @rule()
    def the_long_idle_expire(self) -> None:
        expired = self.pool.take_idle_before(Instant(self.now - 2))
        assert expired == self.idle[: len(expired)]
        del self.idle[: len(expired)]

    @invariant()
    def no_environment_serves_two_and_counts_agree(self) -> None:
        assert self.pool.busy_count == len(self.serving) + len(self.resetting)
        assert self.pool.idle_count == len(self.idle) + len(self.idle_provisioned)
        assert self.pool.provisioned_count == len(self.provisioned)
        ready = self.provisioned - set(self.starting)
        assert self.pool.provisioned_ready_count == len(ready)
        assert self.pool.starting_count == len(self.starting)
        assert self.pool.waiting_count == len(self.waiting)

    @invariant()
    def nothing_waits_while_something_idles(self) -> None:
        assert not (self.waiting and (self.idle or self.idle_provisioned))

    @invariant()
    def every_invocation_that_waits_has_an_environment_starting_or_busy(self) -> None:
        if self.waiting:
            assert self.starting or self.serving or self.resetting

    @invariant()
    def never_more_started_than_were_waited_for(self) -> None:
        """An arrival starts one only while fewer start than wait."""
        idle = len(self.idle) + len(self.idle_provisioned)
        busy = len(self.serving) + len(self.resetting)
        assert self.pool.size == busy + idle + len(self.starting)


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_environment_used_last_serves_first() -> None:
    pool: Pool[str, int] = Pool()
    for name in ("first", "second"):
        pool.starting(name)
        assert pool.free(name, Instant(0.0)) is None
    assert pool.arrive(1) == "second"


def test_no_more_environments_start_than_invocations_wait() -> None:
    pool: Pool[str, int] = Pool()
    assert pool.arrive(1) is Placed.NEEDS_START
    pool.starting("one")
    assert pool.arrive(2) is Placed.NEEDS_START
    pool.starting("two")
    assert pool.free("one", Instant(0.0)) == 1
    assert pool.free("one", Instant(0.0)) == 2, "a freed one takes who waits, before `two` is ready"
    assert pool.arrive(3) is Placed.WAITS, "`two` is starting and will serve it"


def test_the_patience_for_one_answer_does_not_end_that_for_the_next() -> None:
    """One environment that takes an invocation after the other, each shorter than the patience."""
    pool: Pool[str, int] = Pool()
    assert pool.arrive(1) is Placed.NEEDS_START
    pool.starting("environment")
    assert pool.free("environment", Instant(0.0)) == 1
    first = pool.answered("environment")
    assert pool.free("environment", Instant(1.0)) is None
    assert pool.arrive(2) == "environment"
    second = pool.answered("environment")
    assert pool.arrive(3) is Placed.WAITS
    assert not pool.lingers("environment", first), "it is about the answer before"
    assert pool.lingers("environment", second), "now one must be started"
