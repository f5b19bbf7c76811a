"""PutLogEvents' rules: what of a batch is taken, refused or rejected. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from lambent.services.logs.model import invalid_parameter

BATCH_BYTES_MAX = 1_048_576  # [B] botocore's model, PutLogEvents
EVENT_EXTRA_BYTES = 26  # [B] counted for each event beside its message
_MS_PER_HOUR = 3_600_000
AGE_MS_MAX = 14 * 24 * _MS_PER_HOUR  # [B] older events are rejected
FUTURE_MS_MAX = 2 * _MS_PER_HOUR  # [B] so are events further ahead
SPAN_MS_MAX = 24 * _MS_PER_HOUR  # [B] between the first and the last event that is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What to store of a batch, and what to tell of the rest."""

    events: Sequence[tuple[int, str]]
    rejected: dict[str, int] = field(default_factory=dict)
    """RejectedLogEventsInfo; empty where all was taken."""


def decide_put(
    events: Sequence[dict[str, Any]], *, now_ms: int, kept_days: int | None = None
) -> Accepted:
    """Sort out a batch of InputLogEvents. Raises InvalidParameterException.

    `kept_days`: how long the group keeps events, None for ever; what is older is not taken.

    Source of the texts: LocalStack's recordings of AWS (order), aws-greengrass-log-manager#59
    (span), nhs-england-tools/terraform-aws-opennext#27 (size).
    """
    size = 0
    for event in events:
        size += len(event["message"].encode("utf-8", "replace")) + EVENT_EXTRA_BYTES
    if size > BATCH_BYTES_MAX:
        raise invalid_parameter(
            f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES_MAX}"
        )
    times = [event["timestamp"] for event in events]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise invalid_parameter(
            "Log events in a single PutLogEvents request must be in chronological order."
        )
    too_old = sum(time < now_ms - AGE_MS_MAX for time in times)
    too_new = sum(time > now_ms + FUTURE_MS_MAX for time in times)
    oldest_ms = 0 if kept_days is None else now_ms - kept_days * 24 * _MS_PER_HOUR
    expired = sum(time < oldest_ms for time in times)
    taken = events[max(too_old, expired) : len(events) - too_new]
    if taken and taken[-1]["timestamp"] - taken[0]["timestamp"] > SPAN_MS_MAX:
        raise invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24"
            " hours."
        )
    rejected = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    if too_new:
        rejected["tooNewLogEventStartIndex"] = len(events) - too_new
    return Accepted(
        events=[(event["timestamp"], event["message"]) for event in taken], rejected=rejected
    )
