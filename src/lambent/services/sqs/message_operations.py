"""SQS's operations on messages: send, receive, delete, visibility, one by one and in batches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.domain.request import Handler, RequestContext
from lambent.services.sqs.attributes import MESSAGE_BYTES_MAX, QueueConfig
from lambent.services.sqs.errors import invalid_value
from lambent.services.sqs.messages import (
    Draft,
    check_id,
    describe_received,
    describe_sent,
    make_draft,
)
from lambent.services.sqs.queues import Queues
from lambent.services.sqs.traffic import Traffic
from lambent.services.sqs.waiting import Asked
from lambent.wire.query_compatible import query_code

Params = dict[str, Any]
Result = dict[str, Any]

ENTRIES_MAX = 10  # [LS]
VISIBILITY_S_MAX = 43_200
WAIT_S_MAX = 20
COUNT_MAX = 10

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


class MessageOperations:
    """Over the traffic of the queues."""

    def __init__(self, queues: Queues, traffic: Traffic) -> None:
        self._queues = queues
        self._traffic = traffic

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "SendMessage": self.send_message,
            "SendMessageBatch": self.send_message_batch,
            "ReceiveMessage": self.receive_message,
            "DeleteMessage": self.delete_message,
            "DeleteMessageBatch": self.delete_message_batch,
            "ChangeMessageVisibility": self.change_message_visibility,
            "ChangeMessageVisibilityBatch": self.change_message_visibility_batch,
        }

    async def send_message(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        draft = make_draft(params, queue.config)
        [(message_id, number)] = await self._traffic.send(
            queue, (draft,), context.principal.user_id
        )
        return describe_sent(draft, message_id, number, queue.config)

    async def send_message_batch(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        entries = _check_entries(params["Entries"])
        drafts: list[tuple[str, Draft]] = []
        failed = []
        for entry in entries:
            try:
                drafts.append((entry["Id"], make_draft(entry, queue.config, batch=True)))
            except LambdaError as error:
                if queue.config.fifo and error.code == "InvalidParameterValueException":
                    raise  # [LS] a missing group or deduplication id refuses the whole batch
                failed.append(_failure(entry["Id"], error))
        size = sum(draft.size for _, draft in drafts)
        if size > MESSAGE_BYTES_MAX:
            raise LambdaError(  # [LS] with the limit of its time
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes. You have sent"
                f" {size} bytes.",
            )
        sent = []
        if drafts:
            sender_id = context.principal.user_id
            sent = await self._traffic.send(queue, [draft for _, draft in drafts], sender_id)
        return {
            "Successful": [
                {"Id": id_, **describe_sent(draft, message_id, number, queue.config)}
                for (id_, draft), (message_id, number) in zip(drafts, sent, strict=True)
            ],
            "Failed": failed,
        }

    async def receive_message(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        config = queue.config
        count_max = params.get("MaxNumberOfMessages", 1)
        if not 1 <= count_max <= COUNT_MAX:
            raise invalid_value(  # [LS]
                count_max, "MaxNumberOfMessages", "Must be between 1 and 10, if provided."
            )
        wait_s = params.get("WaitTimeSeconds", config.wait_s)
        if not 0 <= wait_s <= WAIT_S_MAX:
            raise invalid_value(wait_s, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
        visibility_s = _check_visibility(params.get("VisibilityTimeout", config.visibility_s))
        received = await self._traffic.receive(
            queue,
            Asked(count_max, visibility_s, _attempt_id(params, config)),
            wait_s,
            context.on_disconnect,
        )
        if not received:
            return {}
        system = {
            *(params.get("AttributeNames") or ()),
            *(params.get("MessageSystemAttributeNames") or ()),
        }
        names = params.get("MessageAttributeNames") or ()
        return {
            "Messages": [
                describe_received(one, fifo=config.fifo, system=system, names=names)
                for one in received
            ]
        }

    async def delete_message(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        [refusal] = await self._traffic.delete(queue, [params["ReceiptHandle"]])
        if refusal is not None:
            raise refusal
        return {}

    async def delete_message_batch(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        entries = _check_entries(params["Entries"])
        handles = [entry["ReceiptHandle"] for entry in entries]
        return _outcome(entries, await self._traffic.delete(queue, handles))

    async def change_message_visibility(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        visibility_s = _check_visibility(params["VisibilityTimeout"])
        change = (params["ReceiptHandle"], visibility_s)
        [refusal] = await self._traffic.set_visibility(queue, [change])
        if refusal is not None:
            raise refusal
        return {}

    async def change_message_visibility_batch(
        self, params: Params, context: RequestContext
    ) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        entries = _check_entries(params["Entries"])
        refusals: dict[int, LambdaError | None] = {}
        changes: list[tuple[str, int]] = []
        places = []
        for place, entry in enumerate(entries):
            try:
                visibility_s = _check_visibility(entry.get("VisibilityTimeout", -1))
            except LambdaError as error:
                refusals[place] = error
            else:
                places.append(place)
                changes.append((entry["ReceiptHandle"], visibility_s))
        done = await self._traffic.set_visibility(queue, changes)
        refusals.update(zip(places, done, strict=True))
        return _outcome(entries, [refusals[place] for place in range(len(entries))])


def _attempt_id(params: Params, config: QueueConfig) -> str | None:
    """ReceiveRequestAttemptId, which only FIFO queues take. Raises LambdaError."""
    attempt_id: str | None = params.get("ReceiveRequestAttemptId")
    if attempt_id is None:
        return None
    if not config.fifo:
        raise invalid_value(
            attempt_id,
            "ReceiveRequestAttemptId",
            "The request includes a parameter that is not valid for this queue type.",
        )
    check_id(attempt_id, "ReceiveRequestAttemptId")
    return attempt_id


def _check_visibility(visibility_s: int) -> int:
    if not 0 <= visibility_s <= VISIBILITY_S_MAX:
        raise invalid_value(
            visibility_s,
            "VisibilityTimeout",
            f"Must be between 0 and {VISIBILITY_S_MAX}, if provided.",
        )
    return visibility_s


def _check_entries(entries: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The rules of every batch. Raises LambdaError; the texts but one are [LS]."""
    if not entries:
        raise LambdaError("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > ENTRIES_MAX:
        raise LambdaError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {ENTRIES_MAX}. You have sent"
            f" {len(entries)}.",
        )
    seen: set[str] = set()
    for entry in entries:
        if not _ID.fullmatch(entry["Id"]):
            raise LambdaError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and"
                " underscores. It can be at most 80 letters long.",
            )
        if entry["Id"] in seen:
            raise LambdaError("BatchEntryIdsNotDistinct", f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])
    return entries


def _outcome(
    entries: Sequence[Mapping[str, Any]], refusals: Sequence[LambdaError | None]
) -> Result:
    pairs = list(zip(entries, refusals, strict=True))
    return {
        "Successful": [{"Id": entry["Id"]} for entry, refusal in pairs if refusal is None],
        "Failed": [
            _failure(entry["Id"], refusal) for entry, refusal in pairs if refusal is not None
        ],
    }


def _failure(id_: str, error: LambdaError) -> dict[str, Any]:
    """A BatchResultErrorEntry."""
    return {
        "Id": id_,
        "SenderFault": True,
        "Code": query_code("sqs", error.code),
        "Message": error.message,
    }
