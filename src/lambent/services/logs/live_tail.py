"""StartLiveTail: what comes into groups, as it comes, once a second.

Source: botocore's model (StartLiveTail, LiveTailSessionUpdate); CloudWatch Logs quotas: 15 sessions
at once, three hours each.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.domain.ids import new_request_id
from lambent.domain.request import EventStreamResult, RequestContext, StreamHandler
from lambent.services.logs import model
from lambent.services.logs.patterns import FilterPattern, parse_filter_pattern
from lambent.store.log_query import StoredChunk
from lambent.store.log_rows import LogGroupNotFound
from lambent.store.logs import LogStore

Params = dict[str, Any]
Events = AsyncGenerator[tuple[str, dict[str, Any]], None]

SESSIONS_MAX = 15
SESSION_S_MAX = 3 * 3_600.0
UPDATE_EVENTS_MAX = 500
UPDATE_INTERVAL_S = 1.0
CHUNKS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What one session shows."""

    groups: Sequence[str]
    streams: frozenset[str]
    """Empty: any."""
    prefixes: tuple[str, ...]
    pattern: FilterPattern | None

    def takes(self, stream: str) -> bool:
        if self.streams:
            return stream in self.streams
        return not self.prefixes or stream.startswith(self.prefixes)


class LiveTail:
    """The sessions of one account."""

    def __init__(self, store: LogStore, account: Account, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._clock = clock
        self._sessions = 0
        self._closing = asyncio.Event()

    @property
    def operations(self) -> Mapping[str, StreamHandler]:
        return {"StartLiveTail": self.start_live_tail}

    def close(self) -> None:
        """End every session."""
        self._closing.set()

    async def start_live_tail(self, params: Params, context: RequestContext) -> EventStreamResult:
        """Its events go on until the caller leaves."""
        names = params.get("logStreamNames") or []
        prefixes = params.get("logStreamNamePrefixes") or []
        identifiers = params["logGroupIdentifiers"]
        if names and prefixes:
            raise model.invalid_parameter(
                "logStreamNames and logStreamNamePrefixes are mutually exclusive parameters."
            )
        if (names or prefixes) and len(identifiers) > 1:
            raise model.invalid_parameter("Log streams can be named only of a single log group.")
        groups = [await self._find_group(identifier) for identifier in identifiers]
        wanted = _Wanted(
            groups=groups,
            streams=frozenset(names),
            prefixes=tuple(prefixes),
            pattern=parse_filter_pattern(params.get("logEventFilterPattern", "")),
        )
        if self._sessions >= SESSIONS_MAX:
            raise LambdaError(
                "LimitExceededException", f"There are {SESSIONS_MAX} Live Tail sessions already."
            )
        start = {
            "requestId": context.request_id,
            "sessionId": new_request_id(),
            "logGroupIdentifiers": identifiers,
            "logStreamNames": names,
            "logStreamNamePrefixes": prefixes,
            "logEventFilterPattern": params.get("logEventFilterPattern", ""),
        }
        after = await self._store.last_number()
        return EventStreamResult("responseStream", self._session(wanted, start, after))

    async def _find_group(self, identifier: str) -> str:
        if not identifier.startswith("arn:") or identifier.endswith(":*"):  # [B] StartLiveTail
            raise model.invalid_parameter(
                "Log groups are named by their ARNs, without an asterisk at the end."
            )
        group = model.parse_group_identifier(identifier, self._account)
        try:
            await self._store.find_tags(group)
        except LogGroupNotFound:
            raise model.group_not_found() from None
        return group

    async def _session(self, wanted: _Wanted, start: dict[str, Any], after: int) -> Events:
        self._sessions += 1
        try:
            yield "sessionStart", start
            ends_s = self._clock.wall_s() + SESSION_S_MAX
            seen = dict.fromkeys(wanted.groups, after)
            while not self._closing.is_set():
                results = []
                for group in wanted.groups:
                    seen[group], found = await self._look(wanted, group, seen[group])
                    results += found
                results.sort(key=lambda event: event["timestamp"])
                shown = results[:: 1 + (len(results) - 1) // UPDATE_EVENTS_MAX] if results else []
                metadata = {"sampled": len(shown) < len(results)}
                yield "sessionUpdate", {"sessionMetadata": metadata, "sessionResults": shown}
                if self._clock.wall_s() >= ends_s:
                    yield "SessionTimeoutException", {"message": "The session lasted three hours."}
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(UPDATE_INTERVAL_S):
                        await self._closing.wait()
        finally:
            self._sessions -= 1

    async def _look(
        self, wanted: _Wanted, group: str, after: int
    ) -> tuple[int, list[dict[str, Any]]]:
        """What came into a group since: up to where, and the events that are shown."""
        identifier = model.group_arn(self._account, group)

        def use(chunks: list[StoredChunk]) -> tuple[int, list[dict[str, Any]]]:
            last = chunks[-1].number if chunks else after
            return last, [
                {
                    "logStreamName": chunk.stream,
                    "logGroupIdentifier": identifier,
                    "message": message,
                    "timestamp": timestamp_ms,
                    "ingestionTime": ingested_ms,
                }
                for chunk in chunks
                if wanted.takes(chunk.stream)
                for timestamp_ms, message, ingested_ms in chunk.events
                if wanted.pattern is None or wanted.pattern.matches(message)
            ]

        try:
            return await self._store.find_chunks(group, after=after, limit=CHUNKS_AT_ONCE, use=use)
        except LogGroupNotFound:
            return after, []
