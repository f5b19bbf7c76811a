"""What takes the records of ended events besides functions: queues, topics, buses, buckets.

Each service of the process that can be a target offers a `Target`. It writes inside the transaction
that ends the event, so that a record is neither lost nor written for an event that goes on.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lambent.domain.event import AsyncEvent
from lambent.domain.invocation import Outcome
from lambent.queue.retry import Ended

ERROR_MESSAGE_BYTES_MAX = 1_024  # [DG] "Dead-letter queues": the first 1 KB


class Landing(Protocol):
    """A record that a target takes with somebody's transaction."""

    def write(self, connection: sqlite3.Connection) -> None:
        """Inside the transaction."""
        ...

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        """After it, whether it was committed or not: the callback of its future."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a target gets."""

    body: str
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Message attributes as SQS and SNS have them: DataType and StringValue or BinaryValue."""
    trace: str = ""
    """The trace header of the chain that goes on."""
    subject: str = ""
    """For topics."""
    group_id: str | None = None
    """For queues and topics of the FIFO kind, as the next."""
    dedup_id: str | None = None


class Target(Protocol):
    """One service's targets."""

    def prepare(self, arn: str, letter: Letter) -> Landing | None:
        """What takes `letter`; None where nothing can. What it gives is written at once."""
        ...


def dead_letter_attributes(
    event: AsyncEvent, ended: Ended, outcome: Outcome | None
) -> dict[str, dict[str, str]]:
    """[DG] "Dead-letter queues": message attributes RequestID, ErrorCode and ErrorMessage.

    ErrorCode is an HTTP status; that it is 429 for what was never run is unverified.
    """
    text = _error_message(outcome) if outcome is not None else ""
    message = (text or ended.condition.value).encode()[:ERROR_MESSAGE_BYTES_MAX]
    return {
        "RequestID": {"DataType": "String", "StringValue": event.request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": "429" if outcome is None else "200"},
        "ErrorMessage": {
            "DataType": "String",
            "StringValue": message.decode("utf-8", "ignore"),
        },
    }


def _error_message(outcome: Outcome) -> str:
    """`errorMessage` of the function's error; '' where it tells none."""
    try:
        parsed = json.loads(outcome.payload)
    except (ValueError, RecursionError):
        return ""
    text = parsed.get("errorMessage") if isinstance(parsed, dict) else None
    return text if isinstance(text, str) else ""
