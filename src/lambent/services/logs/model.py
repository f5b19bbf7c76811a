"""CloudWatch Logs' values on the wire: ARNs, event ids, tokens, answers, errors."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from lambent.domain.arns import PARTITION, Account
from lambent.domain.errors import LambdaError
from lambent.store.log_query import LogEvent, LogGroup, LogStreamInfo, Position

_ID_DIGITS = 56
_EVENT_TOKEN = re.compile(rf"(?P<direction>[fb])/(?P<id>[0-9]{{{_ID_DIGITS}}})(?:/s)?")
_PAGE_TOKEN = re.compile(rf"(?P<direction>[ad])/(?P<id>[0-9]{{{_ID_DIGITS}}})")
_TIME_SHIFT, _STREAM_SHIFT = 144, 64
_GROUP_ARN = re.compile(
    r"arn:aws[a-z-]*:logs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):log-group:(?P<name>[^:*]+)(?::\*)?"
)


def group_arn(account: Account, name: str) -> str:
    return f"arn:{PARTITION}:logs:{account.region}:{account.account_id}:log-group:{name}"


def parse_group_identifier(identifier: str, account: Account) -> str:
    """The group's name from a name or an ARN. Raises LambdaError."""
    if not identifier.startswith("arn:"):
        return identifier
    match = _GROUP_ARN.fullmatch(identifier)
    if match is None:
        raise invalid_parameter("Invalid log group ARN.")
    if (match["region"], match["account"]) != (account.region, account.account_id):
        raise group_not_found()
    return match["name"]


def format_event_id(position: Position) -> str:
    """56 digits that grow with the event's place, as AWS's do."""
    timestamp_ms, stream_id, ordinal = position
    number = timestamp_ms << _TIME_SHIFT | stream_id << _STREAM_SHIFT | ordinal
    return f"{number:0{_ID_DIGITS}d}"


def parse_event_id(digits: str) -> Position:
    number = int(digits)
    stream_bits = _TIME_SHIFT - _STREAM_SHIFT
    position = Position(
        number >> _TIME_SHIFT,
        number >> _STREAM_SHIFT & (1 << stream_bits) - 1,
        number & (1 << _STREAM_SHIFT) - 1,
    )
    if max(position) >= 1 << 62:
        raise invalid_token()
    return position


FIRST = Position(0, 0, 0)
"""Before every event."""


def parse_event_token(token: str) -> tuple[Position, bool]:
    """(position, whether it goes backward) of GetLogEvents' nextToken. Raises LambdaError."""
    match = _EVENT_TOKEN.fullmatch(token)
    if match is None:
        raise invalid_token()
    return parse_event_id(match["id"]), match["direction"] == "b"


def format_page_token(position: Position, *, backward: bool) -> str:
    """FilterLogEvents' nextToken, which also keeps the direction; opaque to callers."""
    return encode_token(f"{'d' if backward else 'a'}/{format_event_id(position)}")


def parse_page_token(token: str) -> tuple[Position, bool]:
    match = _PAGE_TOKEN.fullmatch(decode_token(token))
    if match is None:
        raise invalid_token()
    return parse_event_id(match["id"]), match["direction"] == "d"


def encode_token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str) -> str:
    """What `encode_token` was given. Raises LambdaError."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error):
        raise invalid_token() from None


def describe_group(
    group: LogGroup, account: Account, *, brief: bool, metric_filters: int = 0
) -> dict[str, Any]:
    """A LogGroup; `brief` as for a search by pattern.

    Source: LocalStack's recordings of AWS, test_logs_groups.snapshot.json (2026-02-03).
    """
    arn = group_arn(account, group.name)
    described: dict[str, Any] = {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": metric_filters,
        "arn": f"{arn}:*",
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
    }
    if group.retention_days is not None:
        described["retentionInDays"] = group.retention_days
    if not brief:
        described |= {"storedBytes": group.stored_bytes, "deletionProtectionEnabled": False}
    return described


def describe_stream(stream: LogStreamInfo, group: str, account: Account) -> dict[str, Any]:
    """A LogStream; times only where it has events. storedBytes is 0 since 2019, as on AWS."""
    described: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": f"{group_arn(account, group)}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    if stream.last_ts is not None:
        described |= {
            "firstEventTimestamp": stream.first_ts,
            "lastEventTimestamp": stream.last_ts,
            "lastIngestionTime": stream.last_ingested_ms,
            "uploadSequenceToken": format_event_id(Position(stream.last_ts, 0, 0)),
        }
    return described


def describe_output_event(event: LogEvent) -> dict[str, Any]:
    return {
        "timestamp": event.position.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
    }


def describe_filtered_event(event: LogEvent) -> dict[str, Any]:
    return {
        "logStreamName": event.stream,
        "timestamp": event.position.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
        "eventId": format_event_id(event.position),
    }


def invalid_parameter(message: str) -> LambdaError:
    return LambdaError("InvalidParameterException", message)


def invalid_token() -> LambdaError:
    return invalid_parameter("The specified nextToken is invalid.")


def group_not_found() -> LambdaError:
    return LambdaError("ResourceNotFoundException", "The specified log group does not exist.")


def stream_not_found() -> LambdaError:
    return LambdaError("ResourceNotFoundException", "The specified log stream does not exist.")


def group_exists() -> LambdaError:
    return LambdaError("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> LambdaError:
    return LambdaError("ResourceAlreadyExistsException", "The specified log stream already exists")
