"""The lifecycle of one execution environment: a pure table (docs/lifecycle.md is drawn from it).

An environment initialises once in its own phase of 10 s. Where that fails and an invocation waits,
it initialises once more inside that invocation, under the function's timeout, as AWS does. A
handler's error leaves it warm; after a timeout, an exit or a lost sandbox it is reset: what runs in
it ends, its /tmp stays, and the next invocation initialises it again, within itself.
Source: facts, 'Lifecycle'; Developer Guide, "Lambda execution environment lifecycle".
"""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    """Where an environment stands."""

    INIT = 0
    """Its sandbox starts, the handler is imported; nothing is assigned yet."""
    INIT_IN_INVOKE = 1
    """The second init, under the deadline of the invocation that waits."""
    READY = 2
    BUSY = 3
    STREAMING = 4
    """Busy, and part of the response is on its way."""
    STOPPED = 5
    FINISHING = 6
    """The invocation is answered; its runtime has not yet asked for the next."""
    EXTENDED = 7
    """It is answered, or about to be; its extensions, or the runtime, still work on it."""
    RESETTING = 8
    """What runs in it is made to end."""
    RESET = 9
    """Nothing runs in it; the next invocation begins with an init."""


class Event(IntEnum):
    """What can happen to an environment."""

    RUNTIME_READY = 0
    INIT_FAILED = 1
    """The runtime said so, exited, ran out of time or memory, or never started."""
    ADOPTED = 2
    """After a failed init: an invocation waits for this environment."""
    ABANDONED = 3
    """After a failed init: none waits."""
    LEASED = 4
    RESPONDED = 5
    """The runtime answered, with a result or with the handler's error."""
    DEADLINE_PASSED = 6
    EXITED = 7
    STOP_REQUESTED = 8
    STREAM_STARTED = 9
    ANSWERED = 10
    """As RESPONDED, by a runtime that will ask for its next invocation: RUNTIME_READY follows."""
    EXTENDED = 11
    """As ANSWERED, with extensions: RUNTIME_READY follows when they too have asked; or with an
    error, of which the runtime may still write to the log."""
    RESET_DONE = 12
    RESET_FAILED = 13
    """What AWS keeps cannot be kept here, or is not to be."""


class Action(IntEnum):
    """What the driver must do, in the order given."""

    ASK_FOR_WAITER = 0
    LAUNCH = 1
    OFFER = 2
    """Tell the pool that this environment is free."""
    SEND_INVOKE = 3
    COMPLETE = 4
    COMPLETE_WITH_INIT_ERROR = 5
    COMPLETE_WITH_TIMEOUT = 6
    COMPLETE_WITH_EXIT = 7
    KILL = 8
    GONE = 9
    """Tell the pool that this environment is no more."""
    OPEN_STREAM = 10
    CLOSE_STREAM = 11
    TELL_ANSWERED = 12
    """Tell the pool that this environment will be free."""
    ANSWER = 13
    """Send the result; END and REPORT follow."""
    REPORT = 14
    REPORT_TIMEOUT = 15
    REPORT_EXIT = 16
    RESET = 17
    """As KILL, but for what a reset keeps: RESET_DONE or RESET_FAILED follows."""
    BEGIN = 18
    """An invocation begins that has its init within itself."""


class IllegalTransition(Exception):
    """An event that cannot happen in this phase; nothing was changed."""


_P, _E, _A = Phase, Event, Action

