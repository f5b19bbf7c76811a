"""Where one extension stands in its conversation by the Extensions API: a pure table.

The names of the states are those that AWS's agent puts into its refusals (facts, mark RIE).
"""

from __future__ import annotations

from enum import StrEnum


class ExtensionState(StrEnum):
    STARTED = "Started"
    """Its process runs and has not registered."""
    REGISTERED = "Registered"
    READY = "Ready"
    """It asked for its next event and waits."""
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    EXITED = "Exited"
    LAUNCH_ERROR = "LaunchError"


class ExtensionMove(StrEnum):
    """What can happen; calls of the extension by the name of the state that they ask for."""

    REGISTER = "Registered"
    NEXT = "Ready"
    TOLD = "Running"
    """It was handed an event."""
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    EXITED = "Exited"
    LAUNCH_ERROR = "LaunchError"


_S, _M = ExtensionState, ExtensionMove

_LIVING: dict[ExtensionState, dict[ExtensionMove, ExtensionState]] = {
    _S.STARTED: {_M.REGISTER: _S.REGISTERED, _M.LAUNCH_ERROR: _S.LAUNCH_ERROR},
    _S.REGISTERED: {
        _M.NEXT: _S.READY,
        _M.INIT_ERROR: _S.INIT_ERROR,
        _M.EXIT_ERROR: _S.EXIT_ERROR,
    },
    _S.READY: {
        _M.NEXT: _S.READY,  # the call was cut and is made again
        _M.TOLD: _S.RUNNING,
        _M.EXIT_ERROR: _S.EXIT_ERROR,
    },
    _S.RUNNING: {_M.NEXT: _S.READY, _M.EXIT_ERROR: _S.EXIT_ERROR},
    _S.INIT_ERROR: {_M.INIT_ERROR: _S.INIT_ERROR},  # only the first one counts
    _S.EXIT_ERROR: {_M.EXIT_ERROR: _S.EXIT_ERROR},
}

TRANSITIONS: dict[ExtensionState, dict[ExtensionMove, ExtensionState]] = {
    **{state: {**row, _M.EXITED: _S.EXITED} for state, row in _LIVING.items()},
    _S.LAUNCH_ERROR: {},
    _S.EXITED: {},
}


def decide(state: ExtensionState, move: ExtensionMove) -> ExtensionState | None:
    """The next state; None where this cannot happen now, and nothing changes."""
    return TRANSITIONS[state].get(move)
