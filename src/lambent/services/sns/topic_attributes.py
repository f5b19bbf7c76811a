"""A topic's attributes: which there are, what they may hold, what they mean. Pure.

Sources: [B] botocore's model of SNS, CreateTopic and SetTopicAttributes; [LS] as in `errors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambent.domain.errors import not_supported
from lambent.policy.document import PolicyDocument, PolicyKind, PolicySyntaxError, parse_policy
from lambent.services.sns.delivery_policy import NO_POLICY, DeliveryPolicy, parse_topic_delivery
from lambent.services.sns.errors import invalid

POLICY_BYTES_MAX = 30_720
"""SNS Developer Guide: a topic's policy has at most 30 KB."""
DISPLAY_NAME_MAX = 100
FLAGS = ("FifoTopic", "ContentBasedDeduplication")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
}
OF_FIFO = ("FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope")
TEXTS = ("DisplayName", "Policy", "DeliveryPolicy", "KmsMasterKeyId")
SETTABLE = frozenset((*FLAGS, *CHOICES, *TEXTS))
ABSENT = ("ArchivePolicy", "DataProtectionPolicy")
_FEEDBACK = ("SuccessFeedbackRoleArn", "FailureFeedbackRoleArn", "SuccessFeedbackSampleRate")
_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)
"""What the policy of a new topic names. [LS]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfig:
    """What a topic's attributes mean."""

    fifo: bool = False
    content_based_deduplication: bool = False
    deduplicates_by_group: bool = False
    signature_version: str = "1"
    policy: PolicyDocument
    delivery: DeliveryPolicy = NO_POLICY


def check_attributes(given: Mapping[str, str], *, fifo: bool, create: bool) -> dict[str, str]:
    """What of `given` is to be kept ('' where an attribute is to go). Raises LambdaError."""
    kept = {}
    for name, value in given.items():
        if name in ABSENT or name.endswith(_FEEDBACK):
            raise not_supported(f"the attribute {name} of SNS topics")
        if name not in SETTABLE or (name == "FifoTopic" and not create):
            raise invalid("AttributeName")
        if name in OF_FIFO and name != "FifoTopic" and not fifo:
            raise invalid("AttributeName" if not create else f"Attributes Reason: {name}")
        kept[name] = _check(name, value)
    return kept


def _check(name: str, value: str) -> str:
    if name in FLAGS:
        if value.lower() not in ("true", "false"):
            raise invalid(f"{name} Reason: must be true or false")
        return value.lower()
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise invalid(f"{name} Reason: must be one of {', '.join(CHOICES[name])}")
    elif name == "DisplayName":
        if len(value) > DISPLAY_NAME_MAX or not value.replace("\n", "x").isprintable():
            raise invalid("DisplayName")
    elif name == "Policy" and value:
        parse_topic_policy(value)
    elif name == "DeliveryPolicy" and value:
        parse_topic_delivery(value)
    elif name == "KmsMasterKeyId" and len(value) > 2_048:
        raise invalid("KmsMasterKeyId")
    return value


def parse_topic_policy(text: str) -> PolicyDocument:
    """Raises LambdaError InvalidParameter."""
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise invalid(f"Policy Reason: the length is limited to {POLICY_BYTES_MAX} bytes")
    try:
        return parse_policy(text, kind=PolicyKind.RESOURCE)
    except PolicySyntaxError as error:
        raise invalid(f"Policy Error: {error}") from None


def default_policy(arn: str, account_id: str) -> str:
    """That of a topic whose policy nobody set. [LS]

    Its condition is met by no caller of Lambent: whoever is not root needs policies of their own,
    and services a statement that names them.
    """
    statement = {
        "Effect": "Allow",
        "Sid": "__default_statement_ID",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{name}" for name in _ACTIONS],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account_id}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    return json.dumps(policy, separators=(",", ":"))


def parse_config(kept: Mapping[str, str], arn: str, account_id: str) -> TopicConfig:
    """What checked attributes mean."""
    delivery = kept.get("DeliveryPolicy")
    return TopicConfig(
        fifo=kept.get("FifoTopic") == "true",
        content_based_deduplication=kept.get("ContentBasedDeduplication") == "true",
        deduplicates_by_group=kept.get("FifoThroughputScope") == "MessageGroup",
        signature_version=kept.get("SignatureVersion") or "1",
        policy=parse_topic_policy(kept.get("Policy") or default_policy(arn, account_id)),
        delivery=parse_topic_delivery(delivery) if delivery else NO_POLICY,
    )


def describe_attributes(
    kept: Mapping[str, str],
    config: TopicConfig,
    arn: str,
    account_id: str,
    counts: Mapping[str, int],
) -> dict[str, str]:
    """All attributes of a topic, as GetTopicAttributes tells them [LS].

    `counts`: state → how many subscriptions.
    """
    found = {
        "TopicArn": arn,
        "Owner": account_id,
        "DisplayName": kept.get("DisplayName", ""),
        "Policy": kept.get("Policy") or default_policy(arn, account_id),
        "SubscriptionsPending": str(counts.get("pending", 0)),
        "SubscriptionsConfirmed": str(counts.get("confirmed", 0)),
        "SubscriptionsDeleted": str(counts.get("deleted", 0)),
        "EffectiveDeliveryPolicy": to_json(config.delivery.describe_topic()),
    }
    for name in ("DeliveryPolicy", "KmsMasterKeyId", "SignatureVersion", "TracingConfig"):
        if kept.get(name):
            found[name] = kept[name]
    if config.fifo:
        found["FifoTopic"] = "true"
        found["ContentBasedDeduplication"] = kept.get("ContentBasedDeduplication", "false")
        found["FifoThroughputScope"] = kept.get("FifoThroughputScope", "Topic")
    return found


def to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
