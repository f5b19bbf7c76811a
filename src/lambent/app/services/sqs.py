"""SQS, with its queues among the targets of what others send."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.policy.document import PolicyDocument
from lambent.services.delivery.gates import PolicyGate
from lambent.services.sqs import Sqs


def make_sqs(around: Around, ties: Ties) -> tuple[Sqs, Service]:
    sqs = Sqs(around.database, account=around.account, clock=around.clock, tasks=around.tasks)

    def documents(arn: str) -> list[PolicyDocument] | None:
        return None if sqs.local.config(arn) is None else sqs.documents(arn)

    ties.queue.targets["sqs"] = ties.courier.targets["sqs"] = sqs.target
    ties.courier.gates["sqs"] = PolicyGate(
        around.account, documents, kind="queue", action="sqs:SendMessage"
    )
    return sqs, Service(
        name="sqs",
        operations=sqs.operations,
        documents=sqs.documents,
        load=sqs.load,
        sweep=sqs.sweep,
        stop=sqs.stop,
        reset=sqs.reset,
    )
