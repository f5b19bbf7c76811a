"""ARNs of topics, subscriptions, and of endpoints that are no AWS resources. Pure."""

from __future__ import annotations

import re

from lambent.domain.arns import PARTITION, Account
from lambent.services.sns.errors import invalid

ENDPOINT_SERVICE = "sns-endpoint"
"""[own] The service in the ARN that stands for the HTTP endpoint of a subscription."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ARN = re.compile(
    r"arn:aws[a-z-]*:(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>.+)"
)


def check_topic_name(name: str, *, fifo: bool) -> None:
    """Raises LambdaError InvalidParameter. [LS]"""
    stem = name.removesuffix(".fifo") if fifo else name
    if fifo and (not name.endswith(".fifo") or not _NAME.fullmatch(stem) or len(name) > 256):
        raise invalid(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and"
            " lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1"
            " and 256 characters long."
        )
    if not _NAME.fullmatch(stem):
        raise invalid("Topic Name")


def topic_arn(account: Account, name: str) -> str:
    return f"arn:{PARTITION}:sns:{account.region}:{account.account_id}:{name}"


def endpoint_arn(subscription_arn: str) -> str:
    """What the outbox calls the HTTP endpoint of a subscription."""
    return subscription_arn.replace(":sns:", f":{ENDPOINT_SERVICE}:", 1)


def subscription_of_endpoint(arn: str) -> str:
    """The turn of `endpoint_arn`."""
    return arn.replace(f":{ENDPOINT_SERVICE}:", ":sns:", 1)


def name_of_topic(arn: str, account: Account, parameter: str = "TopicArn") -> str | None:
    """The topic's name; None where it is of another account. Raises LambdaError. [LS]"""
    if arn.count(":") < 5:
        count = arn.count(":") + 1
        raise invalid(f"{parameter} Reason: An ARN must have at least 6 elements, not {count}")
    match = _ARN.fullmatch(arn)
    if match is None or match["service"] != "sns" or match["region"] != account.region:
        raise invalid(parameter)
    return match["name"] if match["account"] == account.account_id else None


def service_of(arn: str) -> str:
    """`sqs`, `lambda`, …; '' where it is no ARN of a resource."""
    match = _ARN.fullmatch(arn)
    return "" if match is None else match["service"]