TRANSITIONS: dict[Phase, dict[Event, tuple[Phase, tuple[Action, ...]]]] = {
    _P.INIT: {
        _E.RUNTIME_READY: (_P.READY, (_A.OFFER,)),
        _E.INIT_FAILED: (_P.INIT, (_A.KILL, _A.ASK_FOR_WAITER)),
        _E.ADOPTED: (_P.INIT_IN_INVOKE, (_A.LAUNCH,)),
        _E.ABANDONED: (_P.STOPPED, (_A.GONE,)),
        _E.STOP_REQUESTED: (_P.STOPPED, (_A.KILL, _A.GONE)),
    },
    _P.INIT_IN_INVOKE: {
        _E.RUNTIME_READY: (_P.BUSY, (_A.SEND_INVOKE,)),
        _E.INIT_FAILED: (
            _P.RESETTING,
            (_A.TELL_ANSWERED, _A.COMPLETE_WITH_INIT_ERROR, _A.RESET),
        ),
        _E.DEADLINE_PASSED: (
            _P.RESETTING,
            (_A.TELL_ANSWERED, _A.COMPLETE_WITH_TIMEOUT, _A.RESET),
        ),
        _E.STOP_REQUESTED: (_P.STOPPED, (_A.COMPLETE_WITH_EXIT, _A.KILL, _A.GONE)),
    },
    _P.READY: {
        _E.LEASED: (_P.BUSY, (_A.SEND_INVOKE,)),
        _E.EXITED: (_P.STOPPED, (_A.KILL, _A.GONE)),
        _E.STOP_REQUESTED: (_P.STOPPED, (_A.KILL, _A.GONE)),
    },
    _P.BUSY: {
        _E.RESPONDED: (_P.READY, (_A.COMPLETE, _A.OFFER)),
        _E.ANSWERED: (_P.FINISHING, (_A.TELL_ANSWERED, _A.COMPLETE)),
        _E.EXTENDED: (_P.EXTENDED, (_A.TELL_ANSWERED, _A.ANSWER)),
        _E.STREAM_STARTED: (_P.STREAMING, (_A.OPEN_STREAM,)),
        _E.DEADLINE_PASSED: (
            _P.RESETTING,
            (_A.TELL_ANSWERED, _A.COMPLETE_WITH_TIMEOUT, _A.RESET),
        ),
        _E.EXITED: (_P.RESETTING, (_A.TELL_ANSWERED, _A.COMPLETE_WITH_EXIT, _A.RESET)),
        _E.STOP_REQUESTED: (_P.STOPPED, (_A.COMPLETE_WITH_EXIT, _A.KILL, _A.GONE)),
    },
    _P.STREAMING: {
        _E.RESPONDED: (_P.READY, (_A.CLOSE_STREAM, _A.COMPLETE, _A.OFFER)),
        _E.ANSWERED: (_P.FINISHING, (_A.CLOSE_STREAM, _A.TELL_ANSWERED, _A.COMPLETE)),
        _E.EXTENDED: (_P.EXTENDED, (_A.CLOSE_STREAM, _A.TELL_ANSWERED, _A.ANSWER)),
        _E.DEADLINE_PASSED: (
            _P.RESETTING,
            (_A.CLOSE_STREAM, _A.TELL_ANSWERED, _A.COMPLETE_WITH_TIMEOUT, _A.RESET),
        ),
        _E.EXITED: (
            _P.RESETTING,
            (_A.CLOSE_STREAM, _A.TELL_ANSWERED, _A.COMPLETE_WITH_EXIT, _A.RESET),
        ),
        _E.STOP_REQUESTED: (
            _P.STOPPED,
            (_A.CLOSE_STREAM, _A.COMPLETE_WITH_EXIT, _A.KILL, _A.GONE),
        ),
    },
    _P.FINISHING: {
        _E.RUNTIME_READY: (_P.READY, (_A.OFFER,)),
        _E.DEADLINE_PASSED: (_P.RESETTING, (_A.TELL_ANSWERED, _A.RESET)),
        _E.EXITED: (_P.RESETTING, (_A.TELL_ANSWERED, _A.RESET)),
        _E.STOP_REQUESTED: (_P.STOPPED, (_A.KILL, _A.GONE)),
    },
    _P.EXTENDED: {
        _E.RUNTIME_READY: (_P.READY, (_A.REPORT, _A.OFFER)),
        _E.DEADLINE_PASSED: (
            _P.RESETTING,
            (_A.TELL_ANSWERED, _A.REPORT_TIMEOUT, _A.RESET),
        ),
        _E.EXITED: (_P.RESETTING, (_A.TELL_ANSWERED, _A.REPORT_EXIT, _A.RESET)),
        _E.STOP_REQUESTED: (_P.STOPPED, (_A.REPORT, _A.KILL, _A.GONE)),
    },
    _P.RESETTING: {
        _E.RESET_DONE: (_P.RESET, (_A.OFFER,)),
        _E.RESET_FAILED: (_P.STOPPED, (_A.GONE,)),
        _E.STOP_REQUESTED: (_P.STOPPED, (_A.GONE,)),
    },
    _P.RESET: {
        _E.LEASED: (_P.INIT_IN_INVOKE, (_A.BEGIN, _A.LAUNCH)),
        _E.STOP_REQUESTED: (_P.STOPPED, (_A.GONE,)),
    },
    _P.STOPPED: {},
}


def decide(phase: Phase, event: Event) -> tuple[Phase, tuple[Action, ...]]:
    """The next phase and what to do. Raises IllegalTransition."""
    decision = TRANSITIONS[phase].get(event)
    if decision is None:
        raise IllegalTransition(f"{event.name} cannot happen in {phase.name}")
    return decision


def format_diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.INIT.name}"]
    for phase, row in TRANSITIONS.items():
        for event, (target, actions) in row.items():
            done = ", ".join(action.name for action in actions)
            lines.append(f"    {phase.name} --> {target.name}: {event.name} / {done}")
    lines.append(f"    {Phase.STOPPED.name} --> [*]")
    return "\n".join(lines) + "\n"
