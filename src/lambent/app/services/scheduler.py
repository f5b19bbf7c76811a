"""EventBridge Scheduler, which sends in the name of its schedules' roles."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.services.scheduler import Scheduler


def make_scheduler(around: Around, ties: Ties) -> Service:
    scheduler = Scheduler(
        around.database,
        account=around.account,
        clock=around.clock,
        tasks=around.tasks,
        courier=ties.courier,
        may_assume=ties.plane.role_permissions.may_assume,
    )
    return Service(
        name="scheduler",
        operations=scheduler.operations,
        load=scheduler.load,
        start=scheduler.start,
        stop=scheduler.stop,
        reset=scheduler.reset,
    )
