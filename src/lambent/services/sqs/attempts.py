"""Receives of FIFO queues that may be tried again: ReceiveRequestAttemptId.

[B] "During a visibility timeout, subsequent calls with the same ReceiveRequestAttemptId return the
same messages and receipt handles", for five minutes. Kept in memory: a server that starts again
answers such a call as any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from lambent.services.sqs.states import Held, State, States

INTERVAL_MS = 300_000  # [B]
ATTEMPTS_MAX = 10_000
"""Of one queue; the oldest are forgotten."""


class Attempts:
    """What each attempt of one queue was given."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[int, list[tuple[int, int]]]] = {}

    def remember(self, attempt_id: str, held: Sequence[Held], now_ms: int) -> None:
        """The oldest come first: all are kept equally long."""
        given = self._given
        given.pop(attempt_id, None)
        while given:
            oldest = next(iter(given))
            if given[oldest][0] > now_ms and len(given) < ATTEMPTS_MAX:
                break
            del given[oldest]
        given[attempt_id] = (now_ms + INTERVAL_MS, [(one.number, one.count) for one in held])

    def find(self, attempt_id: str, states: States, now_ms: int) -> list[Held]:
        """The messages that the attempt was given, if all are still in that hand."""
        until_ms, numbers = self._given.get(attempt_id, (0, []))
        if until_ms <= now_ms:
            return []
        found = []
        for number, count in numbers:
            held = states.messages.get(number)
            if held is None or held.state is not State.IN_FLIGHT or held.count != count:
                return []
            found.append(held)
        return found
