"""What may be subscribed to a topic, by protocol. Pure.

Sources: [LS] as in `errors`; SNS Developer Guide, "Message delivery for FIFO topics": queues only.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from lambent.domain.errors import not_supported
from lambent.services.sns.arns import service_of
from lambent.services.sns.errors import invalid

NEAR = ("sqs", "lambda")
"""Confirmed as soon as they are subscribed: they are of this account."""
WEB = ("http", "https")
ABSENT = ("email", "email-json", "sms", "application", "firehose")
ENDPOINT_MAX = 2_048


def check_endpoint(protocol: str, endpoint: str, *, fifo: bool) -> None:
    """Raises LambdaError InvalidParameter, or that the protocol is not supported."""
    if protocol in ABSENT:
        raise not_supported(f"SNS subscriptions by {protocol}")
    if protocol not in (*NEAR, *WEB):
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol[:100]}")
    if not endpoint or len(endpoint) > ENDPOINT_MAX:
        raise invalid("Endpoint")
    if protocol in WEB:
        _check_url(protocol, endpoint)
    elif service_of(endpoint) != protocol:
        raise invalid(f"{'SQS' if protocol == 'sqs' else 'Lambda'} endpoint ARN")
    if fifo and protocol != "sqs":
        raise invalid(
            "Invalid parameter: Endpoint Reason: Only SQS queues can be subscribed to FIFO topics"
        )
    if endpoint.endswith(".fifo") and not fifo and protocol == "sqs":
        raise invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard"
            " SNS topics"
        )


def _check_url(protocol: str, endpoint: str) -> None:
    if not endpoint.startswith(f"{protocol}://"):
        raise invalid("Endpoint must match the specified protocol")
    try:
        parts = urlsplit(endpoint)
        fits = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        raise invalid("Endpoint")
