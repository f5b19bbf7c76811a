"""A queue's attributes: which there are, what they may hold, what they mean. Pure.

Sources: [B] botocore's model of SQS, SetQueueAttributes; [LS] recordings as in `errors`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.policy.document import PolicyDocument, PolicyKind, PolicySyntaxError, parse_policy
from lambent.services.sqs.errors import (
    invalid_attribute,
    invalid_parameter,
    invalid_value,
    unknown_attribute,
)

MESSAGE_BYTES_MAX = 1_048_576  # [B] MaximumMessageSize
SOURCES_MAX = 10  # [B] sourceQueueArns
RECEIVES_MAX = 1_000
POLICY_BYTES_MAX = 8_192

NUMBERS: Mapping[str, tuple[int, int, int]] = {
    "DelaySeconds": (0, 900, 0),
    "MaximumMessageSize": (1_024, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX),
    "MessageRetentionPeriod": (60, 1_209_600, 345_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20, 0),
    "VisibilityTimeout": (0, 43_200, 30),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400, 300),
}
"""Name → least, most, default [B]."""
FLAGS = ("FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
"""Of FIFO queues; the default comes first."""
DOCUMENTS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy")
OF_FIFO = ("FifoQueue", "ContentBasedDeduplication", *CHOICES)
TOLD = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
)
"""Those that nobody sets."""
SETTABLE = frozenset((*NUMBERS, *FLAGS, *CHOICES, *DOCUMENTS, "KmsMasterKeyId"))
KNOWN = SETTABLE | {*TOLD, "All"}

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ARN = re.compile(
    r"arn:aws[a-z-]*:sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>[\w.-]+)", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """What a queue's attributes mean."""

    fifo: bool = False
    visibility_s: int = 30
    delay_s: int = 0
    message_bytes_max: int = MESSAGE_BYTES_MAX
    retention_s: int = 345_600
    wait_s: int = 0
    content_based_deduplication: bool = False
    deduplicates_by_group: bool = False
    dead_letter_arn: str = ""
    receives_max: int = 0
    redrive_permission: str = "allowAll"
    redrive_sources: frozenset[str] = frozenset()
    policy: PolicyDocument | None = None


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """Where a queue's dead letters go, and after how many receives."""

    target_arn: str
    receives_max: int


def check_name(name: str, *, fifo: bool) -> None:
    """Raises LambdaError InvalidParameterValue. Texts from LocalStack, unverified."""
    if name.endswith(".fifo") and not fifo:
        raise invalid_parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    stem = name.removesuffix(".fifo") if fifo else name
    if fifo and (not name.endswith(".fifo") or not _NAME.fullmatch(stem) or len(name) > 80):
        raise invalid_parameter(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or"
            " underscores, must end with .fifo suffix and be 1 to 80 in length."
        )
    if not _NAME.fullmatch(stem):
        raise invalid_parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def queue_of_arn(arn: str) -> tuple[str, str, str] | None:
    """Region, account and name; None where it is not a queue's ARN."""
    match = _ARN.fullmatch(arn)
    return None if match is None else (match["region"], match["account"], match["name"])


def check_attributes(given: Mapping[str, str], *, fifo: bool, create: bool) -> dict[str, str]:
    """What of `given` is to be kept ('' where an attribute is to go). Raises LambdaError."""
    kept = {}
    for name, value in given.items():
        if name not in SETTABLE:
            raise unknown_attribute(name)
        if name in OF_FIFO and not fifo:
            raise unknown_attribute(name)
        if name == "FifoQueue" and not create:
            if value != "true":
                raise invalid_attribute(name, "Modifying queue type is not supported.")
            continue
        kept[name] = _check(name, value)
    managed = kept.get("SqsManagedSseEnabled")
    if kept.get("KmsMasterKeyId"):
        if managed == "true":
            raise LambdaError(  # [LS]
                "InvalidAttributeName",
                "You can use one type of server-side encryption (SSE) at one time. You can either"
                " enable KMS SSE or SQS SSE.",
            )
        kept["SqsManagedSseEnabled"] = "false"
    elif managed == "true":
        kept["KmsMasterKeyId"] = ""
    return kept


def _check(name: str, value: str) -> str:
    """The value as it is kept."""
    if name in NUMBERS:
        least, most, _ = NUMBERS[name]
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise invalid_attribute(name)
        if not least <= int(value) <= most:
            raise invalid_attribute(name)
        return str(int(value))
    if name in FLAGS:
        if value.lower() not in ("true", "false") or (name == "FifoQueue" and value != "true"):
            raise invalid_attribute(name)
        return value.lower()
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise invalid_attribute(name)
        return value
    if name == "Policy" and value:
        parse_queue_policy(value)
    elif name == "RedrivePolicy" and value:
        parse_redrive(value)
    elif name == "RedriveAllowPolicy" and value:
        _parse_redrive_allow(value)
    elif name == "KmsMasterKeyId" and len(value) > 2_048:
        raise invalid_attribute(name)
    return value


def parse_queue_policy(text: str) -> PolicyDocument:
    """Raises LambdaError InvalidAttributeValue."""
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise invalid_attribute("Policy", f"Length is limited to {POLICY_BYTES_MAX} bytes.")
    try:
        return parse_policy(text, kind=PolicyKind.RESOURCE)
    except PolicySyntaxError as error:
        raise invalid_attribute("Policy", str(error)) from None


