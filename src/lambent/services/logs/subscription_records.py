"""What subscriptions send: the record of CloudWatch Logs, gzipped. Pure.

Source: Lambda Developer Guide, "Process Amazon CloudWatch Logs with Lambda"; CloudWatch Logs User
Guide, "Log group-level subscription filters".
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lambent.domain.arns import Account
from lambent.services.logs.filter_rows import Filter
from lambent.services.logs.model import format_event_id
from lambent.services.logs.patterns import FilterPattern
from lambent.store.log_query import Position, StoredChunk

RECORD_CHARS_MAX = 512 * 1024
"""[own] Of a record before compression: even what does not compress fits an event of 1 MB."""
EVENTS_MAX = 10_000
EVENT_EXTRA_CHARS = 120


def build_records(
    account: Account, one: Filter, pattern: FilterPattern | None, chunks: Sequence[StoredChunk]
) -> list[str]:
    """The payloads for a function, in the order of the events; one stream in each."""
    return [
        _pack(account, one, stream, events) for stream, events in _runs(_matching(chunks, pattern))
    ]


def _matching(
    chunks: Iterable[StoredChunk], pattern: FilterPattern | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(stream, log event) of those that are meant."""
    for chunk in chunks:
        for ordinal, (timestamp_ms, message, _) in enumerate(chunk.events, chunk.first_ordinal):
            if pattern is None or pattern.matches(message):
                place = Position(timestamp_ms, chunk.stream_id, ordinal)
                yield (
                    chunk.stream,
                    {"id": format_event_id(place), "timestamp": timestamp_ms, "message": message},
                )


def _runs(
    events: Iterable[tuple[str, dict[str, Any]]],
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    run: list[dict[str, Any]] = []
    of, chars = "", 0
    for stream, event in events:
        size = len(event["message"].encode("utf-8", "replace")) + EVENT_EXTRA_CHARS
        full = chars + size > RECORD_CHARS_MAX or len(run) >= EVENTS_MAX
        if run and (stream != of or full):
            yield of, run
            run, chars = [], 0
        of = stream
        run.append(event)
        chars += size
    if run:
        yield of, run


def _pack(account: Account, one: Filter, stream: str, events: list[dict[str, Any]]) -> str:
    record = {
        "messageType": "DATA_MESSAGE",
        "owner": account.account_id,
        "logGroup": one.group,
        "logStream": stream,
        "subscriptionFilters": [one.name],
        "logEvents": events,
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    data = gzip.compress(text.encode("utf-8", "replace"), compresslevel=6, mtime=0)
    return json.dumps({"awslogs": {"data": base64.b64encode(data).decode()}})
