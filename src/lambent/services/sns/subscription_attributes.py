"""A subscription's attributes: which there are, what they may hold, what they mean. Pure.

Sources: [B] botocore's model of SNS, Subscribe; [LS] as in `errors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lambent.domain.errors import not_supported
from lambent.services.sns.arns import service_of
from lambent.services.sns.delivery_policy import NO_POLICY, DeliveryPolicy, parse_delivery
from lambent.services.sns.errors import invalid
from lambent.services.sns.filter_policy import ATTRIBUTES, Filter, check_scope, parse_filter

IN_SUBSCRIBE = "Attributes Reason: "
SETTABLE = frozenset(
    ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
)
ABSENT = ("ReplayPolicy", "SubscriptionRoleArn")
RAW_PROTOCOLS = frozenset(("sqs", "http", "https"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionConfig:
    """What a subscription's attributes mean."""

    raw: bool = False
    filter: Filter | None = None
    dead_letter_arn: str = ""
    delivery: DeliveryPolicy = NO_POLICY


def check_attribute(name: str, value: str, *, protocol: str, fifo: bool, within: str = "") -> str:
    """The value as it is kept; '' where it goes. Raises LambdaError."""
    if name in ABSENT:
        raise not_supported(f"the attribute {name} of SNS subscriptions")
    if name not in SETTABLE:
        raise invalid("AttributeName")
    if name == "FilterPolicyScope":
        check_scope(value, within=within)
    elif name == "RawMessageDelivery":
        if value.lower() not in ("true", "false"):  # [LS]
            raise invalid(
                f"{within}RawMessageDelivery: Invalid value [{value[:100]}]. Must be true or false."
            )
        if value.lower() == "true" and protocol not in RAW_PROTOCOLS:
            raise invalid(
                f"{within}RawMessageDelivery: Delivery protocol [{protocol}] does not support raw"
                " message delivery."
            )
        return value.lower()
    elif name == "RedrivePolicy" and value:
        parse_redrive(value, fifo=fifo, within=within)
    elif name == "DeliveryPolicy" and value:
        if protocol not in ("http", "https"):
            raise invalid(f"{within}Delivery policy is only for HTTP and HTTPS endpoints")
        parse_delivery(value)
    return value


def parse_redrive(text: str, *, fifo: bool, within: str = "") -> str:
    """The dead-letter queue's ARN. Raises LambdaError. [LS] but for the kind of queue."""
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict):
        raise invalid(f"{within}RedrivePolicy: failed to parse JSON.")
    arn = policy.get("deadLetterTargetArn")
    if not isinstance(arn, str) or set(policy) != {"deadLetterTargetArn"}:
        raise invalid(f"{within}RedrivePolicy: must be a JSON object with deadLetterTargetArn")
    if service_of(arn) != "sqs":
        raise invalid(f"{within}RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if arn.endswith(".fifo") and not fifo:
        raise invalid(
            f"{within}RedrivePolicy: must use a dead-letter queue of the same type as the topic"
        )
    return arn


def parse_config(kept: Mapping[str, str], *, fifo: bool, within: str = "") -> SubscriptionConfig:
    """What checked attributes mean. Raises LambdaError where the filter does not fit its scope."""
    scope = kept.get("FilterPolicyScope") or ATTRIBUTES
    redrive, delivery = kept.get("RedrivePolicy"), kept.get("DeliveryPolicy")
    return SubscriptionConfig(
        raw=kept.get("RawMessageDelivery") == "true",
        filter=parse_filter(kept.get("FilterPolicy", ""), scope, within=within),
        dead_letter_arn=parse_redrive(redrive, fifo=fifo) if redrive else "",
        delivery=parse_delivery(delivery) if delivery else NO_POLICY,
    )