def parse_redrive(text: str) -> RedrivePolicy:
    """Raises LambdaError InvalidParameterValue."""

    def refuse(reason: str) -> LambdaError:
        return invalid_value(text, "RedrivePolicy", reason)

    policy = _parse_map(text)
    if policy is None:
        raise refuse("Redrive policy is not a valid JSON map.")
    for mandatory in ("maxReceiveCount", "deadLetterTargetArn"):
        if mandatory not in policy:
            raise refuse(f"Redrive policy does not contain mandatory attribute: {mandatory}.")
    arn, count = policy["deadLetterTargetArn"], policy["maxReceiveCount"]
    if not isinstance(arn, str) or queue_of_arn(arn) is None:
        raise refuse("Invalid value for deadLetterTargetArn.")  # [LS]
    digits = str(count)
    whole = not isinstance(count, bool) and digits.isascii() and digits.isdigit()
    if not whole or len(digits) > 9 or not 1 <= int(digits) <= RECEIVES_MAX:
        raise refuse(
            f"Invalid value for maxReceiveCount: {digits[:20]}, valid values are from 1 to"
            f" {RECEIVES_MAX} both inclusive."
        )
    return RedrivePolicy(arn, int(digits))


def _parse_redrive_allow(text: str) -> tuple[str, frozenset[str]]:
    """redrivePermission and sourceQueueArns. Raises LambdaError."""
    policy = _parse_map(text)
    if policy is None:
        raise invalid_value(text, "RedriveAllowPolicy", "Not a valid JSON map.")
    permission = policy.get("redrivePermission")
    sources = policy.get("sourceQueueArns", [])
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise invalid_value(text, "RedriveAllowPolicy", "Invalid value for redrivePermission.")
    by_queue = permission == "byQueue"
    if not isinstance(sources, list) or bool(sources) != by_queue or len(sources) > SOURCES_MAX:
        raise invalid_value(text, "RedriveAllowPolicy", "Invalid value for sourceQueueArns.")
    if not all(isinstance(one, str) and queue_of_arn(one) for one in sources):
        raise invalid_value(text, "RedriveAllowPolicy", "Invalid value for sourceQueueArns.")
    return permission, frozenset(sources)


def _parse_map(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def parse_config(kept: Mapping[str, str]) -> QueueConfig:
    """What checked attributes mean. Raises LambdaError where two of them do not go together."""
    by_group = kept.get("DeduplicationScope") == "messageGroup"
    if kept.get("FifoThroughputLimit") == "perMessageGroupId" and not by_group:
        raise invalid_attribute(
            "FifoThroughputLimit",
            "perMessageGroupId is allowed only when DeduplicationScope is messageGroup.",
        )
    redrive = parse_redrive(kept["RedrivePolicy"]) if kept.get("RedrivePolicy") else None
    allow = kept.get("RedriveAllowPolicy")
    permission, sources = _parse_redrive_allow(allow) if allow else ("allowAll", frozenset[str]())
    return QueueConfig(
        fifo=kept.get("FifoQueue") == "true",
        visibility_s=_number(kept, "VisibilityTimeout"),
        delay_s=_number(kept, "DelaySeconds"),
        message_bytes_max=_number(kept, "MaximumMessageSize"),
        retention_s=_number(kept, "MessageRetentionPeriod"),
        wait_s=_number(kept, "ReceiveMessageWaitTimeSeconds"),
        content_based_deduplication=kept.get("ContentBasedDeduplication") == "true",
        deduplicates_by_group=by_group,
        dead_letter_arn=redrive.target_arn if redrive else "",
        receives_max=redrive.receives_max if redrive else 0,
        redrive_permission=permission,
        redrive_sources=sources,
        policy=parse_queue_policy(kept["Policy"]) if kept.get("Policy") else None,
    )


def _number(kept: Mapping[str, str], name: str) -> int:
    return int(kept[name]) if kept.get(name) else NUMBERS[name][2]


def describe_attributes(kept: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """All attributes of a queue, as GetQueueAttributes tells them [LS]."""
    found = {
        name: kept.get(name) or str(default)
        for name, (_, _, default) in NUMBERS.items()
        if name != "KmsDataKeyReusePeriodSeconds"
    }
    found["SqsManagedSseEnabled"] = kept.get("SqsManagedSseEnabled", "true")
    if kept.get("KmsMasterKeyId"):
        found["KmsMasterKeyId"] = kept["KmsMasterKeyId"]
        found["KmsDataKeyReusePeriodSeconds"] = kept.get("KmsDataKeyReusePeriodSeconds", "300")
    if kept.get("FifoQueue") == "true":
        found["FifoQueue"] = "true"
        found["ContentBasedDeduplication"] = kept.get("ContentBasedDeduplication", "false")
        for name, (default_choice, _) in CHOICES.items():
            found[name] = kept.get(name, default_choice)
    found.update({name: kept[name] for name in DOCUMENTS if kept.get(name)})
    found.update(told)
    return dict(sorted(found.items()))


def differing_attribute(now: Mapping[str, str], asked: Mapping[str, str]) -> str | None:
    """The first attribute that CreateQueue asks otherwise than the queue of that name has."""
    shown = describe_attributes(now, {})
    for name, value in asked.items():
        if shown.get(name, "") != value:
            return name
    return None
