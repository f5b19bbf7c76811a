"""Tumbling windows: state that a function hands from batch to batch of a shard. Pure.

A window is [start, end) of the times at which records arrived. Its last invocation has no records
and says so; a state that grows beyond 1 MB ends its window early.
Source: [DG] "Implementing stateful processing with Kinesis Data Streams", its example event.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambent.sources.stream_retry import StreamRecord

STATE_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a shard, with what its function handed on."""

    start_s: int
    length_s: int
    state: dict[str, Any] = field(default_factory=dict)
    early: bool = False
    """Whether its state has become too large."""

    @property
    def end_s(self) -> int:
        return self.start_s + self.length_s

    def is_over(self, now_s: float) -> bool:
        return now_s >= self.end_s


def window_of(arrived_s: float, length_s: int) -> Window:
    """The window of a record; windows are counted from the epoch."""
    return Window(int(arrived_s // length_s) * length_s, length_s)


def split(records: Sequence[StreamRecord], window: Window) -> int:
    """How many of `records`, from the first on, belong to `window` or came late for it."""
    count = 0
    while count < len(records) and records[count].arrived_s < window.end_s:
        count += 1
    return count


def after(window: Window, answer: bytes) -> Window:
    """With the state of a response that has one; early where that is too large."""
    state = json.loads(answer)["state"]
    too_large = len(json.dumps(state, separators=(",", ":")).encode()) > STATE_BYTES_MAX
    return Window(window.start_s, window.length_s, state, too_large)


def make_event(
    window: Window,
    records: Sequence[StreamRecord],
    *,
    final: bool,
    shard_id: str,
    stream_arn: str,
) -> bytes:
    """The event of one invocation."""
    told = {
        "window": {"start": _format(window.start_s), "end": _format(window.end_s)},
        "state": window.state,
        "shardId": shard_id,
        "eventSourceARN": stream_arn,
        "isFinalInvokeForWindow": final,
        "isWindowTerminatedEarly": window.early,
    }
    texts = ", ".join(record.text for record in records)
    return f'{{"Records": [{texts}], {json.dumps(told)[1:]}'.encode("ascii")


def _format(moment_s: int) -> str:
    return f"{datetime.fromtimestamp(moment_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
