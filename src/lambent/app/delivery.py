"""The queue of events and the outbox's courier, with every target that this process has."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lambent.clock import Clock
from lambent.control.plane import Plane
from lambent.domain.arns import Account
from lambent.invoke.invoker import Invoker
from lambent.policy.document import PolicyDocument
from lambent.queue.async_queue import AsyncQueue
from lambent.queue.function_target import FunctionTarget
from lambent.services.delivery.courier import Courier
from lambent.services.delivery.gates import FunctionGate, PolicyGate, RoleGate
from lambent.services.events import EventBridge
from lambent.services.logs import Logs
from lambent.services.logs.carrier import LogCarrier
from lambent.services.scheduler import Scheduler
from lambent.services.sns import Sns
from lambent.services.sqs import Sqs
from lambent.store.database import Database
from lambent.store.logs import LogStore
from lambent.tasks import Tasks


class Around(NamedTuple):
    """What both work with."""

    account: Account
    database: Database
    clock: Clock
    tasks: Tasks


def make_queue(
    around: Around, invoker: Invoker, plane: Plane, sqs: Sqs, delay_scale: float
) -> AsyncQueue:
    """Asynchronous invocations; a service that takes their records adds itself to `targets`."""
    return AsyncQueue(
        account=around.account,
        database=around.database,
        invoker=invoker,
        deliveries=plane.deliveries,
        clock=around.clock,
        tasks=around.tasks,
        delay_scale=delay_scale,
        targets={"sqs": sqs.target},
    )


def make_courier(
    around: Around, queue: AsyncQueue, plane: Plane, sqs: Sqs, logs: LogStore, delay_scale: float
) -> Courier:
    """Functions, queues, log groups; a later service adds itself to `targets` and `gates`."""

    def queue_documents(arn: str) -> list[PolicyDocument] | None:
        return None if sqs.local.config(arn) is None else sqs.documents(arn)

    return Courier(
        account=around.account,
        database=around.database,
        clock=around.clock,
        tasks=around.tasks,
        targets={"lambda": FunctionTarget(queue, around.account), "sqs": sqs.target},
        gates={
            "lambda": FunctionGate(
                around.account, plane.functions.get_version, plane.permissions.documents
            ),
            "sqs": PolicyGate(
                around.account, queue_documents, kind="queue", action="sqs:SendMessage"
            ),
        },
        carriers={"logs": LogCarrier(logs, around.account, around.clock)},
        role_gate=RoleGate(plane.role_permissions.may_deliver),
        delay_scale=delay_scale,
    )


def make_events(around: Around, queue: AsyncQueue, courier: Courier) -> EventBridge:
    """EventBridge, with its buses among the targets of both."""
    events = EventBridge(
        around.database,
        account=around.account,
        clock=around.clock,
        tasks=around.tasks,
        courier=courier,
    )
    queue.targets["events"] = events.destination
    courier.targets["events"] = events.target
    courier.gates["events"] = events.gate
    return events


def make_sns(around: Around, queue: AsyncQueue, courier: Courier, root: Path) -> Sns:
    """SNS, with its topics among the targets of both."""
    sns = Sns(
        around.database, account=around.account, clock=around.clock, courier=courier, root=root
    )
    queue.targets["sns"] = courier.targets["sns"] = sns.target
    courier.gates["sns"] = PolicyGate(
        around.account, sns.policies, kind="topic", action="sns:Publish"
    )
    return sns


def make_logs(around: Around, store: LogStore, courier: Courier) -> Logs:
    return Logs(
        store,
        database=around.database,
        courier=courier,
        account=around.account,
        clock=around.clock,
        tasks=around.tasks,
    )


def make_scheduler(around: Around, courier: Courier, plane: Plane) -> Scheduler:
    """EventBridge Scheduler, which sends in the name of its schedules' roles."""
    return Scheduler(
        around.database,
        account=around.account,
        clock=around.clock,
        tasks=around.tasks,
        courier=courier,
        may_assume=plane.role_permissions.may_assume,
    )
