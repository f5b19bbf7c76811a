"""A streamed response on its way from the channel to whoever asked, in bounded memory.

Nothing is kept here: what the client cannot take yet stays in the channel, which is then not read,
until the function's own writes wait. A stream is slowed for two reasons: its rate (a token bucket)
and a sink that says stop. Where nobody wants a stream (a buffered Invoke) it is collected, bounded
as any other response.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from lambent.domain import limits
from lambent.domain.errors import FunctionError
from lambent.domain.invocation import ResponseSink
from lambent.environment import failures
from lambent.environment.platform import Platform

PART_COST_BYTES = 64
"""[own] A smaller part counts as so many bytes of the rate, for it costs as much time."""


class Source(Protocol):
    """What the stream is read from."""

    def hold(self) -> None: ...

    def release(self) -> None: ...


class TokenBucket:
    """How fast bytes may pass: `burst` at once, then `rate` a second; idle time refills it.

    It may be overdrawn: whoever spends more than there is waits until it would be paid.
    """

    __slots__ = ("_burst", "_filled", "_rate", "_tokens")

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled = now

    def spend(self, size: int, now: float) -> float:
        """Take `size` tokens; returns the seconds to wait before taking more (0.0: none)."""
        refilled = self._tokens + (now - self._filled) * self._rate
        self._filled = now
        self._tokens = min(refilled, self._burst) - size
        return -self._tokens / self._rate if self._tokens < 0 else 0.0


class Stream:
    """One response; `sink` None collects it.

    Parts that came by one read leave as one.
    """

    __slots__ = (
        "_bucket",
        "_call_later",
        "_cost",
        "_held",
        "_left",
        "_parts",
        "_sink",
        "_source",
        "_timer",
        "_too_large",
    )

    def __init__(
        self,
        sink: ResponseSink | None,
        source: Source,
        bucket: TokenBucket,
        call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
    ) -> None:
        self._sink = sink
        self._source = source
        self._bucket = bucket
        self._call_later = call_later
        self._timer: asyncio.TimerHandle | None = None
        self._held = False
        self._too_large = False
        self._left = limits.RESPONSE_BYTES_MAX if sink is None else limits.STREAM_BYTES_MAX
        self._parts: list[bytes] = []
        """What was collected; for a sink, what waits for `flush`."""
        self._cost = 0

    def start(self, content_type: bytes) -> None:
        if self._sink is not None:
            self._sink.on_start(content_type)

    def take(self, data: bytes) -> None:
        """Take one part. Past the limit nothing is taken, and the end will be an error."""
        size = len(data)
        self._left -= size
        self._cost += size if size > PART_COST_BYTES else PART_COST_BYTES
        if self._left >= 0:
            self._parts.append(data)
        else:
            self._too_large = True
            if self._sink is None:
                self._parts.clear()

    def flush(self, now: float) -> None:
        """Pass on what was taken; after each read, and before the end."""
        sink, parts = self._sink, self._parts
        if sink is not None and parts:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
            if not sink.on_chunk(data, self.resume) and not self._held:
                self._held = True
                self._source.hold()
        if not self._cost:
            return
        wait_s = self._bucket.spend(self._cost, now)
        self._cost = 0
        if wait_s > 0.0:
            if self._timer is None:
                self._source.hold()
            else:
                self._timer.cancel()
            self._timer = self._call_later(wait_s, self._paid)

    def resume(self) -> None:
        """The sink takes more; without effect where it had not said stop, or after the end."""
        if self._held:
            self._held = False
            self._source.release()

    def _paid(self) -> None:
        self._timer = None
        self._source.release()

    def collected(self) -> tuple[bytes, FunctionError | None]:
        """What the response came to, at its end: nothing where a sink has had it."""
        if self._too_large:
            error = failures.RESPONSE_TOO_LARGE
            return b"", error if self._sink is None else failures.STREAM_TOO_LARGE
        return b"" if self._sink is not None else b"".join(self._parts), None

    def close(self) -> None:
        """The stream is over, however it ended: the next answer must not wait for it."""
        self._parts.clear()
        self.resume()
        if self._timer is not None:
            self._timer.cancel()
            self._paid()


def open_stream(sink: ResponseSink | None, source: Source, platform: Platform) -> Stream:
    """At the rate that this server gives every stream."""
    bucket = TokenBucket(
        rate=platform.stream_bytes_per_s,
        burst=limits.STREAM_BURST_BYTES,
        now=platform.clock.now(),
    )
    return Stream(sink, source, bucket, platform.loop.call_later)
