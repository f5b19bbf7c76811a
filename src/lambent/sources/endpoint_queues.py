"""Queues behind an endpoint that speaks SQS's protocol: another Lambent, AWS itself, the like.

A poll waits 20 s at most, and a connection ends with its call. A wait that is ended here may have
taken messages over there: they come again after their visibility timeout.
"""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lambent.clock import Clock
from lambent.domain.credentials import TemporaryCredentials
from lambent.domain.errors import LambdaError
from lambent.domain.event_source import EventSourceMapping
from lambent.sources.aws_call import Endpoint, call

WAIT_S_MAX = 20  # [B] ReceiveMessage: WaitTimeSeconds
BATCH_MAX = 10  # [B] DeleteMessageBatch
ATTRIBUTES_KEPT_S = 60.0
"""How long a queue's visibility timeout is believed."""

Credentials = Callable[[EventSourceMapping], TemporaryCredentials]


class EndpointQueueReader:
    """`QueueReader` of them."""

    def __init__(self, url: str, credentials: Credentials, clock: Clock) -> None:
        self._endpoint = Endpoint(url=url, service="sqs", target="AmazonSQS")
        self._credentials = credentials
        self._clock = clock
        self._urls: dict[str, str] = {}
        self._visibilities: dict[str, tuple[int, float]] = {}

    async def receive(
        self,
        mapping: EventSourceMapping,
        count_max: int,
        *,
        wait_s: float,
        on_cancel: Callable[[Callable[[], None]], None],
    ) -> list[dict[str, Any]]:
        ended = False
        try:
            async with asyncio.timeout(None) as scope:

                def end() -> None:
                    nonlocal ended
                    ended = True
                    scope.reschedule(asyncio.get_running_loop().time())

                on_cancel(end)
                answer = await self._ask(
                    mapping,
                    "ReceiveMessage",
                    MaxNumberOfMessages=count_max,
                    WaitTimeSeconds=min(WAIT_S_MAX, math.ceil(wait_s)),
                    AttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
        except TimeoutError:
            if not ended:
                raise
            return []
        return [_decoded(message) for message in answer.get("Messages") or []]

    async def delete(self, mapping: EventSourceMapping, handles: Sequence[str]) -> None:
        await self._batches(mapping, "DeleteMessageBatch", handles, {})

    async def release(self, mapping: EventSourceMapping, handles: Sequence[str]) -> None:
        now = {"VisibilityTimeout": 0}
        await self._batches(mapping, "ChangeMessageVisibilityBatch", handles, now)

    async def visibility_s(self, mapping: EventSourceMapping) -> int:
        now_s = self._clock.now()
        known, until_s = self._visibilities.get(mapping.source_arn, (0, -1.0))
        if until_s > now_s:
            return known
        name = "VisibilityTimeout"
        answer = await self._ask(mapping, "GetQueueAttributes", AttributeNames=[name])
        found = int((answer.get("Attributes") or {}).get(name, 0))
        self._visibilities[mapping.source_arn] = found, now_s + ATTRIBUTES_KEPT_S
        return found

    async def _batches(
        self,
        mapping: EventSourceMapping,
        operation: str,
        handles: Sequence[str],
        more: Mapping[str, Any],
    ) -> None:
        """Raises LambdaError with the first failure, after all were asked for."""
        failed: list[dict[str, Any]] = []
        for start in range(0, len(handles), BATCH_MAX):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, **more}
                for number, handle in enumerate(handles[start : start + BATCH_MAX])
            ]
            failed += (await self._ask(mapping, operation, Entries=entries)).get("Failed") or []
        if failed:
            code, text = failed[0].get("Code"), failed[0].get("Message")
            raise LambdaError(str(code), f"{len(failed)} of {len(handles)}: {text or code}")

    async def _ask(
        self, mapping: EventSourceMapping, operation: str, **params: Any
    ) -> dict[str, Any]:
        arn = mapping.source_arn
        if arn not in self._urls:
            account, name = arn.split(":")[4:6]
            owner = {"QueueName": name, "QueueOwnerAWSAccountId": account}
            self._urls[arn] = (await self._call(mapping, "GetQueueUrl", owner))["QueueUrl"]
        return await self._call(mapping, operation, {"QueueUrl": self._urls[arn], **params})

    async def _call(
        self, mapping: EventSourceMapping, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        return await call(
            self._endpoint,
            operation,
            params,
            credentials=self._credentials(mapping),
            region=mapping.source_arn.split(":")[3],
            now_s=self._clock.wall_s(),
        )


def _decoded(message: dict[str, Any]) -> dict[str, Any]:
    for value in (message.get("MessageAttributes") or {}).values():
        if value.get("BinaryValue") is not None:
            value["BinaryValue"] = base64.b64decode(value["BinaryValue"])
    return message
