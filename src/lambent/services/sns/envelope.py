"""What subscribers get: the notification, its signature's words, and Lambda's record. Pure.

Sources: SNS Developer Guide, "HTTP/HTTPS notification JSON format" and "Verifying the signatures of
Amazon SNS messages"; Lambda Developer Guide, "Invoking Lambda functions with Amazon SNS
notifications"; [LS] FIFO topics do not sign.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from lambent.services.sns.messages import Attributes, Message

NOTIFICATION = "Notification"
SUBSCRIPTION = "SubscriptionConfirmation"
UNSUBSCRIPTION = "UnsubscribeConfirmation"

_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_SIGNED[UNSUBSCRIPTION] = _SIGNED[SUBSCRIPTION]

Sign = Callable[[str, str], str]
"""(SignatureVersion, text) → the signature in base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """How notifications of a topic are signed."""

    version: str
    sign: Sign
    certificate_path: str


def string_to_sign(values: Mapping[str, Any]) -> str:
    """Name and value on lines of their own, by the names' order; members without value are out."""
    names = _SIGNED[values["Type"]]
    return "".join(f"{name}\n{values[name]}\n" for name in names if values.get(name) is not None)


def build_notification(
    message: Message, protocol: str, *, topic_arn: str, subscription_arn: str, base_url: str
) -> dict[str, Any]:
    """The notification without its signature, and without what is None."""
    draft = message.draft
    values: dict[str, Any] = {
        "Type": NOTIFICATION,
        "MessageId": message.message_id,
        "SequenceNumber": message.sequence,
        "TopicArn": topic_arn,
        "Subject": draft.subject,
        "Message": draft.text_for(protocol),
        "Timestamp": format_time(message.time_s),
        "UnsubscribeURL": unsubscribe_url(base_url, subscription_arn),
    }
    if draft.attributes:
        values["MessageAttributes"] = describe_attributes(draft.attributes)
    return {name: value for name, value in values.items() if value is not None}


def build_confirmation(
    kind: str, *, message_id: str, time_s: float, topic_arn: str, subject: str, token: str, url: str
) -> dict[str, Any]:
    """The message that asks an endpoint's owner to confirm; `subject` is what it is about."""
    if kind == SUBSCRIPTION:
        text = (
            f"You have chosen to subscribe to the topic {subject}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
    else:
        text = (
            f"You have chosen to deactivate subscription {subject}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL"
            " included in this message."
        )
    return {
        "Type": kind,
        "MessageId": message_id,
        "Token": token,
        "TopicArn": topic_arn,
        "Message": text,
        "SubscribeURL": subscribe_url(url, topic_arn, token),
        "Timestamp": format_time(time_s),
    }


def sealed(values: dict[str, Any], seal: Seal | None, base_url: str) -> dict[str, Any]:
    """With the signature, in the order of AWS's own; without a seal as it is."""
    if seal is None:
        return values
    signed = {
        "SignatureVersion": seal.version,
        "Signature": seal.sign(seal.version, string_to_sign(values)),
        "SigningCertURL": base_url + seal.certificate_path,
    }
    last = ("UnsubscribeURL", "MessageAttributes")
    return {
        **{name: value for name, value in values.items() if name not in last},
        **signed,
        **{name: values[name] for name in last if name in values},
    }


def format_envelope(values: Mapping[str, Any]) -> str:
    """As queues and endpoints get it: AWS indents it so."""
    return json.dumps(values, indent=2, separators=(",", " : "), ensure_ascii=False)


def format_lambda_event(values: Mapping[str, Any], subscription_arn: str) -> str:
    """What a function is invoked with; two names differ in case from other protocols'."""
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "Sns": {
            "Type": values["Type"],
            "MessageId": values["MessageId"],
            "TopicArn": values["TopicArn"],
            "Subject": values.get("Subject"),
            "Message": values["Message"],
            "Timestamp": values["Timestamp"],
            "SignatureVersion": values["SignatureVersion"],
            "Signature": values["Signature"],
            "SigningCertUrl": values["SigningCertURL"],
            "UnsubscribeUrl": values["UnsubscribeURL"],
            "MessageAttributes": values.get("MessageAttributes", {}),
        },
    }
    return json.dumps({"Records": [record]}, separators=(",", ":"), ensure_ascii=False)


def describe_attributes(attributes: Attributes) -> dict[str, dict[str, str]]:
    """Type and Value of each; binary ones in base64."""
    return {
        name: {"Type": value["DataType"], "Value": _text(value)}
        for name, value in attributes.items()
    }


def _text(value: Mapping[str, Any]) -> str:
    binary = value.get("BinaryValue")
    return b64encode(binary).decode() if binary else str(value["StringValue"])


def format_time(time_s: float) -> str:
    moment = datetime.fromtimestamp(time_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def unsubscribe_url(base_url: str, subscription_arn: str) -> str:
    return f"{base_url}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"


def subscribe_url(base_url: str, topic_arn: str, token: str) -> str:
    action = f"{base_url}/?Action=ConfirmSubscription"
    return f"{action}&TopicArn={quote(topic_arn, safe=':')}&Token={token}"
