"""The queue of events and the outbox's courier; services add themselves to the targets of both."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.control.plane import Plane
from lambent.invoke.invoker import Invoker
from lambent.queue.async_queue import AsyncQueue
from lambent.queue.function_target import FunctionTarget
from lambent.services.delivery.courier import Courier
from lambent.services.delivery.gates import FunctionGate, RoleGate


def make_queue(around: Around, invoker: Invoker, plane: Plane, delay_scale: float) -> AsyncQueue:
    """Asynchronous invocations."""
    return AsyncQueue(
        account=around.account,
        database=around.database,
        invoker=invoker,
        deliveries=plane.deliveries,
        clock=around.clock,
        tasks=around.tasks,
        delay_scale=delay_scale,
    )


def make_courier(around: Around, queue: AsyncQueue, plane: Plane, delay_scale: float) -> Courier:
    """What services send to functions, and to each other."""
    gate = FunctionGate(around.account, plane.functions.get_version, plane.permissions.documents)
    return Courier(
        account=around.account,
        database=around.database,
        clock=around.clock,
        tasks=around.tasks,
        targets={"lambda": FunctionTarget(queue, around.account)},
        gates={"lambda": gate},
        role_gate=RoleGate(plane.role_permissions.may_deliver),
        delay_scale=delay_scale,
    )
