"""PutEvents' entries: what of them is taken, and the events that they become. Pure.

Sources: [LS] test_events.snapshot.json (codes and texts); botocore's model and EventBridge User
Guide, "Calculating PutEvents event entry size" (sizes; all entries together less than 1 MB).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from lambent.domain.arns import Account
from lambent.services.events.inputs import compact
from lambent.services.events.model import invalid

Entry = Mapping[str, Any]

ENTRIES_BYTES_MAX = 1_048_576
TIME_BYTES = 14
DETAIL_TYPE_MAX = 128  # [B] PutEventsRequestEntry


class EntryRefused(Exception):
    """One entry fails; the others go on."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check_size(entries: Sequence[Entry]) -> None:
    """Raises LambdaError ValidationException."""
    if sum(size_of(entry) for entry in entries) >= ENTRIES_BYTES_MAX:
        raise invalid("Total size of the entries in the request is over the limit.")


def size_of(entry: Entry) -> int:
    """In bytes."""
    texts = [entry.get(name, "") for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or ()
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return size + (TIME_BYTES if "Time" in entry else 0)


def build_event(
    entry: Entry, *, event_id: str, account: Account, now_s: float
) -> tuple[dict[str, Any], str]:
    """The event, and its JSON. Raises EntryRefused."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            raise EntryRefused(
                "InvalidArgument",
                f"Parameter {name} is not valid. Reason: {name} is a required argument.",
            )
    if entry["Source"].startswith("aws."):
        raise EntryRefused("NotAuthorizedForSourceException", "Not authorized for the source.")
    if len(entry["DetailType"]) > DETAIL_TYPE_MAX:
        raise EntryRefused(
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: DetailType must have length less than or"
            f" equal to {DETAIL_TYPE_MAX}.",
        )
    moment = entry.get("Time") or datetime.fromtimestamp(now_s, UTC)
    event = envelope(
        event_id=event_id,
        detail_type=entry["DetailType"],
        source=entry["Source"],
        account=account,
        time=format_time(moment),
        resources=list(entry.get("Resources") or ()),
        detail=_parse_detail(entry["Detail"]),
    )
    try:
        text = json.dumps(event, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()  # half of a pair of surrogates is no text
    except (ValueError, RecursionError):
        raise _malformed() from None
    return event, text


def envelope(
    *,
    event_id: str,
    detail_type: str,
    source: str,
    account: Account,
    time: str,
    resources: list[str],
    detail: Any,
) -> dict[str, Any]:
    """An event, its fields in AWS's order."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": detail_type,
        "source": source,
        "account": account.account_id,
        "time": time,
        "region": account.region,
        "resources": resources,
        "detail": detail,
    }


def with_replay_name(event: Mapping[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """[LS] A replayed event tells of it, after its region."""
    replayed: dict[str, Any] = {}
    for key, value in event.items():
        replayed[key] = value
        if key == "region":
            replayed["replay-name"] = name
    replayed.setdefault("replay-name", name)
    return replayed, compact(replayed)


def format_time(moment: datetime) -> str:
    """ISO 8601 in seconds, as in every event."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_detail(text: str) -> dict[str, Any]:
    try:
        detail = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _malformed() from None
    if not isinstance(detail, dict):
        raise _malformed()
    return detail


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _malformed() -> EntryRefused:
    return EntryRefused("MalformedDetail", "Detail is malformed.")
