"""Loops are counted in the trace header. Source: [DG] "recursive loop detection"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.lineage import (
    FUNCTIONS_MAX,
    LOOP_INVOCATIONS_MAX,
    advance,
    count_of,
    new_trace,
)

TRACE = b"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def test_each_function_of_a_chain_is_counted_by_itself() -> None:
    trace = TRACE
    for turn in range(LOOP_INVOCATIONS_MAX):
        assert (count_of(trace, "a"), count_of(trace, "b")) == (turn, turn)
        trace = advance(advance(trace, "a"), "b")
    assert trace.startswith(TRACE + b";Lineage=")
    assert trace.count(b"Lineage=") == 1


def test_a_chain_that_begins_here_gets_a_root() -> None:
    trace = new_trace("12345678-1234-4234-a234-123456789abc", 1_465_510_280.5)
    assert trace == b"Root=1-5759e988-1234567812344234a2341234"
    assert count_of(trace, "a") == 0


@pytest.mark.parametrize(
    "lineage", [b"", b"x", b"25:a87bd80c:1", b"|:|", b"a" * 8 + b":12345", b"\xff:1"]
)
def test_what_is_no_lineage_counts_nothing(lineage: bytes) -> None:
    trace = TRACE + b";Lineage=" + lineage
    assert count_of(trace, "a") == 0
    assert count_of(advance(trace, "a"), "a") == 1


@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_header_is_counted_from(trace: bytes, name: str) -> None:
    before = count_of(trace, name)
    assert count_of(advance(trace, name), name) == min(before + 1, 9_999)


def test_a_chain_of_many_functions_stays_short() -> None:
    trace = TRACE
    for number in range(1000):
        trace = advance(trace, f"function-{number}")
    assert trace.count(b"|") == FUNCTIONS_MAX - 1
    assert len(trace) < 600
