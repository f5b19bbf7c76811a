"""How many sandboxes are parked: as many as were asked for at once lately, within bounds."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from lambent.clock import Instant, ManualClock
from lambent.placement.demand import (
    KIND_MAX,
    PLENTY,
    TOTAL_MAX,
    Demand,
    Memory,
    decide_targets,
    parse_memory,
)
from lambent.placement.parking import Parking
from lambent.sandbox.interface import SandboxBackend
from lambent.tasks import Tasks

SHORT = Memory(0.05)


def test_the_busiest_second_of_the_last_minute_counts() -> None:
    demand = Demand()
    for moment in (10.1, 10.2, 10.9, 11.0, 30.0):
        demand.took(Instant(moment))
    assert demand.peak(Instant(40.0)) == 3
    assert demand.peak(Instant(71.5)) == 1
    assert demand.peak(Instant(200.0)) == 0


def test_a_kind_that_is_not_asked_for_keeps_the_setting() -> None:
    assert decide_targets({("a", ""): 0}, least=2, memory=PLENTY) == {("a", ""): 2}


def test_a_kind_in_demand_gets_what_was_asked_for_at_once_up_to_its_bound() -> None:
    peaks = {("a", ""): 7, ("b", ""): 100}
    assert decide_targets(peaks, least=2, memory=PLENTY) == {("a", ""): 7, ("b", ""): KIND_MAX}


def test_nothing_is_parked_while_memory_is_short_or_where_parking_is_off() -> None:
    peaks = {("a", ""): 7}
    assert decide_targets(peaks, least=2, memory=SHORT) == {("a", ""): 0}
    assert decide_targets(peaks, least=2, memory=Memory(0.9, pressure=25.0)) == {("a", ""): 0}
    assert decide_targets(peaks, least=0, memory=PLENTY) == {("a", ""): 0}


@given(
    st.dictionaries(st.tuples(st.text(max_size=2), st.just("")), st.integers(0, 1000), max_size=40),
    st.integers(0, 5),
    st.floats(0, 1),
    st.floats(0, 100),
)
def test_the_bounds_hold_whatever_is_asked_for(
    peaks: dict[tuple[str, str], int], least: int, share: float, pressure: float
) -> None:
    memory = Memory(share, pressure)
    targets = decide_targets(peaks, least=least, memory=memory)
    assert targets.keys() == peaks.keys()
    if not least or memory.is_short:
        assert not any(targets.values())
        return
    assert all(least <= target <= max(least, KIND_MAX) for target in targets.values())
    assert sum(targets.values()) <= max(TOTAL_MAX, least * len(targets))


def test_linux_is_understood() -> None:
    meminfo = "MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:    250 kB\n"
    pressure = "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=99.00 avg60=0 total=1\n"
    assert parse_memory(meminfo, pressure) == Memory(0.25, 12.5)
    assert parse_memory("", "") == Memory(1.0, 0.0)


class Blank:
    """A sandbox that only counts."""

    def __init__(self, number: int) -> None:
        self.sandbox_id = str(number)
        self.killed = self.closed = False
        self.exited: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def kill(self) -> None:
        self.killed = True

    async def close(self) -> None:
        self.closed = True


class Backend:
    def __init__(self) -> None:
        self.launched: list[Blank] = []

    async def launch(self, interpreter: Any, **options: Any) -> Blank:
        self.launched.append(Blank(len(self.launched)))
        return self.launched[-1]


def test_parking_follows_demand_and_gives_all_up_when_memory_is_short() -> None:
    async def main() -> None:
        clock, backend = ManualClock(), Backend()
        async with asyncio.TaskGroup() as group:
            parking = Parking(
                cast("SandboxBackend", backend),
                cast("Any", {"python3.11": object()}),
                Tasks(group),
                parked=2,
                clock=clock,
            )

            async def settle(memory: Memory = PLENTY) -> int:
                for _ in range(2):
                    parking.tend(memory)
                    while parking.refilling:
                        await asyncio.sleep(0.001)
                await asyncio.sleep(0)
                return parking.parked_count()

            parking.refill("python3.11", "")
            assert await settle() == 2
            taken = [await parking.take("python3.11", "") for _ in range(6)]
            assert await settle() == 6
            clock.advance(61)
            assert await settle() == 2
            assert sum(one.killed and one.closed for one in backend.launched) == 4
            assert await settle(SHORT) == 0
            assert await settle() == 2
            assert not any(cast("Blank", one).killed for one in taken)
            await parking.close()

    asyncio.run(main())
