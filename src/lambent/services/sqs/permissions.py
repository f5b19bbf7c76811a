"""AddPermission and RemovePermission: statements of a queue's policy, one by one.

Sources: [B] botocore's model; [LS] test_sqs_permission_lifecycle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.domain.request import Handler, RequestContext
from lambent.services.policy_statements import PolicyStatements
from lambent.services.sqs.errors import invalid_value
from lambent.services.sqs.queues import Queue, Queues

Params = dict[str, Any]
Result = dict[str, Any]

ACTIONS = frozenset(
    (
        "*",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    )
)
ACTIONS_MAX = 7  # [B] OverLimit
STATEMENTS_MAX = 20
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"[0-9]{12}")


class Permissions:
    """Over the Policy attribute."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
        }

    async def add_permission(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        label, accounts, actions = params["Label"], params["AWSAccountIds"], params["Actions"]
        _check(label, accounts, actions)
        statements = _statements_of(queue)
        if label in statements:
            raise invalid_value(label, "Label", "Already exists.")
        if len(statements) >= STATEMENTS_MAX:
            raise LambdaError("OverLimit", f"A policy has at most {STATEMENTS_MAX} statements.")
        text = statements.allow(
            label,
            accounts=accounts,
            actions=[f"SQS:{one}" for one in actions],
            resource=queue.arn,
        )
        await self._queues.set_attributes(queue, {"Policy": text})
        return {}

    async def remove_permission(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        statements, label = _statements_of(queue), params["Label"]
        if label not in statements:
            raise invalid_value(label, "Label", "can't find label.")
        await self._queues.set_attributes(queue, {"Policy": statements.without(label)})
        return {}


def _statements_of(queue: Queue) -> PolicyStatements:
    empty = {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}
    return PolicyStatements(queue.row.attributes.get("Policy") or json.dumps(empty))


def _check(label: str, accounts: list[str], actions: list[str]) -> None:
    """Raises LambdaError. The texts are unverified."""
    if not _LABEL.fullmatch(label):
        raise invalid_value(
            label,
            "Label",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )
    if not accounts:
        raise invalid_value("", "AWSAccountIds", "At least one account is needed.")
    for account in accounts:
        if not _ACCOUNT.fullmatch(account):
            raise invalid_value(account, "PrincipalId", "Unable to verify.")
    if not actions:
        raise invalid_value("", "ActionName", "At least one action is needed.")
    if len(actions) > ACTIONS_MAX:
        raise LambdaError(
            "OverLimit", f"{len(actions)} Actions were found, maximum allowed is {ACTIONS_MAX}."
        )
    for action in actions:
        if action not in ACTIONS:
            raise invalid_value(
                f"SQS:{action}",
                "ActionName",
                "Only the queue owner is allowed to invoke this action.",
            )
