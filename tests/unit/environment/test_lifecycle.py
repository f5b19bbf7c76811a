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
    assert phase is Phase.RESETTING
    assert Action.COMPLETE_WITH_INIT_ERROR in actions


def test_a_handler_error_leaves_the_environment_warm() -> None:
    """RESPONDED covers both a result and the handler's error."""
    assert decide(Phase.BUSY, Event.RESPONDED) == (
        Phase.READY,
        (Action.COMPLETE, Action.OFFER),
    )


def test_what_ends_a_busy_environment_answers_before_it_kills() -> None:
    phase, actions = decide(Phase.BUSY, Event.STOP_REQUESTED)
    assert phase is Phase.STOPPED
    assert actions == (Action.COMPLETE_WITH_EXIT, Action.KILL, Action.GONE)


WITH_AN_INVOCATION = (Phase.INIT_IN_INVOKE, Phase.BUSY, Phase.STREAMING, Phase.FINISHING)


@pytest.mark.parametrize("phase", [*WITH_AN_INVOCATION, Phase.EXTENDED])
@pytest.mark.parametrize("event", [Event.DEADLINE_PASSED, Event.EXITED, Event.INIT_FAILED])
def test_what_breaks_an_invocation_resets_the_environment(phase: Phase, event: Event) -> None:
    """The pool knows before the answer leaves: whoever comes next waits for this environment."""
    if event not in TRANSITIONS[phase]:
        return
    target, actions = decide(phase, event)
    assert target is Phase.RESETTING
    assert actions[-1] is Action.RESET
    told = actions.index(Action.TELL_ANSWERED)
    assert all(
        told < actions.index(one) for one in actions if one.name.startswith(("COMPLETE", "REPORT"))
    )


def test_a_reset_environment_is_initialised_by_its_next_invocation() -> None:
    assert decide(Phase.RESETTING, Event.RESET_DONE) == (Phase.RESET, (Action.OFFER,))
    phase, actions = decide(Phase.RESET, Event.LEASED)
    assert (phase, actions) == (Phase.INIT_IN_INVOKE, (Action.BEGIN, Action.LAUNCH))
    assert decide(Phase.RESETTING, Event.RESET_FAILED) == (Phase.STOPPED, (Action.GONE,))


def test_nothing_is_killed_where_nothing_runs() -> None:
    for phase in (Phase.RESETTING, Phase.RESET):
        assert decide(phase, Event.STOP_REQUESTED) == (Phase.STOPPED, (Action.GONE,))


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
