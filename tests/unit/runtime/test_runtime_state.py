"""The Runtime API's conversation: which call may follow which.

Source: facts, 'Runtime API' (mark RIE).
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.runtime.api import replies
from lambent.runtime.api.runtime_state import Move, RuntimeConversation, RuntimeState


def after(*moves: Move) -> RuntimeConversation:
    talk = RuntimeConversation()
    for move in moves:
        refused = talk.invoked("r-1") is False if move is Move.INVOKED else talk.move(move)
        assert not refused
    return talk


RUNNING = (Move.NEXT, Move.INVOKED)


@pytest.mark.parametrize(
    ("moves", "state"),
    [
        ((), RuntimeState.STARTED),
        ((Move.NEXT,), RuntimeState.READY),
        ((Move.NEXT, Move.NEXT), RuntimeState.READY),
        (RUNNING, RuntimeState.RUNNING),
        ((*RUNNING, Move.RESPONSE), RuntimeState.RESPONSE),
        ((*RUNNING, Move.RESPONSE, Move.RESPONDED), RuntimeState.RESPONSE_SENT),
        ((*RUNNING, Move.ERROR, Move.RESPONDED, Move.NEXT), RuntimeState.READY),
        ((Move.INIT_ERROR,), RuntimeState.INIT_ERROR),
    ],
)
def test_calls_in_order_lead_on(moves: tuple[Move, ...], state: RuntimeState) -> None:
    assert after(*moves).state is state


@pytest.mark.parametrize(
    ("moves", "wrong"),
    [
        ((), Move.RESPONSE),
        ((), Move.ERROR),
        ((Move.NEXT,), Move.INIT_ERROR),
        ((Move.NEXT,), Move.RESPONSE),
        (RUNNING, Move.NEXT),
        (RUNNING, Move.INIT_ERROR),
        ((*RUNNING, Move.RESPONSE), Move.ERROR),
        ((*RUNNING, Move.RESPONSE, Move.RESPONDED), Move.RESPONSE),
        ((Move.INIT_ERROR,), Move.NEXT),
        ((Move.INIT_ERROR,), Move.INIT_ERROR),
    ],
)
def test_a_call_out_of_order_is_refused_and_changes_nothing(
    moves: tuple[Move, ...], wrong: Move
) -> None:
    talk = after(*moves)
    before = talk.state
    refused = talk.move(wrong)
    assert refused is not None
    assert refused.status == 403
    assert json.loads(refused.body) == {
        "errorType": "InvalidStateTransition",
        "errorMessage": f"State transition from {before} to {wrong} failed for runtime. "
        "Error: State transition is not allowed",
    }
    assert talk.state is before


def test_an_answer_to_another_request_is_refused() -> None:
    talk = after(*RUNNING)
    assert talk.answers("r-2", Move.RESPONSE) is replies.INVALID_REQUEST_ID
    assert talk.state is RuntimeState.RUNNING
    assert talk.answers("r-1", Move.RESPONSE) is None


@given(st.lists(st.sampled_from(list(Move)), max_size=40))
def test_no_sequence_of_calls_leads_out_of_the_table(moves: list[Move]) -> None:
    talk = RuntimeConversation()
    running = 0
    for move in moves:
        allowed = talk.move(move) is None
        if move is Move.INVOKED and allowed:
            running += 1
        if move is Move.RESPONDED and allowed:
            running -= 1
        assert talk.state in RuntimeState
        assert running in (0, 1)
