"""Which versions have a runtime started ahead: those of late, the latest first, within bounds."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from lambent.clock import Instant, ManualClock
from lambent.environment.ahead import Waiting
from lambent.placement.ahead import EACH_MAX, WANTED_S, AheadStarts, Key, Use, decide_ahead
from lambent.placement.demand import PLENTY, Memory
from lambent.placement.parking import RuntimeUnavailable
from lambent.runtime.families.start import Link, Start
from lambent.tasks import Tasks

NOW = Instant(1000.0)


def use(ago_s: float, peak: int = 1) -> Use:
    return Use(Instant(NOW - ago_s), peak)


def test_a_version_that_started_or_changed_of_late_has_one() -> None:
    uses = {("a", "1"): use(0.0), ("b", "1"): use(WANTED_S - 1), ("c", "1"): use(WANTED_S)}
    targets = decide_ahead(uses, most={Waiting.PROCESS: 8}, now=NOW, memory=PLENTY)
    assert targets == {("a", "1"): 1, ("b", "1"): 1}


def test_the_latest_come_first_where_not_all_can_have_one() -> None:
    uses = {("a", "1"): use(30.0), ("b", "1"): use(10.0), ("c", "1"): use(20.0)}
    targets = decide_ahead(uses, most={Waiting.PROCESS: 2}, now=NOW, memory=PLENTY)
    assert list(targets.items()) == [(("b", "1"), 1), (("c", "1"), 1)]


def test_what_came_at_once_may_come_at_once_again() -> None:
    uses = {("a", "1"): use(1.0, peak=3), ("b", "1"): use(2.0, peak=100)}
    targets = decide_ahead(uses, most={Waiting.PROCESS: 8}, now=NOW, memory=PLENTY)
    assert targets == {("a", "1"): 3, ("b", "1"): EACH_MAX}
    assert decide_ahead(uses, most={Waiting.PROCESS: 3}, now=NOW, memory=PLENTY) == {
        ("a", "1"): 2,
        ("b", "1"): 1,
    }


def test_none_waits_while_memory_is_short_or_where_the_setting_is_0() -> None:
    uses = {("a", "1"): use(0.0, peak=5)}
    assert decide_ahead(uses, most={Waiting.PROCESS: 8}, now=NOW, memory=Memory(0.05)) == {}
    assert decide_ahead(uses, most={Waiting.PROCESS: 0}, now=NOW, memory=PLENTY) == {}


def test_forks_have_a_bound_of_their_own() -> None:
    uses = {("a", "1"): use(1.0), ("b", "1"): Use(NOW, kind=Waiting.FORK)}
    most = {Waiting.PROCESS: 1, Waiting.FORK: 1}
    assert decide_ahead(uses, most=most, now=NOW, memory=PLENTY) == {("a", "1"): 1, ("b", "1"): 1}
    most = {Waiting.PROCESS: 1, Waiting.FORK: 0}
    assert decide_ahead(uses, most=most, now=NOW, memory=PLENTY) == {("a", "1"): 1}


_KEYS = st.tuples(st.text(max_size=2), st.sampled_from(("$LATEST", "1")))


@given(
    st.dictionaries(_KEYS, st.tuples(st.floats(0, 600), st.integers(0, 100)), max_size=30),
    st.integers(0, 12),
)
def test_no_more_than_the_setting_wait_whatever_is_used(
    ages: dict[Key, tuple[float, int]], most: int
) -> None:
    uses = {key: use(*age) for key, age in ages.items()}
    targets = decide_ahead(uses, most={Waiting.PROCESS: most}, now=NOW, memory=PLENTY)
    assert sum(targets.values()) <= most
    assert all(1 <= target <= EACH_MAX for target in targets.values())
    recent = sum(now_use.last > NOW - WANTED_S for now_use in uses.values())
    assert len(targets) == min(most, recent)


def test_a_version_that_cannot_be_started_keeps_no_other_from_being_tried() -> None:
    async def main() -> None:
        versions = {name: a_version(name) for name in ("there", "gone")}
        tried: list[str] = []
        all_tried = asyncio.Event()

        async def take(version: Any) -> Any:
            tried.append(version.name)
            if len(tried) == len(versions):
                all_tried.set()
            raise RuntimeUnavailable("no interpreter was found on this host")

        async with asyncio.TaskGroup() as group:
            starts = AheadStarts(processes=8, forks=True)
            starts.current = lambda name, version: versions[name]
            clock = ManualClock()
            starts.platform = cast("Any", platform(clock, take, Tasks(group)))
            for name in versions:  # the latest is the first to be tried
                clock.advance(1)
                starts.changed(name, "$LATEST")
            await asyncio.wait_for(all_tried.wait(), 30)
            starts.close()
        assert tried == ["gone", "there"]

    asyncio.run(main())


def a_version(name: str) -> Any:
    state = SimpleNamespace(value="Active")
    return SimpleNamespace(name=name, version="$LATEST", image=None, optimized=False, state=state)


def platform(clock: ManualClock, take: Any, tasks: Tasks) -> Any:
    """Of a host whose sandboxes are given by `take`."""
    start = Start(commands=(), link=Link.FRAMES)
    return SimpleNamespace(
        clock=clock,
        tasks=tasks,
        loop=asyncio.get_running_loop(),
        launcher=SimpleNamespace(start=lambda version: start, take=take),
        specs=SimpleNamespace(extensions=lambda version: ()),
    )
