"""One invocation and its outcome, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lambent.domain.errors import FunctionError


class ResponseSink(Protocol):
    """Takes the response of a function that streams, while the function still runs.

    A function that does not stream never calls it: its whole response comes in the Outcome. After
    a stream the Outcome's payload is empty, and its error is what cut the stream, if anything did.
    """

    def on_start(self, content_type: bytes) -> None:
        """The function streams; once, before any chunk. `content_type` as the runtime gave it."""
        ...

    def on_chunk(self, data: bytes, resume: Callable[[], None]) -> bool:
        """Take a part. False: it is taken, but stop reading until `resume` is called.

        A few more parts, which were read already, may follow a False. `resume` may be called late,
        or twice, or never.
        """
        ...


@dataclass(slots=True)
class Invocation:
    """One event for one function version."""

    request_id: str
    payload: bytes
    client_context: bytes = b""
    """JSON, already decoded from base64; empty where there is none."""
    trace_id: bytes = b""
    """X-Amzn-Trace-Id to pass on; empty until the invocation starts where the caller gave none."""
    log_tail: bool = False
    qualifier: str | None = None
    """As the caller named it: what the ARN that the function is told ends in."""
    tenant_id: bytes = b""
    """X-Amz-Tenant-Id; empty where there is none."""
    sink: ResponseSink | None = None
    """Where a stream goes; without one the response is collected, and bounded as any other."""
    executed_version: str = ""
    """Which version streams; there when the sink is started."""


class Outcome(NamedTuple):
    """What one invocation came to."""

    payload: bytes
    error: FunctionError | None
    executed_version: str
    log_tail: bytes | None
    """The last 4 KB of its log, where asked for."""
