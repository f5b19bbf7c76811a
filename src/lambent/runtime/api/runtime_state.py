"""Where a runtime stands in its conversation by the Runtime API: a pure table.

The names of the states are those that AWS's agent puts into its refusals (facts, mark RIE).
"""

from __future__ import annotations

from enum import StrEnum

from lambent.runtime.api import replies
from lambent.runtime.api.replies import Reply


class RuntimeState(StrEnum):
    STARTED = "Started"
    INIT_ERROR = "InitError"
    READY = "Ready"
    """It asked for the next invocation and waits."""
    RUNNING = "Running"
    RESPONSE = "InvocationResponse"
    """It streams its response."""
    ERROR_RESPONSE = "InvocationErrorResponse"
    RESPONSE_SENT = "RuntimeResponseSent"


class Move(StrEnum):
    """What can happen; calls of the runtime by the name of the state that they ask for."""

    NEXT = "Ready"
    INIT_ERROR = "InitError"
    INVOKED = "Running"
    """The server has an invocation."""
    RESPONSE = "InvocationResponse"
    ERROR = "InvocationErrorResponse"
    RESPONDED = "RuntimeResponseSent"
    """The body of the response has come to its end."""


_S, _M = RuntimeState, Move

_TABLE: dict[tuple[RuntimeState, Move], RuntimeState] = {
    (_S.STARTED, _M.NEXT): _S.READY,
    (_S.STARTED, _M.INIT_ERROR): _S.INIT_ERROR,
    (_S.READY, _M.NEXT): _S.READY,  # the call was cut and is made again
    (_S.READY, _M.INVOKED): _S.RUNNING,
    (_S.RUNNING, _M.RESPONSE): _S.RESPONSE,
    (_S.RUNNING, _M.ERROR): _S.ERROR_RESPONSE,
    (_S.RESPONSE, _M.RESPONDED): _S.RESPONSE_SENT,
    (_S.ERROR_RESPONSE, _M.RESPONDED): _S.RESPONSE_SENT,
    (_S.RESPONSE_SENT, _M.NEXT): _S.READY,
}


class RuntimeConversation:
    """The state, and whose turn it is."""

    __slots__ = ("request_id", "state")

    def __init__(self) -> None:
        self.state = RuntimeState.STARTED
        self.request_id = ""
        """Of the invocation that runs."""

    def invoked(self, request_id: str) -> bool:
        """Begin an invocation; False where the runtime does not wait for one."""
        self.request_id = request_id
        return self.move(Move.INVOKED) is None

    def answers(self, request_id: str, move: Move) -> Reply | None:
        """RESPONSE or ERROR to an invocation: None, or why not."""
        if self.state is RuntimeState.RUNNING and request_id != self.request_id:
            return replies.INVALID_REQUEST_ID
        return self.move(move)

    def move(self, move: Move) -> Reply | None:
        """None where it is allowed, and done; else the refusal, and nothing has changed."""
        target = _TABLE.get((self.state, move))
        if target is None:
            return replies.wrong_state(self.state, move)
        self.state = target
        return None
