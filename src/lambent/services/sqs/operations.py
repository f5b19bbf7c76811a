"""SQS as one: its queues, their traffic, all operations."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.request import Handler
from lambent.policy.document import PolicyDocument
from lambent.services.sqs import rows
from lambent.services.sqs.local import LocalQueues
from lambent.services.sqs.message_operations import MessageOperations
from lambent.services.sqs.moves import Moves
from lambent.services.sqs.permissions import Permissions
from lambent.services.sqs.queue_operations import QueueOperations
from lambent.services.sqs.queues import Queues
from lambent.services.sqs.target import QueueTarget
from lambent.services.sqs.traffic import Traffic
from lambent.store.database import Database
from lambent.tasks import Tasks


class Sqs:
    """Built by the app: `load` before the first call, `sweep` now and then, `stop` at the end."""

    def __init__(self, database: Database, account: Account, clock: Clock, tasks: Tasks) -> None:
        self._database = database
        self.queues = Queues(database, account, clock)
        self.traffic = Traffic(self.queues, database)
        self._moves = Moves(self.queues, self.traffic, database, tasks)
        self.local = LocalQueues(self.queues, self.traffic, account.account_id)
        self.target = QueueTarget(self.local)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            **QueueOperations(self.queues, self.traffic).operations,
            **MessageOperations(self.queues, self.traffic).operations,
            **Permissions(self.queues).operations,
            **self._moves.operations,
        }

    async def load(self) -> None:
        """All queues and the states of all messages, from the disk."""
        await self.queues.load()
        await self._moves.load()

    def documents(self, arn: str) -> list[PolicyDocument]:
        """The policy of a queue, for those who decide on access."""
        queue = self.queues.find_arn(arn)
        policy = None if queue is None else queue.config.policy
        return [] if policy is None else [policy]

    async def sweep(self) -> None:
        """Delete what is too old."""
        await self.traffic.sweep()

    def stop(self) -> None:
        """Answer those who wait; move nothing more."""
        self._moves.stop()
        self.traffic.stop()

    async def reset(self) -> None:
        """Back to no queues."""
        for queue in self.queues:
            self.traffic.end_waits(queue)
            queue.deleted = True
        await self._database.write(rows.delete_everything)
        self.traffic.fresh.clear()
        await self.load()
