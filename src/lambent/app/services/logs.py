"""CloudWatch Logs, over the store that functions write to; the courier carries events to groups."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.services.logs import Logs
from lambent.services.logs.carrier import LogCarrier


def make_logs(around: Around, ties: Ties) -> Service:
    logs = Logs(
        ties.logs,
        database=around.database,
        courier=ties.courier,
        account=around.account,
        clock=around.clock,
        tasks=around.tasks,
    )
    ties.courier.carriers["logs"] = LogCarrier(ties.logs, around.account, around.clock)
    return Service(
        name="logs",
        operations=logs.operations,
        streams=logs.streams,
        load=logs.load,
        start=logs.start,
        run=logs.expire,
        stop=logs.stop,
        reset=logs.reset,
    )
