"""What may be published: a message, its variants by protocol, its attributes. Pure.

Sources: [B] botocore's model of SNS, Publish; [LS] as in `errors`; SNS Developer Guide, "Amazon SNS
message attributes".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambent.services.sns.errors import invalid, invalid_value
from lambent.services.sns.topic_attributes import TopicConfig

MESSAGE_BYTES_MAX = 262_144
SUBJECT_MAX = 100
DEFAULT = "default"

_ID = re.compile(r"[!-~]{1,128}")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS = ("String", "Number", "Binary")
Attributes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that may be published to a topic."""

    texts: Mapping[str, str]
    """Protocol → text; `default` is always there."""
    subject: str | None = None
    attributes: Attributes = field(default_factory=dict)
    group_id: str | None = None
    dedup_id: str | None = None
    size: int = 0
    """Bytes that count towards the limit."""

    def text_for(self, protocol: str) -> str:
        return self.texts.get(protocol, self.texts[DEFAULT])


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that was published."""

    message_id: str
    draft: Draft
    time_s: float
    sequence: str | None = None
    """Only of a FIFO topic."""


def make_draft(params: Mapping[str, Any], config: TopicConfig) -> Draft:
    """What Publish's parameters, or a batch entry's, ask to be published. Raises LambdaError."""
    text, subject = params["Message"], params.get("Subject")
    if subject is not None:
        _check_subject(subject)
    if not text:
        raise invalid("Empty message")
    if _INVALID.search(text):
        raise invalid("Message Reason: invalid characters were found")
    attributes: Attributes = params.get("MessageAttributes") or {}
    size = len(text.encode()) + sum(_check(name, one) for name, one in attributes.items())
    if size > MESSAGE_BYTES_MAX:
        raise invalid("Message too long")
    structure = params.get("MessageStructure")
    if structure not in (None, "", "json"):
        raise invalid("MessageStructure")
    group_id, dedup_id = _order(params, config, text)
    return Draft(
        texts=_variants(text) if structure == "json" else {DEFAULT: text},
        subject=subject,
        attributes=attributes,
        group_id=group_id,
        dedup_id=dedup_id,
        size=size,
    )


def _check_subject(subject: str) -> None:
    """[B] ASCII, at most 100 characters, no line break or control character, no blank at first."""
    fits = 0 < len(subject) <= SUBJECT_MAX and subject.isascii() and subject.isprintable()
    if not fits or subject[0] == " ":
        raise invalid("Subject")


def _variants(text: str) -> dict[str, str]:
    """The texts of a message whose structure is json; values that are no texts are ignored. [LS]"""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(value, dict) or not isinstance(value.get(DEFAULT), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    texts = {key: one for key, one in value.items() if isinstance(one, str)}
    if any(_INVALID.search(one) for one in texts.values()):
        raise invalid("Message Reason: invalid characters were found")
    return texts


def _order(
    params: Mapping[str, Any], config: TopicConfig, text: str
) -> tuple[str | None, str | None]:
    """Group and deduplication id. [LS]"""
    group_id, dedup_id = params.get("MessageGroupId"), params.get("MessageDeduplicationId")
    for name, value in (("MessageGroupId", group_id), ("MessageDeduplicationId", dedup_id)):
        if value is not None and not _ID.fullmatch(value):
            raise invalid(f"{name} Reason: must be of 1 to 128 alphanumeric or punctuation signs")
    if not config.fifo:
        if dedup_id is not None:
            raise invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId"
                " parameter that is not valid for this topic type"
            )
        return group_id, None
    if group_id is None:
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if dedup_id is None:
        if not config.content_based_deduplication:
            raise invalid(
                "The topic should either have ContentBasedDeduplication enabled or"
                " MessageDeduplicationId provided explicitly"
            )
        dedup_id = hashlib.sha256(text.encode()).hexdigest()
    return group_id, dedup_id


def _check(name: str, value: Mapping[str, Any]) -> int:
    """How many bytes an attribute counts. Raises LambdaError ParameterValueInvalid."""
    _check_name(name)
    data_type = value.get("DataType") or ""
    kind = data_type.partition(".")[0]
    if not data_type:
        raise invalid_value(
            f"The message attribute '{name}' must contain non-empty message attribute type."
        )
    if kind not in _KINDS or len(data_type) > 256 or _INVALID.search(data_type):
        raise invalid_value(
            f"The message attribute '{name}' has an invalid message attribute type, the set of"
            " supported type prefixes is Binary, Number, and String."
        )
    wanted, other = "StringValue", "BinaryValue"
    if kind == "Binary":
        wanted, other = other, wanted
    content = value.get(wanted)
    if not content:
        if value.get(other):
            raise invalid_value(
                f"The message attribute '{name}' with type '{data_type}' must use field"
                f" '{'Binary' if kind == 'Binary' else 'String'}'."
            )
        raise invalid_value(
            f"The message attribute '{name}' must contain non-empty message attribute value for"
            f" message attribute type '{data_type}'."
        )
    if isinstance(content, str):
        _check_text(name, data_type, content)
        content = content.encode()
    return len(name) + len(data_type.encode()) + len(content)


def _check_name(name: str) -> None:
    if len(name.encode()) > 256:
        raise invalid_value("Length of message attribute name must be less than 256 bytes.")
    if not _ATTRIBUTE_NAME.fullmatch(name):
        found = next((one for one in name if not _ATTRIBUTE_NAME.fullmatch(one)), " ")
        raise invalid_value(
            f"Invalid non-alphanumeric character '#x{ord(found):X}' was found in the message"
            " attribute name. Can only include alphanumeric characters, hyphens, underscores, or"
            " dots."
        )
    if name[0] == "." or name[-1] == ".":
        where = "starting" if name[0] == "." else "ending"
        raise invalid_value(f"Invalid message attribute name {where} with character '.' was found.")
    if ".." in name:
        raise invalid_value("Message attribute name can not have successive '.' character.")
    if name.lower().startswith(("aws.", "amazon.")):
        raise invalid_value("Message attribute name can not begin with AWS. or Amazon.")


def _check_text(name: str, data_type: str, content: str) -> None:
    if _INVALID.search(content):
        raise invalid_value(f"Invalid characters were found in the message attribute '{name}'.")
    if data_type.partition(".")[0] == "Number" and not _NUMBER.fullmatch(content):
        raise invalid_value(f"Could not cast message attribute '{name}' value to number.")
    if data_type == "String.Array":
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, list):
            raise invalid_value(
                f"Message attribute '{name}' of type String.Array must hold a JSON array."
            )
