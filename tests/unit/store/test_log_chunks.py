"""Chunks: what is written comes back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.store.log_chunks import (
    CHUNK_CHARS_MAX,
    CHUNK_EVENTS_MAX,
    CHUNK_SPAN_MS_MAX,
    decode_chunk,
    encode_chunk,
    split_events,
)

_TIME = st.integers(min_value=0, max_value=2**45)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(_TIME, _TEXT, _TIME), min_size=1, max_size=30))
def test_decoded_chunk_is_what_was_encoded(events: list[tuple[int, str, int]]) -> None:
    """Any text but lone surrogates, any times."""
    chunk = encode_chunk(events)
    assert decode_chunk(chunk.blob) == events
    assert chunk.count == len(events)
    assert chunk.first_ts == min(event[0] for event in events)
    assert chunk.last_ts == max(event[0] for event in events)


def test_lone_surrogate_becomes_a_question_mark() -> None:
    """JSON can carry one, UTF-8 cannot."""
    assert decode_chunk(encode_chunk([(1, "a\ud800b", 1)]).blob) == [(1, "a?b", 1)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4 * CHUNK_SPAN_MS_MAX), st.just("x"), st.just(0))))
def test_runs_cover_everything_in_order_and_stay_within_the_span(
    events: list[tuple[int, str, int]],
) -> None:
    runs = list(split_events(events))
    assert [event for run in runs for event in run] == events
    for run in runs:
        times = [event[0] for event in run]
        assert max(times) - min(times) <= CHUNK_SPAN_MS_MAX


def test_runs_are_bounded_in_count_and_size() -> None:
    many = [(1, "", 1)] * (CHUNK_EVENTS_MAX + 1)
    assert [len(run) for run in split_events(many)] == [CHUNK_EVENTS_MAX, 1]
    large = [(1, "x" * (CHUNK_CHARS_MAX // 2 + 1), 1)] * 3
    assert [len(run) for run in split_events(large)] == [1, 1, 1]


def test_compression_beyond_the_ratio_is_not_credited() -> None:
    """A megabyte of one letter counts a quarter of a megabyte: it has to be unpacked one day."""
    assert encode_chunk([(1, "a" * 2**18, 1)]).disk_bytes >= 2**16
