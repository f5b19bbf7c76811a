"""What a destination gets of an ended event. Source: [DG] "Adding a destination", [LS]."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambent.domain.arns import LATEST, Account
from lambent.domain.event import AsyncEvent
from lambent.domain.invocation import Outcome
from lambent.queue.retry import Ended


def build_record(
    event: AsyncEvent, ended: Ended, outcome: Outcome | None, account: Account, now_s: float
) -> dict[str, Any]:
    """The record; without a response where the last try never ran."""
    moment = datetime.fromtimestamp(now_s, UTC)
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": account.function_arn(event.function_name, event.qualifier or LATEST),
            "condition": ended.condition.value,
            "approximateInvokeCount": ended.attempts,
        },
        "requestPayload": _parse(event.payload),
    }
    if outcome is not None:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": outcome.executed_version,
        }
        if outcome.error is not None:
            record["responseContext"]["functionError"] = "Unhandled"
        record["responsePayload"] = _parse(outcome.payload)
    return record


def _parse(payload: bytes) -> Any:
    """The payload as JSON; as text where it is none (a function may answer what it likes)."""
    try:
        return json.loads(payload) if payload else None
    except (ValueError, RecursionError):
        return payload.decode("utf-8", "replace")
