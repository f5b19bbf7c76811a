"""A message's content: what may be sent, its digests, and how it is told. Pure.

Sources: [B] botocore's model of SQS, SendMessage and ReceiveMessage; [LS] recordings as in
`errors`; Developer Guide, "Calculating the MD5 message digest for message attributes".
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.services.sqs.attributes import QueueConfig
from lambent.services.sqs.errors import invalid_parameter, invalid_value, missing_parameter

ATTRIBUTES_MAX = 10
DELAY_S_MAX = 900  # [B]
TRACE = "AWSTraceHeader"
SYSTEM_NAMES = (
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    TRACE,
    "DeadLetterQueueSourceArn",
)

_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(
    r"(?!(?:[Aa][Ww][Ss]|[Aa][Mm][Aa][Zz][Oo][Nn])\.)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
)
_ID = re.compile(r"[!-~]{1,128}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_KINDS = ("String", "Number", "Binary")
_SEQUENCE_BASE = 10**19


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that may be sent to a queue."""

    body: str
    attributes: str | None = None
    """As `pack_attributes` makes them."""
    trace: str | None = None
    group_id: str | None = None
    dedup_id: str | None = None
    delay_s: int = 0
    size: int = 0
    """Bytes that count towards the limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it is on disk; nothing of it changes but where it is kept."""

    number: int
    message_id: str
    sender_id: str
    sent_ms: int
    due_ms: int
    group_id: str | None
    dedup_id: str | None
    trace: str | None
    source_arn: str | None
    attributes: str | None
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message in one receiver's hand."""

    message: Message
    receipt_handle: str
    count: int
    first_ms: int


def make_draft(params: Mapping[str, Any], config: QueueConfig, *, batch: bool = False) -> Draft:
    """What SendMessage's parameters, or a batch entry's, ask to be sent. Raises LambdaError."""
    body = params["MessageBody"]
    if not body:
        raise missing_parameter("MessageBody")
    check_text(body)
    size = len(body) if body.isascii() else len(body.encode())
    attributes = params.get("MessageAttributes")
    packed = None
    if attributes:
        size += _check_attributes(attributes)
        packed = pack_attributes(attributes)
    system = params.get("MessageSystemAttributes")
    trace = _trace(system) if system else None
    if size > config.message_bytes_max:
        raise invalid_parameter(
            "One or more parameters are invalid. Reason: Message must be shorter than"
            f" {config.message_bytes_max} bytes."
        )
    return Draft(
        body=body,
        attributes=packed,
        trace=trace,
        group_id=_group(params, config, batch=batch),
        dedup_id=_dedup(params, config, body),
        delay_s=_delay(params, config),
        size=size,
    )


