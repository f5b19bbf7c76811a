"""What becomes of a message that its target did not take. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lambent.domain.schedule import execution_id
from lambent.services.delivery.gates import Fault
from lambent.store.outbox import OutboxMessage

FOR_CARRIERS = "x-amz-sns-"
"""What attributes begin with that only tell a carrier how to deliver."""
HOPELESS = frozenset(
    (
        "InvalidMessageContents",
        "InvalidParameterException",
        "InvalidParameterValueException",
        "MissingRequiredParameterException",
        "THIRD_ACCOUNT_HOP_DETECTED",
    )
)
"""What queues, topics and buses say of a message that they will never take: one that is too long
for a queue, one without a group for a FIFO queue, one that has been on two buses."""
THROTTLED = frozenset(("TooManyRequestsException", "ThrottlingException", "RequestThrottled"))
BACK_OFF_S_MIN, BACK_OFF_S_MAX = 1.0, 300.0
"""[own] As for asynchronous invocations."""


def decide_again(
    message: OutboxMessage, now_s: float, scale: float = 1.0, delay_s: float | None = None
) -> OutboxMessage | None:
    """The message with its next try; None where it is given up.

    Without a `delay_s` of the target's own it doubles.
    """
    tries = message.tries + 1
    if delay_s is None:
        delay_s = min(BACK_OFF_S_MIN * 2.0 ** min(tries - 1, 20), BACK_OFF_S_MAX)
    delay_s *= scale
    if tries >= message.tries_max or now_s + delay_s >= message.until_s:
        return None
    return replace(message, tries=tries, due_s=now_s + delay_s)


def dead_letter_attributes(
    message: OutboxMessage, fault: Fault, *, exhausted: bool
) -> Mapping[str, Mapping[str, Any]]:
    """What the letter about a message that is given up tells besides its body.

    `exhausted`: it was tried as often, or as long, as it may be. Sources: for rules EventBridge
    User Guide, "Using dead-letter queues to process undelivered events"; for schedules Scheduler
    User Guide, "Configuring a schedule's dead-letter queue". Others pass on what the message had.
    """
    if ":scheduler:" in message.source_arn:
        told, code = _schedule_failed(message), fault.code
    elif ":events:" in message.source_arn:
        told, code = {"RULE_ARN": message.source_arn}, _rule_code(fault.code)
    else:
        return {
            name: value
            for name, value in message.attributes.items()
            if not name.startswith(FOR_CARRIERS)
        }
    told |= {
        "TARGET_ARN": message.target_arn,
        "ERROR_CODE": code,
        "ERROR_MESSAGE": fault.text[:1_024],
        "RETRY_ATTEMPTS": str(message.tries),
    }
    if exhausted:
        too_often = message.tries + 1 >= message.tries_max
        told["EXHAUSTED_RETRY_CONDITION"] = (
            "MaximumRetryAttempts" if too_often else "MaximumEventAge"
        )
    return {name: {"DataType": "String", "StringValue": text} for name, text in told.items()}


def _rule_code(code: str) -> str:
    """One of EventBridge's own, whatever the target said."""
    if code.isupper():
        return code
    return "THROTTLING" if code in THROTTLED else "ERROR_FROM_TARGET"


def _schedule_failed(message: OutboxMessage) -> dict[str, str]:
    """A schedule's message is as old as the instant that it is for."""
    instant_s = message.created_s
    return {
        "SCHEDULE_ARN": message.source_arn,
        "SCHEDULED_TIME": datetime.fromtimestamp(instant_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "EXECUTION_ID": execution_id(message.source_arn, instant_s),
        "IS_PAYLOAD_TRUNCATED": "false",
    }
