"""Replays: archived events go to their bus once more, in the order of their times.

A batch's messages and the position behind it are one transaction: a replay that a restart cut off
goes on where it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambent.domain.errors import LambdaError, PlatformFault
from lambent.domain.request import Handler, RequestContext
from lambent.services.events import rows
from lambent.services.events.entries import with_replay_name
from lambent.services.events.model import (
    Archive,
    Replay,
    already_exists,
    events_arn,
    invalid_parameter,
    limit_exceeded,
    not_found,
    parse_arn,
)
from lambent.services.events.paging import list_page
from lambent.services.events.router import Router, Routing
from lambent.services.events.state import State
from lambent.tasks import Tasks

Params = dict[str, Any]
Result = dict[str, Any]

BATCH = 100
RUNNING_MAX = 10
"""EventBridge quotas, "Concurrent replays"."""
REPLAYS_MAX = 1_000
"""[own] Those that ended are kept, the latest."""

log = logging.getLogger("lambent")


class Replays:
    """Over the replays of the account."""

    def __init__(self, state: State, router: Router, tasks: Tasks) -> None:
        self._state = state
        self._router = router
        self._tasks = tasks
        self._open = True

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "StartReplay": self.start_replay,
            "CancelReplay": self.cancel_replay,
            "DescribeReplay": self.describe_replay,
            "ListReplays": self.list_replays,
        }

    def resume(self) -> None:
        """Go on with those that a stop cut off."""
        for replay in self._state.replays.values():
            if not replay.ended:
                self._spawn(replay.name)

    def stop(self) -> None:
        """Replay nothing more; what is left goes on after the next start."""
        self._open = False

    async def start_replay(self, params: Params, context: RequestContext) -> Result:
        name = params["ReplayName"]
        from_s, to_s = params["EventStartTime"].timestamp(), params["EventEndTime"].timestamp()
        if from_s >= to_s:
            raise invalid_parameter("EventEndTime", "EventStartTime must be before EventEndTime.")

        def make() -> Replay:
            state = self._state
            if name in state.replays:
                raise already_exists("Replay", name)
            running = sum(not one.ended for one in state.replays.values())
            if running >= RUNNING_MAX or len(state.replays) >= REPLAYS_MAX:
                raise limit_exceeded()
            archive = self._archive_of(params["EventSourceArn"])
            destination = params["Destination"]
            bus = state.bus(destination["Arn"])
            if bus.name != archive.bus:  # [LS]
                raise invalid_parameter(
                    "Destination.Arn", "Cross event bus replay is not permitted."
                )
            return Replay(
                name=name,
                archive=archive.name,
                archive_number=archive.number,
                bus=bus.name,
                filter_arns=tuple(destination.get("FilterArns") or ()),
                description=params.get("Description", ""),
                from_s=from_s,
                to_s=to_s,
                started_s=state.clock.wall_s(),
                position=(from_s, 0),
            )

        replay = await self._state.change(make)
        assert isinstance(replay, Replay)
        self._spawn(name)
        return {
            "ReplayArn": self._arn(name),
            "State": replay.state,
            "ReplayStartTime": replay.started_s,
        }

    async def cancel_replay(self, params: Params, context: RequestContext) -> Result:
        name = params["ReplayName"]

        def make() -> Replay:
            replay = self._replay(name)
            if replay.state not in ("STARTING", "RUNNING"):
                raise _illegal_status(name)
            return replace(replay, state="CANCELLING")

        await self._state.change(make)
        return {"ReplayArn": self._arn(name), "State": "CANCELLING"}

    async def describe_replay(self, params: Params, context: RequestContext) -> Result:
        replay = self._replay(params["ReplayName"])
        destination: Result = {"Arn": self._state.bus_arn(replay.bus)}
        if replay.filter_arns:
            destination["FilterArns"] = list(replay.filter_arns)
        described = {
            **self._describe(replay),
            "ReplayArn": self._arn(replay.name),
            "Destination": destination,
        }
        if replay.description:
            described["Description"] = replay.description
        return described

    async def list_replays(self, params: Params, context: RequestContext) -> Result:
        given = [one for one in ("NamePrefix", "EventSourceArn", "State") if one in params]
        if len(given) > 1:
            raise invalid_parameter("State", f"Only one of {', '.join(given)} may be given.")
        chosen = {
            name: replay
            for name, replay in self._state.replays.items()
            if params.get("State", replay.state) == replay.state
            and params.get("EventSourceArn", self._archive_arn(replay)) == self._archive_arn(replay)
        }
        return list_page(params, "Replays", chosen, lambda name: self._describe(chosen[name]))

    # The driver

    def _spawn(self, name: str) -> None:
        self._tasks.spawn(self._run(name), name=f"replay {name}")

    async def _run(self, name: str) -> None:
        try:
            while self._open and await self._step(name):
                pass
        except PlatformFault as error:
            log.error("replay %s stopped: %s; the next start goes on with it", name, error)

    async def _step(self, name: str) -> bool:
        """One batch; whether there is more to do."""
        replay = self._state.replays.get(name)
        if replay is None or replay.ended:
            return False
        number, position, to_s = replay.archive_number, replay.position, replay.to_s
        found = await self._state.database.read(
            lambda c: rows.load_archived(c, number, position, to_s, BATCH)
        )

        def make() -> tuple[Replay, Routing] | None:
            now = self._state.replays.get(name)  # it may be cancelled by now
            return None if now is None else self._decide(now, found)

        following = await self._state.advance(make)
        return isinstance(following, Replay) and not following.ended

    def _decide(
        self, replay: Replay, found: list[tuple[float, int, str]]
    ) -> tuple[Replay, Routing]:
        """The replay after a batch, and what follows from that."""
        routing = self._router.new_routing()
        if replay.state == "CANCELLING" or not found:
            state = "CANCELLED" if replay.state == "CANCELLING" else "COMPLETED"
            return replace(replay, state=state, ended_s=self._state.clock.wall_s()), routing
        only = frozenset(replay.filter_arns)
        for _, _, archived in found:
            event, text = with_replay_name(json.loads(archived), replay.name)
            self._router.replay(routing, replay.bus, event, text, only)
        time_s, last, _ = found[-1]
        following = replace(replay, state="RUNNING", position=(time_s, last), last_s=time_s)
        return following, routing

    # Helpers

    def _replay(self, name: str) -> Replay:
        found = self._state.replays.get(name)
        if found is None:
            raise not_found("Replay", name)
        return found

    def _archive_of(self, arn: str) -> Archive:
        parsed = parse_arn(self._state.account, arn)
        if parsed is None or parsed[0] != "archive":
            raise invalid_parameter("EventSourceArn", "It must be the ARN of an archive here.")
        found = self._state.archives.get(parsed[1])
        if found is None:
            raise not_found("Archive", parsed[1])
        return found.row

    def _arn(self, name: str) -> str:
        return events_arn(self._state.account, "replay", name)

    def _archive_arn(self, replay: Replay) -> str:
        return events_arn(self._state.account, "archive", replay.archive)

    def _describe(self, replay: Replay) -> Result:
        described: Result = {
            "ReplayName": replay.name,
            "EventSourceArn": self._archive_arn(replay),
            "State": replay.state,
            "EventStartTime": replay.from_s,
            "EventEndTime": replay.to_s,
            "ReplayStartTime": replay.started_s,
        }
        if replay.last_s is not None:
            described["EventLastReplayedTime"] = replay.last_s
        if replay.ended_s is not None:
            described["ReplayEndTime"] = replay.ended_s
        return described


def _illegal_status(name: str) -> LambdaError:
    """The text is unverified."""
    return LambdaError(
        "IllegalStatusException", f"Replay {name} is not in a valid state for this operation."
    )
