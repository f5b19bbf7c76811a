"""What becomes of an asynchronous event after a try. Source: [DG] "Asynchronous invocation"."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.event import AsyncEvent, Delivery
from lambent.queue.retry import Again, Condition, Ended, Result, decide, is_too_old

EVENT = AsyncEvent(
    request_id="r",
    function_name="f",
    qualifier=None,
    payload=b"{}",
    accepted_s=1000.0,
    due_s=1000.0,
)
HOURS_6 = 21_600.0


def test_a_success_ends_it() -> None:
    assert decide(EVENT, Result.SUCCEEDED, Delivery(), 1001.0) == Ended(Condition.SUCCESS, 1)


def test_the_functions_error_is_retried_after_one_and_after_two_minutes() -> None:
    first = decide(EVENT, Result.FUNCTION_FAILED, Delivery(), 1001.0)
    assert isinstance(first, Again)
    assert first.event.due_s == 1061.0
    second = decide(first.event, Result.FUNCTION_FAILED, Delivery(), 1062.0)
    assert isinstance(second, Again)
    assert second.event.due_s == 1182.0
    third = decide(second.event, Result.FUNCTION_FAILED, Delivery(), 1183.0)
    assert third == Ended(Condition.RETRIES_EXHAUSTED, 3)


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_it_is_retried_as_often_as_the_config_says(retries: int) -> None:
    event, tries = EVENT, 0
    while True:
        tries += 1
        verdict = decide(event, Result.FUNCTION_FAILED, Delivery(retries_max=retries), 1001.0)
        if isinstance(verdict, Ended):
            break
        event = verdict.event
    assert tries == retries + 1


def test_throttles_and_faults_back_off_from_a_second_to_five_minutes_and_are_no_attempts() -> None:
    event, delays = EVENT, []
    for _ in range(12):
        verdict = decide(event, Result.NOT_RUN, Delivery(), 2000.0)
        assert isinstance(verdict, Again)
        event = verdict.event
        delays.append(event.due_s - 2000.0)
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert event.attempts == 0


def test_a_try_of_the_function_begins_the_back_off_anew() -> None:
    event = replace(EVENT, back_offs=7)
    verdict = decide(event, Result.FUNCTION_FAILED, Delivery(), 1001.0)
    assert isinstance(verdict, Again)
    assert verdict.event.back_offs == 0


def test_it_is_not_tried_after_its_age() -> None:
    verdict = decide(EVENT, Result.NOT_RUN, Delivery(), EVENT.accepted_s + HOURS_6)
    assert verdict == Ended(Condition.EVENT_AGE_EXCEEDED, 0)


def test_a_retry_that_would_come_after_the_age_is_not_waited_for() -> None:
    """[LS] such an event's record is "EventAgeExceeded", with the response of the last try."""
    verdict = decide(EVENT, Result.FUNCTION_FAILED, Delivery(age_s_max=60), 1000.0)
    assert verdict == Ended(Condition.EVENT_AGE_EXCEEDED, 1)
    again = decide(EVENT, Result.FUNCTION_FAILED, Delivery(age_s_max=90), 1029.0)
    assert isinstance(again, Again)


def test_a_back_off_that_would_end_after_the_age_waits_for_the_age_alone() -> None:
    delivery = Delivery(age_s_max=60)
    verdict = decide(replace(EVENT, back_offs=8), Result.NOT_RUN, delivery, 1030.0)
    assert isinstance(verdict, Again)
    assert verdict.event.due_s == 1060.0
    assert is_too_old(verdict.event, delivery, 1060.0)


def test_a_reserved_concurrency_of_zero_fails_it_at_once() -> None:
    verdict = decide(EVENT, Result.BLOCKED, Delivery(), 1001.0)
    assert verdict == Ended(Condition.ZERO_RESERVED_CONCURRENCY, 0)


def test_a_function_that_is_gone_ends_it() -> None:
    assert isinstance(decide(EVENT, Result.GONE, Delivery(), 1001.0), Ended)


def test_the_scale_shortens_the_delays() -> None:
    verdict = decide(EVENT, Result.FUNCTION_FAILED, Delivery(), 1000.0, scale=0.01)
    assert isinstance(verdict, Again)
    assert verdict.event.due_s == pytest.approx(1000.6)


@given(
    st.lists(st.tuples(st.sampled_from(list(Result)), st.floats(0, 4000)), max_size=60),
    st.integers(0, 2),
    st.integers(60, 21_600),
)
def test_every_event_ends_within_its_age_and_its_retries(
    steps: list[tuple[Result, float]], retries: int, age_s: int
) -> None:
    delivery = Delivery(retries_max=retries, age_s_max=age_s)
    event, now_s, failures = EVENT, EVENT.accepted_s, 0
    for result, later_s in steps:
        now_s = max(now_s + later_s, event.due_s)
        if is_too_old(event, delivery, now_s):
            return
        verdict = decide(event, result, delivery, now_s)
        failures += result is Result.FUNCTION_FAILED
        if isinstance(verdict, Ended):
            return
        assert failures <= retries
        assert verdict.event.request_id == event.request_id
        assert now_s <= verdict.event.due_s <= EVENT.accepted_s + age_s
        event = verdict.event
