"""One invocation and its outcome, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lambent.domain.errors import FunctionError


@dataclass(slots=True)
class Invocation:
    """One event for one function version."""

    request_id: str
    payload: bytes
    client_context: bytes = b""
    """JSON, already decoded from base64; empty where there is none."""
    trace_id: bytes = b""
    """X-Amzn-Trace-Id to pass on; empty where there is none."""
    log_tail: bool = False


class Outcome(NamedTuple):
    """What one invocation came to."""

    payload: bytes
    error: FunctionError | None
    executed_version: str
    log_tail: bytes | None
    """The last 4 KB of its log, where asked for."""
