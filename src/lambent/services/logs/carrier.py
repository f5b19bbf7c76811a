"""Log groups as targets of EventBridge's rules: each event becomes a log event of its own.

Source: EventBridge User Guide, "Amazon CloudWatch Logs as a target": what a transformer makes must
be an object of `timestamp` and `message`; anything else is logged as it is. The names of AWS's
streams are not documented; here there is one a day.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.services.delivery.courier import Undeliverable
from lambent.store.log_rows import LogGroupNotFound, LogStreamExists, LogStreamNotFound
from lambent.store.logs import LogStore
from lambent.store.outbox import OutboxMessage


class LogCarrier:
    """`services.delivery.courier.Carrier`."""

    def __init__(self, store: LogStore, account: Account, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._clock = clock

    async def carry(self, message: OutboxMessage) -> None:
        """On disk when it returns. A group that is not there takes nothing."""
        group = self._group(message.target_arn)
        now_s = self._clock.wall_s()
        stream = datetime.fromtimestamp(now_s, UTC).strftime("events/%Y-%m-%d")
        event = parse_event(message.body, int(now_s * 1000))
        try:
            try:
                await self._store.put_events(group, stream, [event])
            except LogStreamNotFound:
                await self._make_stream(group, stream)
                await self._store.put_events(group, stream, [event])
        except LogGroupNotFound:
            raise Undeliverable("The specified log group does not exist") from None

    def _group(self, arn: str) -> str:
        prefix = f"arn:aws:logs:{self._account.region}:{self._account.account_id}:log-group:"
        if not arn.startswith(prefix):
            raise Undeliverable("The target is no log group of this account")
        return arn.removeprefix(prefix).removesuffix(":*")

    async def _make_stream(self, group: str, stream: str) -> None:
        try:
            await self._store.create_stream(group, stream)
        except LogStreamExists:  # another message was first
            return


def parse_event(body: str, now_ms: int) -> tuple[int, str]:
    """Time and text of the log event."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return now_ms, body
    if isinstance(parsed, dict) and parsed.keys() == {"timestamp", "message"}:
        timestamp, text = parsed["timestamp"], parsed["message"]
        if isinstance(timestamp, int) and 0 <= timestamp <= now_ms and isinstance(text, str):
            return timestamp, text
    return now_ms, body
