"""Queues for other rooms of this process: without HTTP, and within their transactions.

What it answers has the shapes of the API, so that a reader of it can as well read a queue over
HTTP, of this server or another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.services.sqs.attributes import QueueConfig
from lambent.services.sqs.errors import queue_does_not_exist
from lambent.services.sqs.landing import Landing
from lambent.services.sqs.messages import TRACE, describe_received, make_draft
from lambent.services.sqs.queues import Queue, Queues
from lambent.services.sqs.traffic import Traffic
from lambent.services.sqs.waiting import Asked

_ALL = ("All",)
_SET_ALL = frozenset(_ALL)


class LocalQueues:
    """By ARN; a queue that is not there is QueueDoesNotExist."""

    def __init__(self, queues: Queues, traffic: Traffic, account_id: str) -> None:
        self._queues = queues
        self._traffic = traffic
        self._account_id = account_id

    def config(self, arn: str) -> QueueConfig | None:
        """The queue's attributes; None where there is no such queue."""
        queue = self._queues.find_arn(arn)
        return None if queue is None else queue.config

    def visibility_s(self, arn: str) -> int:
        """For how long a received message is nobody else's."""
        return self._queue(arn).config.visibility_s

    def prepare(
        self,
        arn: str,
        body: str,
        *,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        trace: str = "",
        group_id: str | None = None,
        dedup_id: str | None = None,
        sender_id: str = "",
    ) -> Landing:
        """A message to write with the caller's transaction.

        The caller submits that at once, and makes `settle_by` a callback of its future. Raises
        LambdaError as SendMessage does; a queue of FIFO kind asks for a group.
        """
        queue = self._queue(arn)
        params: dict[str, Any] = {"MessageBody": body}
        if attributes:
            params["MessageAttributes"] = attributes
        if trace:
            value = {"DataType": "String", "StringValue": trace}
            params["MessageSystemAttributes"] = {TRACE: value}
        if group_id is not None:
            params["MessageGroupId"] = group_id
        if dedup_id is not None:
            params["MessageDeduplicationId"] = dedup_id
        draft = make_draft(params, queue.config)
        return self._traffic.prepare(queue, (draft,), sender_id or self._account_id)[0]

    async def send(self, arn: str, params: Mapping[str, Any], sender_id: str = "") -> None:
        """SendMessage with its parameters but the URL; done once it is on disk."""
        queue = self._queue(arn)
        draft = make_draft(params, queue.config)
        await self._traffic.send(queue, (draft,), sender_id or self._account_id)

    async def receive(
        self,
        arn: str,
        count_max: int,
        *,
        wait_s: float = 0,
        visibility_s: int | None = None,
        on_cancel: Callable[[Callable[[], None]], None] | None = None,
    ) -> list[dict[str, Any]]:
        """Messages as ReceiveMessage gives them with all attributes.

        `on_cancel` is given what ends the wait.
        """
        queue = self._queue(arn)
        config = queue.config
        seconds = config.visibility_s if visibility_s is None else visibility_s
        received = await self._traffic.receive(queue, Asked(count_max, seconds), wait_s, on_cancel)
        return [
            describe_received(one, fifo=config.fifo, system=_SET_ALL, names=_ALL)
            for one in received
        ]

    async def delete(self, arn: str, handles: Sequence[str]) -> list[LambdaError | None]:
        """The refusal of each handle."""
        return await self._traffic.delete(self._queue(arn), handles)

    async def set_visibility(
        self, arn: str, changes: Sequence[tuple[str, int]]
    ) -> list[LambdaError | None]:
        """(handle, seconds from now) → the refusal of each."""
        return await self._traffic.set_visibility(self._queue(arn), changes)

    def _queue(self, arn: str) -> Queue:
        queue = self._queues.find_arn(arn)
        if queue is None:
            raise queue_does_not_exist()
        return queue
