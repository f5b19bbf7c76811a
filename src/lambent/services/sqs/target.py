"""Queues as destinations and dead-letter queues of functions: `queue.targets.Target`."""

from __future__ import annotations

from lambent.queue.targets import Landing, Letter
from lambent.services.sqs.local import LocalQueues


class QueueTarget:
    """Takes records into queues."""

    def __init__(self, local: LocalQueues) -> None:
        self._local = local

    def prepare(self, arn: str, letter: Letter) -> Landing | None:
        """None where there is no such queue; raises LambdaError where it does not take it."""
        if self._local.config(arn) is None:
            return None
        return self._local.prepare(
            arn,
            letter.body,
            attributes=letter.attributes,
            trace=letter.trace,
            group_id=letter.group_id,
            dedup_id=letter.dedup_id,
        )
