"""What an operation knows of the call besides its parameters."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from lambent.domain.arns import Account
from lambent.policy.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """The caller's side of one API call."""

    account: Account
    request_id: str
    endpoint: str
    """Scheme, host and port as the caller named them, e.g. `http://127.0.0.1:4566`."""
    principal: Principal
    """Who calls: with open authentication the account's root, unless the credentials tell more."""
    trace: str = ""
    """X-Amzn-Trace-Id: the chain of invocations that the call is part of."""
    on_disconnect: Callable[[Callable[[], None]], None] = field(default=lambda act: None)
    """Has something done once if the caller leaves before the answer."""


@dataclass(frozen=True, slots=True)
class EventStreamResult:
    """A result that is a stream of events."""

    member: str
    """Of the modelled result: the one that is the stream."""
    events: AsyncGenerator[tuple[str, dict[str, Any]], None]
    """(event, its members); closed when the client leaves."""


Handler = Callable[[dict[str, Any], RequestContext], Awaitable[dict[str, Any]]]
"""One operation: modelled parameters in, modelled result out; raises LambdaError."""
StreamHandler = Callable[[dict[str, Any], RequestContext], Awaitable[EventStreamResult]]
"""The same for an operation whose result is a stream."""
