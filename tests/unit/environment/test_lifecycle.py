"""The lifecycle of an execution environment, every phase against every event.

Source: facts, 'Lifecycle'; Developer Guide, "Lambda execution environment lifecycle".
"""

from __future__ import annotations

import pytest

from lambent.environment.lifecycle import (
    TRANSITIONS,
    Action,
    Event,
    IllegalTransition,
    Phase,
    decide,
)

PAIRS = [(phase, event) for phase in Phase for event in Event]


@pytest.mark.parametrize(("phase", "event"), PAIRS)
def test_every_pair_either_has_a_row_or_is_refused(phase: Phase, event: Event) -> None:
    if event in TRANSITIONS[phase]:
        assert decide(phase, event) == TRANSITIONS[phase][event]
    else:
        with pytest.raises(IllegalTransition):
            decide(phase, event)


def test_a_failed_first_init_is_tried_once_more_inside_the_waiting_invocation() -> None:
    phase, actions = decide(Phase.INIT, Event.INIT_FAILED)
    assert (phase, actions) == (Phase.INIT, (Action.KILL, Action.ASK_FOR_WAITER))
    phase, actions = decide(phase, Event.ADOPTED)
    assert (phase, actions) == (Phase.INIT_IN_INVOKE, (Action.LAUNCH,))
    phase, actions = decide(phase, Event.INIT_FAILED)
    assert phase is Phase.STOPPED
    assert Action.COMPLETE_WITH_INIT_ERROR in actions


def test_a_handler_error_leaves_the_environment_warm() -> None:
    """RESPONDED covers both a result and the handler's error."""
    assert decide(Phase.BUSY, Event.RESPONDED) == (
        Phase.READY,
        (Action.COMPLETE, Action.OFFER),
    )


@pytest.mark.parametrize("event", [Event.DEADLINE_PASSED, Event.EXITED, Event.STOP_REQUESTED])
def test_what_ends_a_busy_environment_answers_before_it_kills(event: Event) -> None:
    phase, actions = decide(Phase.BUSY, event)
    assert phase is Phase.STOPPED
    assert actions[0].name.startswith("COMPLETE_WITH")
    assert actions[1:] == (Action.KILL, Action.GONE)


def test_every_way_to_the_end_kills_and_tells_the_pool_once() -> None:
    for row in TRANSITIONS.values():
        for target, actions in row.values():
            if target is Phase.STOPPED:
                assert actions.count(Action.GONE) == 1


def test_each_busy_phase_completes_exactly_once_on_every_way_out() -> None:
    for phase in (Phase.BUSY, Phase.STREAMING, Phase.INIT_IN_INVOKE):
        for target, actions in TRANSITIONS[phase].values():
            completions = [one for one in actions if one.name.startswith("COMPLETE")]
            on_its_way = target in (Phase.BUSY, Phase.STREAMING, Phase.EXTENDED)
            expected = 0 if on_its_way else 1
            assert len(completions) == expected


def test_an_invocation_with_extensions_is_answered_once_and_reported_once() -> None:
    for phase in (Phase.BUSY, Phase.STREAMING):
        target, actions = TRANSITIONS[phase][Event.EXTENDED]
        assert target is Phase.EXTENDED
        assert actions[-1] is Action.ANSWER
    for _, actions in TRANSITIONS[Phase.EXTENDED].values():
        assert sum(one.name.startswith("REPORT") for one in actions) == 1


def test_every_way_out_of_a_stream_closes_it_before_the_answer() -> None:
    for row in TRANSITIONS.values():
        for _, actions in row.values():
            assert (Action.CLOSE_STREAM in actions) == (row is TRANSITIONS[Phase.STREAMING])
    for _, actions in TRANSITIONS[Phase.STREAMING].values():
        assert actions[0] is Action.CLOSE_STREAM
    assert set(TRANSITIONS[Phase.STREAMING]) == set(TRANSITIONS[Phase.BUSY]) - {
        Event.STREAM_STARTED
    }
