"""What becomes of an asynchronous event after each try: a pure decision.

Source: Developer Guide, "How Lambda handles errors and retries with asynchronous invocation": the
function's errors are retried twice, after one and after two minutes; throttles and system errors
go back to the queue, from 1 second up to 5 minutes apart, for as long as the event's age allows;
with a reserved concurrency of zero an event fails at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from lambent.domain import limits
from lambent.domain.event import AsyncEvent, Delivery


class Result(StrEnum):
    """How one try went."""

    SUCCEEDED = "succeeded"
    FUNCTION_FAILED = "function failed"
    NOT_RUN = "not run"
    """Throttled, or a fault that is not the function's."""
    BLOCKED = "blocked"
    """The function's reserved concurrency is zero."""
    LOOPED = "looped"
    """It would be one more turn of a loop that the function may not take part in."""
    GONE = "gone"
    """There is no such function (any more)."""


class Condition(StrEnum):
    """`requestContext.condition` of a destination's record. Source: facts, 'Async'."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"
    ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"
    RECURSIVE_INVOCATION = "RecursiveInvocation"
    """UNVERIFIED: AWS reports loops to destinations, by a name that was not found."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again when it is due."""

    event: AsyncEvent


@dataclass(frozen=True, slots=True)
class Ended:
    """It leaves the queue."""

    condition: Condition
    attempts: int
    """approximateInvokeCount."""


def is_too_old(event: AsyncEvent, delivery: Delivery, now_s: float) -> bool:
    """An event that has not been run successfully by then is discarded."""
    return now_s - event.accepted_s >= delivery.age_s_max


def decide(
    event: AsyncEvent, result: Result, delivery: Delivery, now_s: float, *, scale: float = 1.0
) -> Again | Ended:
    """What follows from `result`; `scale` shortens the delays for people who test."""
    attempts = event.attempts + (result in (Result.SUCCEEDED, Result.FUNCTION_FAILED))
    match result:
        case Result.SUCCEEDED:
            return Ended(Condition.SUCCESS, attempts)
        case Result.BLOCKED:
            return Ended(Condition.ZERO_RESERVED_CONCURRENCY, attempts)
        case Result.LOOPED:
            return Ended(Condition.RECURSIVE_INVOCATION, attempts)
        case Result.GONE:
            return Ended(Condition.RETRIES_EXHAUSTED, attempts)
        case Result.FUNCTION_FAILED:
            if attempts > delivery.retries_max:
                return Ended(Condition.RETRIES_EXHAUSTED, attempts)
            delays = limits.ASYNC_RETRY_DELAYS_S
            delay_s = delays[min(attempts, len(delays)) - 1]
            back_offs = 0
            # [LS] "EventAgeExceeded", with this try's response: a retry beyond the age is not
            # waited for.
            if now_s + delay_s * scale >= event.accepted_s + delivery.age_s_max:
                return Ended(Condition.EVENT_AGE_EXCEEDED, attempts)
        case Result.NOT_RUN:
            back_offs = event.back_offs + 1
            doubled = limits.ASYNC_BACK_OFF_S_MIN * 2.0 ** min(back_offs - 1, 20)
            delay_s = min(doubled, limits.ASYNC_BACK_OFF_S_MAX)
    if is_too_old(event, delivery, now_s):
        return Ended(Condition.EVENT_AGE_EXCEEDED, attempts)
    # Where the age ends sooner, the event waits for that and is discarded then.
    due_s = min(now_s + delay_s * scale, event.accepted_s + delivery.age_s_max)
    return Again(replace(event, attempts=attempts, back_offs=back_offs, due_s=due_s))