def check_text(body: str) -> None:
    """Raises LambdaError InvalidMessageContents."""
    if _INVALID.search(body):
        raise LambdaError(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to"
            " #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )


def _delay(params: Mapping[str, Any], config: QueueConfig) -> int:
    delay_s = params.get("DelaySeconds")
    if delay_s is None:
        return config.delay_s
    if not 0 <= delay_s <= DELAY_S_MAX:
        raise invalid_value(delay_s, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    if config.fifo and delay_s:
        raise invalid_value(  # [LS]
            delay_s,
            "DelaySeconds",
            "The request include parameter that is not valid for this queue type.",
        )
    return config.delay_s if config.fifo else int(delay_s)


def _group(params: Mapping[str, Any], config: QueueConfig, *, batch: bool) -> str | None:
    group_id: str | None = params.get("MessageGroupId")
    if group_id is None and config.fifo:
        if batch:  # [LS] the code differs
            raise invalid_parameter("The request must contain the parameter MessageGroupId.")
        raise missing_parameter("MessageGroupId")
    if group_id is not None:
        check_id(group_id, "MessageGroupId")
    return group_id


def _dedup(params: Mapping[str, Any], config: QueueConfig, body: str) -> str | None:
    dedup_id: str | None = params.get("MessageDeduplicationId")
    if dedup_id is not None:
        if not config.fifo:
            raise invalid_value(
                dedup_id,
                "MessageDeduplicationId",
                "The request includes a parameter that is not valid for this queue type.",
            )
        check_id(dedup_id, "MessageDeduplicationId")
        return dedup_id
    if not config.fifo:
        return None
    if not config.content_based_deduplication:
        raise invalid_parameter(  # [LS]
            "The queue should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly"
        )
    return hashlib.sha256(body.encode()).hexdigest()


def check_id(value: str, parameter: str) -> None:
    """Raises LambdaError InvalidParameterValue."""
    if not _ID.fullmatch(value):
        raise invalid_value(
            value,
            parameter,
            f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in"
            " length.",
        )


# Message attributes


def _check_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """How many bytes they count. Raises LambdaError."""
    if len(attributes) > ATTRIBUTES_MAX:
        raise invalid_parameter(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum"
            f" [{ATTRIBUTES_MAX}]."
        )
    return sum(_check_attribute(name, value, "user") for name, value in attributes.items())


def _check_attribute(name: str, value: Mapping[str, Any], whose: str) -> int:
    if len(name) > 256 or not _NAME.fullmatch(name):
        raise invalid_parameter(
            f"Message ({whose}) attribute name can contain only alphanumeric characters, hyphens,"
            " underscores and periods, not at an end or in a row, cannot start with 'AWS.' or"
            " 'Amazon.', and is 1 to 256 characters long."
        )
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise LambdaError(
            "UnsupportedOperation",
            "Message attribute list values in SendMessage operation are not supported.",
        )
    data_type = value.get("DataType") or ""
    kind = data_type.partition(".")[0]
    if kind not in _KINDS or len(data_type) > 256:
        raise invalid_parameter(
            f"The type of message ({whose}) attribute '{name}' is invalid. You must use only the"
            " following supported type prefixes: Binary, Number, String."
        )
    content: bytes | str | None = value.get("BinaryValue" if kind == "Binary" else "StringValue")
    other = value.get("StringValue" if kind == "Binary" else "BinaryValue")
    if not content or other:  # [LS]
        raise invalid_parameter(
            f"Message ({whose}) attribute '{name}' must contain a non-empty value of type"
            f" '{'Binary' if kind == 'Binary' else 'String'}'."
        )
    if isinstance(content, str):
        check_text(content)
        if kind == "Number" and not _NUMBER.fullmatch(content):
            raise invalid_parameter(
                f"Can't cast the value of message ({whose}) attribute '{name}' to a number."
            )
        content = content.encode()
    return len(name) + len(data_type.encode()) + len(content)


def _trace(system: Mapping[str, Mapping[str, Any]]) -> str:
    """AWSTraceHeader, the one attribute that a sender may set. Raises LambdaError."""
    for name, value in system.items():
        if name != TRACE:
            raise invalid_parameter(f"Message system attribute name '{name}' is invalid.")
        _check_attribute(name, value, "system")
        if value["DataType"] != "String":
            raise invalid_parameter(
                f"Message (system) attribute '{name}' must contain a value of type 'String'."
            )
    return str(system[TRACE]["StringValue"])


def pack_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Message attributes as text; binary values in base64."""
    return json.dumps(
        {
            name: {
                key: base64.b64encode(item).decode() if isinstance(item, bytes) else item
                for key, item in value.items()
                if item
            }
            for name, value in attributes.items()
        },
        separators=(",", ":"),
        ensure_ascii=False,
    )


def unpack_attributes(text: str) -> dict[str, dict[str, Any]]:
    """What `pack_attributes` was given."""
    attributes: dict[str, dict[str, Any]] = json.loads(text)
    for value in attributes.values():
        if "BinaryValue" in value:
            value["BinaryValue"] = base64.b64decode(value["BinaryValue"])
    return attributes


def md5_of_text(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Over name, type and value of each, in the order of the names."""
    parts = bytearray()
    for name in sorted(attributes):
        value = attributes[name]
        binary = value.get("BinaryValue")
        content = value["StringValue"].encode() if binary is None else binary
        for part in (name.encode(), value["DataType"].encode()):
            parts += struct.pack(">I", len(part)) + part
        parts += b"\x01" if binary is None else b"\x02"
        parts += struct.pack(">I", len(content)) + content
    return hashlib.md5(parts, usedforsecurity=False).hexdigest()


def md5_of_trace(trace: str) -> str:
    return md5_of_attributes({TRACE: {"DataType": "String", "StringValue": trace}})


# Answers


def format_sequence(number: int) -> str:
    """A sequence number: 20 digits that grow."""
    return str(_SEQUENCE_BASE + number)


def describe_sent(
    draft: Draft, message_id: str, number: int, config: QueueConfig
) -> dict[str, Any]:
    """SendMessage's answer."""
    answer = {"MD5OfMessageBody": md5_of_text(draft.body), "MessageId": message_id}
    if draft.attributes is not None:
        answer["MD5OfMessageAttributes"] = md5_of_attributes(unpack_attributes(draft.attributes))
    if draft.trace is not None:
        answer["MD5OfMessageSystemAttributes"] = md5_of_trace(draft.trace)
    if config.fifo:
        answer["SequenceNumber"] = format_sequence(number)
    return answer


def describe_received(
    received: Received, *, fifo: bool, system: Collection[str], names: Sequence[str]
) -> dict[str, Any]:
    """A Message; `system` and `names` are the attributes that were asked for."""
    message = received.message
    told: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": received.receipt_handle,
        "MD5OfBody": md5_of_text(message.body),
        "Body": message.body,
    }
    if system:
        shown = _system_attributes(received, fifo=fifo)
        told["Attributes"] = {
            name: value for name, value in shown.items() if "All" in system or name in system
        } or None
    if names and message.attributes is not None:
        attributes = unpack_attributes(message.attributes)
        chosen = {
            name: value for name, value in sorted(attributes.items()) if is_chosen(name, names)
        }
        if chosen:
            told["MD5OfMessageAttributes"] = md5_of_attributes(chosen)
        told["MessageAttributes"] = chosen  # [LS] empty where none of the names is there
    return told


def is_chosen(name: str, names: Sequence[str]) -> bool:
    """Whether MessageAttributeNames asks for an attribute: by name, prefix or all [LS]."""
    for asked in names:
        if asked in ("All", ".*", "*", name):
            return True
        if asked.endswith(".*") and name.startswith(asked[:-2]):
            return True
    return False


def _system_attributes(received: Received, *, fifo: bool) -> dict[str, str]:
    message = received.message
    shown = {
        "SenderId": message.sender_id,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(received.count),
        "ApproximateFirstReceiveTimestamp": str(received.first_ms),
    }
    if fifo:
        shown["SequenceNumber"] = format_sequence(message.number)
    for name, value in (
        ("MessageDeduplicationId", message.dedup_id),
        ("MessageGroupId", message.group_id),
        (TRACE, message.trace),
        ("DeadLetterQueueSourceArn", message.source_arn),
    ):
        if value is not None:
            shown[name] = value
    return shown
