"""PutEvents and TestEventPattern."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any

from lambent.domain.errors import not_supported
from lambent.domain.event_pattern import PatternError, parse_pattern
from lambent.domain.request import Handler, RequestContext
from lambent.services.events.entries import EntryRefused, build_event, check_size
from lambent.services.events.model import invalid_parameter, invalid_pattern
from lambent.services.events.router import Router, Routing
from lambent.services.events.state import State

Params = dict[str, Any]
Result = dict[str, Any]

_REQUIRED = ("id", "account", "source", "time", "region", "resources", "detail-type")
"""[B] TestEventPattern: what an event must have."""


class PutOperations:
    """Where events come in."""

    def __init__(self, state: State, router: Router) -> None:
        self._state = state
        self._router = router

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"PutEvents": self.put_events, "TestEventPattern": self.test_event_pattern}

    async def put_events(self, params: Params, context: RequestContext) -> Result:
        """What was accepted is on disk, for every target, before it answers.

        [LS] An event for a bus that does not exist is accepted, and nothing follows from it.
        """
        if "EndpointId" in params:
            raise not_supported("global endpoints")
        entries = params["Entries"]
        check_size(entries)
        routing = self._router.new_routing()
        results = [self._take(entry, routing) for entry in entries]
        await self.commit(routing)
        failed = sum("ErrorCode" in result for result in results)
        return {"FailedEntryCount": failed, "Entries": results}

    async def commit(self, routing: Routing) -> None:
        """Done once everything that follows is on disk."""
        if routing:
            future = self._state.database.submit(routing.write)
            future.add_done_callback(routing.settle_by)
            await asyncio.shield(future)

    def _take(self, entry: Mapping[str, Any], routing: Routing) -> Result:
        event_id = str(uuid.uuid4())
        now_s = self._state.clock.wall_s()
        try:
            event, text = build_event(
                entry, event_id=event_id, account=self._state.account, now_s=now_s
            )
        except EntryRefused as refused:
            return {"ErrorCode": refused.code, "ErrorMessage": refused.message}
        bus = self._state.find_bus(entry.get("EventBusName"))
        if bus is not None:
            trace = entry.get("TraceHeader", "")
            self._router.route(routing, bus.name, event, text, trace=trace)
        return {"EventId": event_id}

    async def test_event_pattern(self, params: Params, context: RequestContext) -> Result:
        """The texts on the event are unverified."""
        try:
            event = json.loads(params["Event"])
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise invalid_parameter("Event", "The event is not a valid JSON object.")
        missing = [name for name in _REQUIRED if name not in event]
        if missing:
            raise invalid_parameter("Event", f"The event has no {', '.join(missing)}.")
        try:
            pattern = parse_pattern(params["EventPattern"])
        except PatternError as error:
            raise invalid_pattern(str(error)) from None
        return {"Result": pattern.matches(event)}
