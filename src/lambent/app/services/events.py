"""EventBridge, with its buses among the targets of what others send."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.services.events import EventBridge


def make_events(around: Around, ties: Ties) -> Service:
    events = EventBridge(
        around.database,
        account=around.account,
        clock=around.clock,
        tasks=around.tasks,
        courier=ties.courier,
    )
    ties.queue.targets["events"] = events.destination
    ties.courier.targets["events"] = events.target
    ties.courier.gates["events"] = events.gate
    return Service(
        name="events",
        operations=events.operations,
        documents=events.documents,
        load=events.load,
        start=events.resume,
        sweep=events.sweep,
        stop=events.stop,
        reset=events.reset,
    )
