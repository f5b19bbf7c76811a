"""One accepted asynchronous invocation, and what its function's owner wants of failures."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.domain import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncEvent:
    """An event on its way to a function; frozen: each retry is a new value of the same id."""

    request_id: str
    """The same for every attempt. Source: [DG] "Asynchronous invocation"."""
    function_name: str
    qualifier: str | None
    payload: bytes
    trace_id: bytes = b""
    client_context: bytes = b""
    tenant_id: bytes = b""
    accepted_s: float
    """Seconds since the epoch, as are all times here."""
    due_s: float
    attempts: int = 0
    """Invocations that ended in the function's error."""
    back_offs: int = 0
    """Throttles and faults in a row, since the last attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """EventInvokeConfig and DeadLetterConfig of one qualifier, with AWS's defaults."""

    retries_max: int = limits.ASYNC_RETRIES_DEFAULT
    age_s_max: int = limits.ASYNC_AGE_S_MAX
    on_success: str = ""
    """ARN; empty where there is none, as for the others."""
    on_failure: str = ""
    dead_letter: str = ""
