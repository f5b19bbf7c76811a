"""The account of concurrency, in figures and against a naive model.

Source: Developer Guide, "Understanding Lambda function scaling" and the pages on reserved and
provisioned concurrency.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lambent.clock import Instant
from lambent.placement.concurrency import (
    ACCOUNT_EXHAUSTED,
    ACCOUNT_RATE,
    RESERVED_EXHAUSTED,
    RESERVED_RATE,
    ConcurrencyLedger,
    VersionUse,
)
from lambent.placement.rates import Bucket

LATER = Instant(1e9)


def fill(ledger: ConcurrencyLedger, use: VersionUse, count: int) -> list[str | None]:
    """The answers to `count` arrivals, each long after the one before."""
    answers = []
    for _ in range(count):
        global LATER
        LATER = Instant(LATER + 10)
        answers.append(ledger.admit(use, LATER))
    return answers


def test_no_more_run_than_the_account_allows() -> None:
    ledger = ConcurrencyLedger(3)
    f, g = ledger.use("f", "$LATEST"), ledger.use("g", "$LATEST")
    assert fill(ledger, f, 2) == [None, None]
    assert fill(ledger, g, 2) == [None, ACCOUNT_EXHAUSTED]
    ledger.release(f)
    assert fill(ledger, g, 2) == [None, ACCOUNT_EXHAUSTED]


def test_what_is_reserved_is_the_functions_own_and_its_ceiling() -> None:
    ledger = ConcurrencyLedger(10)
    f, g = ledger.use("f", "$LATEST"), ledger.use("g", "$LATEST")
    ledger.set_reserved("f", 4)
    assert ledger.unreserved == 6
    assert fill(ledger, g, 7) == [None] * 6 + [ACCOUNT_EXHAUSTED]
    assert fill(ledger, f, 5) == [None] * 4 + [RESERVED_EXHAUSTED]


def test_versions_of_a_function_share_its_reservation() -> None:
    ledger = ConcurrencyLedger(10)
    ledger.set_reserved("f", 2)
    one, two = ledger.use("f", "1"), ledger.use("f", "2")
    assert fill(ledger, one, 1) + fill(ledger, two, 2) == [None, None, RESERVED_EXHAUSTED]


def test_a_reservation_of_zero_lets_nothing_run() -> None:
    ledger = ConcurrencyLedger(10)
    ledger.set_reserved("f", 0)
    assert fill(ledger, ledger.use("f", "$LATEST"), 1) == [RESERVED_EXHAUSTED]


def test_what_runs_already_counts_against_a_new_reservation_and_no_more_against_the_rest() -> None:
    ledger = ConcurrencyLedger(10)
    f, g = ledger.use("f", "$LATEST"), ledger.use("g", "$LATEST")
    fill(ledger, f, 3)
    ledger.set_reserved("f", 4)
    assert fill(ledger, f, 2) == [None, RESERVED_EXHAUSTED]
    assert fill(ledger, g, 7) == [None] * 6 + [ACCOUNT_EXHAUSTED]
    ledger.set_reserved("f", None)
    assert fill(ledger, g, 1) == [ACCOUNT_EXHAUSTED]
    for _ in range(4):
        ledger.release(f)
    assert fill(ledger, g, 5) == [None] * 4 + [ACCOUNT_EXHAUSTED]


def test_provisioned_units_are_taken_from_the_rest_and_spill_over_into_it() -> None:
    ledger = ConcurrencyLedger(10)
    f, g = ledger.use("f", "1"), ledger.use("g", "$LATEST")
    ledger.set_claimed("f", "1", 4)
    assert fill(ledger, g, 7) == [None] * 6 + [ACCOUNT_EXHAUSTED]
    assert fill(ledger, f, 5) == [None] * 4 + [ACCOUNT_EXHAUSTED]
    ledger.release(g)
    assert fill(ledger, f, 2) == [None, ACCOUNT_EXHAUSTED]


def test_provisioned_units_are_taken_from_the_functions_reservation_where_it_has_one() -> None:
    ledger = ConcurrencyLedger(10)
    ledger.set_reserved("f", 5)
    ledger.set_claimed("f", "1", 3)
    one, two = ledger.use("f", "1"), ledger.use("f", "2")
    assert fill(ledger, two, 3) == [None, None, RESERVED_EXHAUSTED]
    assert fill(ledger, one, 4) == [None] * 3 + [RESERVED_EXHAUSTED]


def test_requests_are_ten_a_second_for_each_unit() -> None:
    ledger = ConcurrencyLedger(2)
    use = ledger.use("f", "$LATEST")
    answers = []
    for _ in range(25):
        answers.append(ledger.admit(use, Instant(100.0)))
        if answers[-1] is None:
            ledger.release(use)
    assert answers == [None] * 20 + [ACCOUNT_RATE] * 5
    assert ledger.admit(use, Instant(100.1)) is None
    ledger.release(use)
    ledger.set_reserved("f", 1)
    answers = []
    for _ in range(11):
        answers.append(ledger.admit(use, Instant(200.0)))
        if answers[-1] is None:
            ledger.release(use)
    assert answers == [None] * 10 + [RESERVED_RATE]


def test_a_thousand_environments_start_in_ten_seconds_and_no_more_after_a_rest() -> None:
    starts = ConcurrencyLedger(1).use("f", "$LATEST").function.starts
    assert sum(starts.take(Instant(5.0)) for _ in range(1_500)) == 1_000
    assert sum(starts.take(Instant(7.0)) for _ in range(1_500)) == 200
    assert sum(starts.take(Instant(10_000.0)) for _ in range(1_500)) == 1_000


def test_a_bucket_says_how_long_to_wait() -> None:
    bucket = Bucket(10.0, 1.0)
    assert bucket.take(Instant(1.0))
    assert not bucket.take(Instant(1.05))
    assert 0.04 < bucket.wait_s() < 0.06


def test_nothing_is_kept_of_a_function_that_is_gone() -> None:
    ledger = ConcurrencyLedger(5)
    use = ledger.use("f", "1")
    ledger.set_reserved("f", 3)
    ledger.set_claimed("f", "1", 1)
    ledger.set_claimed("f", "1", 0)
    ledger.set_reserved("f", None)
    ledger.drop(use)
    assert ledger._functions == {}


NAMES, VERSIONS, LIMIT = ("f", "g"), ("1", "2"), 12


class Ledgers(RuleBasedStateMachine):
    """Against the rules written down naively: every admission recomputed from all that runs."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = ConcurrencyLedger(LIMIT)
        self.now = 0.0
        self.uses = {(n, v): self.ledger.use(n, v) for n in NAMES for v in VERSIONS}
        self.running: dict[tuple[str, str], int] = dict.fromkeys(self.uses, 0)
        self.claimed: dict[tuple[str, str], int] = dict.fromkeys(self.uses, 0)
        self.reserved: dict[str, int | None] = dict.fromkeys(NAMES)

    def on_demand(self, name: str) -> int:
        return sum(max(0, self.running[name, v] - self.claimed[name, v]) for v in VERSIONS)

    def expected(self, name: str, version: str) -> str | None:
        if self.running[name, version] < self.claimed[name, version]:
            return None
        claims = {n: sum(self.claimed[n, v] for v in VERSIONS) for n in NAMES}
        reserved = self.reserved[name]
        if reserved is not None:
            fits = self.on_demand(name) < reserved - claims[name]
            return None if fits else RESERVED_EXHAUSTED
        taken = 0
        for n in NAMES:
            of_n = self.reserved[n]
            taken += claims[n] if of_n is None else of_n
        used = sum(self.on_demand(n) for n in NAMES if self.reserved[n] is None)
        return None if used < max(0, LIMIT - taken) else ACCOUNT_EXHAUSTED

    @rule(name=st.sampled_from(NAMES), version=st.sampled_from(VERSIONS))
    def arrive(self, name: str, version: str) -> None:
        self.now += 10.0
        expected = self.expected(name, version)
        assert self.ledger.admit(self.uses[name, version], Instant(self.now)) == expected
        if expected is None:
            self.running[name, version] += 1

    @rule(name=st.sampled_from(NAMES), version=st.sampled_from(VERSIONS))
    def leave(self, name: str, version: str) -> None:
        if self.running[name, version]:
            self.running[name, version] -= 1
            self.ledger.release(self.uses[name, version])

    @rule(name=st.sampled_from(NAMES), units=st.none() | st.integers(0, 6))
    def reserve(self, name: str, units: int | None) -> None:
        self.reserved[name] = units
        self.ledger.set_reserved(name, units)

    @rule(name=st.sampled_from(NAMES), version=st.sampled_from(VERSIONS), units=st.integers(0, 4))
    def claim(self, name: str, version: str, units: int) -> None:
        self.claimed[name, version] = units
        self.ledger.set_claimed(name, version, units)

    @invariant()
    def what_runs_is_counted(self) -> None:
        assert self.ledger.in_use == sum(self.running.values())


TestLedgers = Ledgers.TestCase
