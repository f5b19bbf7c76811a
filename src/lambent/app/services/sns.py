"""SNS, with its topics among the targets of what others send."""

from __future__ import annotations

from lambent.app.around import Around
from lambent.app.services.service import Service, Ties
from lambent.services.delivery.gates import PolicyGate
from lambent.services.sns import Sns


def make_sns(around: Around, ties: Ties) -> tuple[Sns, Service]:
    sns = Sns(
        around.database,
        account=around.account,
        clock=around.clock,
        courier=ties.courier,
        root=ties.data_dir,
    )
    ties.queue.targets["sns"] = ties.courier.targets["sns"] = sns.target
    ties.courier.gates["sns"] = PolicyGate(
        around.account, sns.policies, kind="topic", action="sns:Publish"
    )
    return sns, Service(
        name="sns",
        operations=sns.operations,
        documents=sns.documents,
        load=sns.load,
        sweep=sns.sweep,
        stop=sns.stop,
        reset=sns.reset,
    )
