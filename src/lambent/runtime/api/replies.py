"""What the APIs inside an environment answer, as values.

Bodies and types as AWS's own agent has them. Source: the published Runtime Interface Emulator
(facts, mark RIE) and the Runtime API's OpenAPI document.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from lambent.domain.limits import EXTENSIONS_MAX, RESPONSE_BYTES_MAX

Header = tuple[str, str]
JSON: tuple[Header, ...] = (("Content-Type", "application/json"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


def refusal(status: int, error_type: str, message: str) -> Reply:
    body = json.dumps(
        {"errorMessage": message, "errorType": error_type}, separators=(",", ":")
    ).encode()
    return Reply(status, JSON, body + b"\n")


def wrong_state(
    current: str, wanted: str, who: str = "runtime", error_type: str = "InvalidStateTransition"
) -> Reply:
    """A call that does not follow the one before it."""
    return refusal(
        403,
        error_type,
        f"State transition from {current} to {wanted} failed for {who}. "
        "Error: State transition is not allowed",
    )


ACCEPTED = Reply(202, JSON, b'{"status":"OK"}\n')
INVALID_REQUEST_ID = refusal(400, "InvalidRequestID", "Invalid request ID")
TOO_LARGE = refusal(
    413,
    "RequestEntityTooLarge",
    f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).",
)
INVALID_RESPONSE_MODE = refusal(
    400, "Runtime.InvalidResponseModeHeader", "Invalid response mode header"
)
"""The text is unverified."""
NOT_FOUND = Reply(404, (("Content-Type", "text/plain; charset=utf-8"),), b"404 page not found\n")
METHOD_NOT_ALLOWED = Reply(405, (), b"")
PONG = Reply(200, (), b"pong")

# The Telemetry and Logs APIs

SUBSCRIBED = Reply(200, JSON, b'"OK"')


def not_supported(api: str) -> Reply:
    """As AWS's emulator answers, which tells nobody anything either."""
    return refusal(202, f"{api}.NotSupported", f"{api} API is not supported")


def subscription_closed(api: str) -> Reply:
    """After the init; unverified."""
    return refusal(403, f"{api}.SubscriptionClosed", f"{api} API subscription is closed already")


def other_api(api: str, name: str, other: str) -> Reply:
    """An extension has one of them; unverified."""
    return refusal(
        403,
        f"{api}.AccessDenied",
        f"The extension {name} is already subscribed to the {other}API. "
        "You must either subscribe to the LogsAPI or the TelemetryAPI",
    )


def too_many_subscriptions(api: str, most: int) -> Reply:
    return refusal(403, f"{api}.AccessDenied", f"Subscription limit ({most}) reached")


# The Extensions API

EMPTY_NAME = refusal(403, "Extension.InvalidExtensionName", "Empty extension name")
REGISTRATION_CLOSED = refusal(
    403, "Extension.RegistrationClosed", "Extension registration closed already"
)
NAME_TAKEN = refusal(
    403, "Extension.InvalidExtensionState", "Extension with this name already registered"
)
TOO_MANY_EXTENSIONS = refusal(
    403, "Extension.TooManyExtensions", f"Extension limit ({EXTENSIONS_MAX}) reached"
)
NO_IDENTIFIER = refusal(
    403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"
)
INVALID_IDENTIFIER = refusal(
    403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"
)
UNKNOWN_IDENTIFIER = refusal(
    403, "Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier"
)
NO_ERROR_TYPE = refusal(
    403, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"
)


def invalid_event(text: str) -> Reply:
    return refusal(403, "Extension.InvalidEventType", text)


def invalid_format(text: str) -> Reply:
    return refusal(403, "InvalidRequestFormat", text)
