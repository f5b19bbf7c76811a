"""Mapping states, filters, partial responses and scaling: pure decisions."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.event_source import MappingState
from lambent.sources.batching import ENVELOPE_BYTES, SEPARATOR_BYTES, Batcher, Item, make_payload
from lambent.sources.filtering import Criteria
from lambent.sources.responses import parse_failures
from lambent.sources.scaling import MOST, START, Scaling
from lambent.sources.states import TRANSITIONS, IllegalTransition, Signal, decide


@pytest.mark.parametrize(("state", "signal"), list(itertools.product(MappingState, Signal)))
def test_a_mapping_goes_from_state_to_state_as_the_table_says(
    state: MappingState, signal: Signal
) -> None:
    if signal in TRANSITIONS[state]:
        assert decide(state, signal) is TRANSITIONS[state][signal]
    else:
        with pytest.raises(IllegalTransition, match=signal.value):
            decide(state, signal)


def test_only_a_deletion_ends_a_mapping() -> None:
    ends = [
        (state, signal)
        for state, row in TRANSITIONS.items()
        for signal, after in row.items()
        if after is None
    ]
    assert ends == [(MappingState.DELETING, Signal.DRAINED)]


@pytest.mark.parametrize(
    ("pattern", "body", "passes"),
    [
        ('{"body": {"a": ["x"]}}', '{"a": "x"}', True),
        ('{"body": {"a": ["x"]}}', '{"a": "y"}', False),
        ('{"body": {"a": ["x"]}}', "x", False),  # [DG] a text where JSON is asked for is dropped
        ('{"body": {"a": [{"exists": false}]}}', "no JSON", False),
        ('{"body": ["x"]}', "x", True),
        ('{"body": ["x"]}', '{"a": "x"}', False),
        ('{"body": [{"prefix": "x"}]}', "xyz", True),
        ('{"body": ["5"]}', "5", True),
        ('{"body": {"a": [1]}}', '{"a": 1', False),
        ('{"messageId": ["1"]}', "anything", True),
        ('{"messageId": ["2"]}', '{"a": 1}', False),
        ("{}", "anything", True),
        ('{"body": {"a": [{"numeric": [">", 1]}]}}', '{"a": 2}', True),
    ],
)
def test_a_filter_is_asked_of_json_or_of_text(pattern: str, body: str, passes: bool) -> None:
    """[DG] "Properly filtering Amazon SQS messages"."""
    record = {"messageId": "1", "body": body}
    assert Criteria([pattern], "body").passes(record, body) is passes


def test_one_filter_of_several_is_enough_and_none_lets_all_in() -> None:
    record = {"body": "b"}
    assert Criteria([], "body").passes(record, "b")
    assert Criteria(['{"body": ["a"]}', '{"body": ["b"]}'], "body").passes(record, "b")


@pytest.mark.parametrize(
    ("payload", "failed"),
    [
        (b"", set()),
        (b"null", set()),
        (b"{}", set()),
        (b'{"batchItemFailures": null}', set()),
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "1"}]}', {"1"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "1"}]}', {"1"}),
        (b"{", None),
        (b'"done"', None),
        (b"[]", None),
        (b'{"batchItemFailures": "1"}', None),
        (b'{"batchItemFailures": ["1"]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": 1}]}', None),
        (b'{"batchItemFailures": [{"foo": "1"}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": "3"}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]}', None),
    ],
)
def test_a_partial_response_that_makes_no_sense_fails_the_batch(
    payload: bytes, failed: set[str] | None
) -> None:
    """[DG] "Success and failure conditions". That a string or a list is no response: UNVERIFIED."""
    assert parse_failures(payload, ["1", "2"]) == failed


@given(
    sizes=st.lists(st.integers(2, 60), max_size=40),
    size_max=st.integers(1, 8),
    bytes_max=st.integers(80, 200),
)
def test_batches_keep_every_item_in_order_within_size_and_bytes(
    sizes: list[int], size_max: int, bytes_max: int
) -> None:
    batcher = Batcher(size_max, 0, bytes_max)
    items = [
        Item(id=str(number), text=json.dumps("x" * (size - 2))) for number, size in enumerate(sizes)
    ]
    batcher.add(items, 0.0)
    batches = batcher.take()
    assert [item for batch in batches for item in batch] == items
    for batch in batches:
        assert 0 < len(batch) <= size_max
        assert len(make_payload(batch)) <= bytes_max
        assert len(json.loads(make_payload(batch))["Records"]) == len(batch)
    for batch, after in itertools.pairwise(batches):
        spare = bytes_max - len(make_payload(batch))
        assert len(batch) == size_max or spare < len(after[0].text) + 2 * SEPARATOR_BYTES
    assert len(batcher) == 0
    assert batcher.wait_s(5.0) is None


def test_a_window_is_counted_from_the_first_item() -> None:
    batcher = Batcher(3, 10.0)
    assert batcher.wait_s(0.0) is None
    batcher.add([Item("1", "{}")], 5.0)
    batcher.add([Item("2", "{}")], 9.0)
    assert batcher.wait_s(9.0) == 6.0
    assert batcher.wait_s(20.0) == 0.0
    batcher.add([Item("3", "{}")], 9.0)
    assert batcher.wait_s(9.0) == 0.0
    assert len(make_payload([])) == ENVELOPE_BYTES


def test_scaling_starts_with_five_grows_while_busy_and_comes_back() -> None:
    """[DG] "Configuring scaling behavior for SQS event source mappings"."""
    scaling = Scaling(None, 0.0)
    assert scaling.allowed(0.0, START) == START
    assert scaling.allowed(60.0, START + 300) == START + 300
    assert scaling.allowed(1_000.0, MOST) == MOST
    assert scaling.allowed(1_001.0, 0) == MOST
    assert scaling.allowed(2_000.0, 0) == START
    assert scaling.grows_in_s() is None


@given(most=st.integers(2, 1_000), steps=st.lists(st.tuples(st.floats(0, 100), st.integers(0, 9))))
def test_scaling_stays_between_one_and_the_maximum(
    most: int, steps: list[tuple[float, int]]
) -> None:
    scaling = Scaling(most, 0.0)
    now_s, active = 0.0, 0
    for elapsed_s, kind in steps:
        now_s += elapsed_s
        if kind == 0:
            scaling.throttled(active)
        elif kind < 4:
            scaling.succeeded()
        active = scaling.allowed(now_s, active)
        assert 1 <= active <= most
