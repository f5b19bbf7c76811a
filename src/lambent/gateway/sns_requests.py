"""What is SNS's own at the port: certificates, links that nobody signs, and which topic is meant.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SNS".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.domain.arns import PARTITION, Account
from lambent.http.exchange import Exchange
from lambent.http.message import Request

CERTIFICATES = "/SimpleNotificationService-"
"""What the path of a SigningCertURL begins with."""
UNSIGNED = frozenset({"ConfirmSubscription", "Unsubscribe"})
"""What the links in notifications ask for: whoever has such a link may."""
_OF_TOPIC = ("TopicArn", "TargetArn", "ResourceArn")
_TEXT = (("content-type", "application/x-pem-file"),)


def is_by_link(request: Request, service: str, operation: str) -> bool:
    """Whether it is a link of a notification, which is not signed."""
    signed = b"authorization" in request.raw_headers or "X-Amz-Signature=" in request.query
    return service == "sns" and operation in UNSIGNED and not signed


def topic_resource(params: Mapping[str, Any], account: Account) -> str:
    """The ARN of the topic that a call names; `*` where the reference has no resource."""
    for member in _OF_TOPIC:
        if params.get(member):
            return str(params[member])
    if "Name" in params:
        return f"arn:{PARTITION}:sns:{account.region}:{account.account_id}:{params['Name']}"
    return "*"


def answer_certificate(exchange: Exchange, certificate: str | None) -> None:
    if certificate is None:
        exchange.respond(404, _TEXT, b"")
    else:
        exchange.respond(200, _TEXT, certificate.encode())
