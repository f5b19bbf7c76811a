"""CloudWatch Logs' operations."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.request import Handler, RequestContext, StreamHandler
from lambent.services.delivery.courier import Courier
from lambent.services.logs import model
from lambent.services.logs.filter_operations import FilterOperations
from lambent.services.logs.filter_rows import Kind
from lambent.services.logs.filters import Filters
from lambent.services.logs.group_settings import GroupSettings
from lambent.services.logs.live_tail import LiveTail
from lambent.services.logs.patterns import parse_filter_pattern
from lambent.services.logs.put import decide_put
from lambent.services.logs.subscriptions import Subscriptions
from lambent.store.database import Database
from lambent.store.log_query import TIME_MAX, EventQuery, LogGroup, Position
from lambent.store.log_rows import (
    LogGroupExists,
    LogGroupNotFound,
    LogStreamExists,
    LogStreamNotFound,
)
from lambent.store.logs import LogStore
from lambent.tasks import Tasks

log = logging.getLogger("lambent")

T = TypeVar("T")
Params = dict[str, Any]
Result = dict[str, Any]

EVENTS_MAX = 10_000
PAGE_MAX = 50
EXPIRE_INTERVAL_S = 3_600.0
_DESCENDING_SINCE_MS = 1_704_067_200_000  # [B] FilterLogEvents.startFromHead: 2024-01-01


class Logs:
    """Over the store that running functions write to."""

    def __init__(
        self,
        store: LogStore,
        *,
        database: Database,
        courier: Courier,
        account: Account,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._clock = clock
        self._filters = Filters(database, account)
        self.subscriptions = Subscriptions(
            store, self._filters, courier, account=account, clock=clock, tasks=tasks
        )
        self._filter_operations = FilterOperations(store, self._filters, self.subscriptions, clock)
        self._settings = GroupSettings(store)
        self._live_tail = LiveTail(store, account, clock)

    async def load(self) -> None:
        """Every filter, from the disk."""
        await self._filters.load()

    def start(self) -> None:
        """Go on with what subscriptions have not sent."""
        self.subscriptions.start()

    def stop(self) -> None:
        """End every Live Tail session, and send nothing more to subscribers."""
        self._live_tail.close()
        self.subscriptions.stop()

    @property
    def streams(self) -> Mapping[str, StreamHandler]:
        """The operations whose results are streams."""
        return self._live_tail.operations

    async def reset(self) -> None:
        """Forget every filter; the store is cleared by its owner."""
        await self._filters.clear()

    async def expire(self) -> None:
        """Delete what no group keeps any more, every hour, for ever; a task of the app."""
        while True:
            try:
                await self._store.expire()
            except sqlite3.Error as error:
                log.error("old log events could not be deleted: %s", error)
            await asyncio.sleep(EXPIRE_INTERVAL_S)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            **self._filter_operations.operations,
            **self._settings.operations,
            "CreateLogGroup": self.create_log_group,
            "DeleteLogGroup": self.delete_log_group,
            "DescribeLogGroups": self.describe_log_groups,
            "CreateLogStream": self.create_log_stream,
            "DeleteLogStream": self.delete_log_stream,
            "DescribeLogStreams": self.describe_log_streams,
            "PutLogEvents": self.put_log_events,
            "GetLogEvents": self.get_log_events,
            "FilterLogEvents": self.filter_log_events,
        }

    # Groups

    async def create_log_group(self, params: Params, context: RequestContext) -> Result:
        if "kmsKeyId" in params:
            raise not_supported("encryption of log groups")
        if params.get("logGroupClass", "STANDARD") != "STANDARD":
            raise not_supported(f"the log group class {params['logGroupClass']}")
        if params.get("deletionProtectionEnabled"):
            raise not_supported("deletion protection of log groups")
        name = params["logGroupName"]
        await _translated(self._store.create_group(name, tags=params.get("tags")))
        return {}

    async def delete_log_group(self, params: Params, context: RequestContext) -> Result:
        name = params["logGroupName"]
        await self._filters.remove_group(name)
        await _translated(self._store.delete_group(name))
        return {}

    async def describe_log_groups(self, params: Params, context: RequestContext) -> Result:
        prefix, pattern = params.get("logGroupNamePrefix"), params.get("logGroupNamePattern")
        if prefix and pattern:
            raise model.invalid_parameter(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        if params.get("logGroupClass", "STANDARD") != "STANDARD":
            return {"logGroups": []}
        if "logGroupIdentifiers" in params:
            return await self._describe_named_groups(params["logGroupIdentifiers"], context)
        after = model.decode_token(params["nextToken"]) if "nextToken" in params else ""
        groups, more = await self._store.describe_groups(
            prefix=prefix or "",
            pattern=pattern or "",
            after=after,
            limit=params.get("limit", PAGE_MAX),
        )
        result: Result = {
            "logGroups": [
                self._describe_group(group, context.account, brief=bool(pattern))
                for group in groups
            ]
        }
        if more:
            result["nextToken"] = model.encode_token(groups[-1].name)
        return result

    async def _describe_named_groups(
        self, identifiers: list[str], context: RequestContext
    ) -> Result:
        names = {model.parse_group_identifier(item, context.account) for item in identifiers}
        found = []
        for name in sorted(names):
            groups, _ = await self._store.describe_groups(prefix=name, limit=1)
            found += [group for group in groups if group.name == name]
        account = context.account
        return {"logGroups": [self._describe_group(group, account, brief=False) for group in found]}

    def _describe_group(self, group: LogGroup, account: Account, *, brief: bool) -> Result:
        count = len(self._filters.of(Kind.METRIC, group.name))
        return model.describe_group(group, account, brief=brief, metric_filters=count)

    # Streams

    async def create_log_stream(self, params: Params, context: RequestContext) -> Result:
        group, stream = params["logGroupName"], params["logStreamName"]
        await _translated(self._store.create_stream(group, stream))
        return {}

    async def delete_log_stream(self, params: Params, context: RequestContext) -> Result:
        group, stream = params["logGroupName"], params["logStreamName"]
        await _translated(self._store.delete_stream(group, stream))
        return {}

    async def describe_log_streams(self, params: Params, context: RequestContext) -> Result:
        group = _group_name(params, context)
        by_time = params.get("orderBy") == "LastEventTime"
        if by_time and "logStreamNamePrefix" in params:
            raise model.invalid_parameter(
                "Cannot order by LastEventTime with a logStreamNamePrefix."
            )
        offset = _parse_offset(params.get("nextToken"))
        streams, more = await _translated(
            self._store.describe_streams(
                group,
                prefix=params.get("logStreamNamePrefix", ""),
                by_time=by_time,
                descending=params.get("descending", False),
                offset=offset,
                limit=params.get("limit", PAGE_MAX),
            )
        )
        result: Result = {
            "logStreams": [
                model.describe_stream(stream, group, context.account) for stream in streams
            ]
        }
        if more:
            result["nextToken"] = model.encode_token(f"streams/{offset + len(streams)}")
        return result

    # Events

    async def put_log_events(self, params: Params, context: RequestContext) -> Result:
        """On disk before it answers. The sequence token is ignored, as AWS does since 2023."""
        accepted = decide_put(
            params["logEvents"],
            now_ms=int(self._clock.wall_s() * 1000),
            kept_days=self._store.retention_days(params["logGroupName"]),
        )
        group, stream = params["logGroupName"], params["logStreamName"]
        await _translated(self._store.put_events(group, stream, accepted.events))
        result: Result = {"nextSequenceToken": f"{secrets.randbelow(10**56):056d}"}
        if accepted.rejected:
            result["rejectedLogEventsInfo"] = accepted.rejected
        return result

    async def get_log_events(self, params: Params, context: RequestContext) -> Result:
        after, backward = None, not params.get("startFromHead", False)
        if "nextToken" in params:
            after, backward = model.parse_event_token(params["nextToken"])
        query = EventQuery(
            group=_group_name(params, context),
            streams=(params["logStreamName"],),
            start_ms=min(params.get("startTime", 0), TIME_MAX),
            end_ms=min(params.get("endTime", TIME_MAX), TIME_MAX),
            after=after,
            backward=backward,
            limit=params.get("limit", EVENTS_MAX),
        )
        events = (await _translated(self._store.find_events(query))).events
        if backward:
            events.reverse()
        here = after or model.FIRST  # nothing was found: the tokens stay where they were
        first, last = (events[0].position, events[-1].position) if events else (here, here)
        return {
            "events": [model.describe_output_event(event) for event in events],
            "nextForwardToken": f"f/{model.format_event_id(last)}",
            "nextBackwardToken": f"b/{model.format_event_id(first)}",
        }

    async def filter_log_events(self, params: Params, context: RequestContext) -> Result:
        """`interleaved` is taken for true, searchedLogStreams is empty, as on AWS since 2019."""
        if "logStreamNames" in params and "logStreamNamePrefix" in params:
            raise model.invalid_parameter(
                "logStreamNames and logStreamNamePrefix are mutually exclusive parameters."
            )
        names = params.get("logStreamNames")
        after, backward = self._parse_filter_start(params)
        pattern = parse_filter_pattern(params.get("filterPattern", ""))
        query = EventQuery(
            group=_group_name(params, context),
            streams=None if names is None else tuple(names),
            stream_prefix=params.get("logStreamNamePrefix"),
            start_ms=min(params.get("startTime", 0), TIME_MAX),
            end_ms=min(params.get("endTime", TIME_MAX), TIME_MAX - 1) + 1,  # inclusive here
            after=after,
            backward=backward,
            limit=params.get("limit", EVENTS_MAX),
            matches=None if pattern is None else pattern.matches,
        )
        page = await _translated(self._store.find_events(query))
        result: Result = {
            "events": [model.describe_filtered_event(event) for event in page.events],
            "searchedLogStreams": [],
        }
        if page.more_after is not None:
            result["nextToken"] = model.format_page_token(page.more_after, backward=backward)
        return result

    def _parse_filter_start(self, params: Params) -> tuple[Position | None, bool]:
        """Where FilterLogEvents begins and whether it goes backward."""
        if "nextToken" in params:
            return model.parse_page_token(params["nextToken"])
        backward = not params.get("startFromHead", True)
        if backward and params.get("startTime", 0) < _DESCENDING_SINCE_MS:
            raise model.invalid_parameter(
                "startFromHead can be false only with a startTime on or after"
                " January 1, 2024 00:00:00 UTC."
            )
        return None, backward


def _group_name(params: Params, context: RequestContext) -> str:
    """The group that the call is about, by name or by identifier.

    Source of the text: LocalStack's recordings of AWS, test_logs_streams.snapshot.json.
    """
    name, identifier = params.get("logGroupName"), params.get("logGroupIdentifier")
    if name is not None and identifier is not None:
        raise LambdaError(
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )
    if name is not None:
        return str(name)
    if identifier is None:
        raise model.invalid_parameter("Either logGroupName or logGroupIdentifier is required.")
    return model.parse_group_identifier(identifier, context.account)


def _parse_offset(token: str | None) -> int:
    if token is None:
        return 0
    kind, _, digits = model.decode_token(token).partition("/")
    if kind != "streams" or not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise model.invalid_token()
    return int(digits)


async def _translated(call: Awaitable[T]) -> T:
    """The store's refusals in AWS's words."""
    try:
        return await call
    except LogGroupNotFound:
        raise model.group_not_found() from None
    except LogStreamNotFound:
        raise model.stream_not_found() from None
    except LogGroupExists:
        raise model.group_exists() from None
    except LogStreamExists:
        raise model.stream_exists() from None
