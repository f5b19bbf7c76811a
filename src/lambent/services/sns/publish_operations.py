"""Publish and PublishBatch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.request import Handler, RequestContext
from lambent.services.sns.errors import invalid
from lambent.services.sns.messages import MESSAGE_BYTES_MAX, make_draft
from lambent.services.sns.publisher import Publisher
from lambent.services.sns.topics import Topics

Params = dict[str, Any]
Result = dict[str, Any]

ENTRIES_MAX = 10
_ID = re.compile(r"[A-Za-z0-9_-]+")


class PublishOperations:
    """Over the topics of the account."""

    def __init__(self, topics: Topics, publisher: Publisher) -> None:
        self._topics = topics
        self._publisher = publisher

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"Publish": self.publish, "PublishBatch": self.publish_batch}

    async def publish(self, params: Params, context: RequestContext) -> Result:
        if params.get("PhoneNumber"):
            raise not_supported("SMS by SNS")
        parameter = "TopicArn" if params.get("TopicArn") else "TargetArn"
        arn = params.get(parameter)
        if not arn:  # [LS]
            raise invalid("TopicArn or TargetArn Reason: no value for required parameter")
        if ":endpoint/" in arn or ":app/" in arn:
            raise not_supported("mobile push by SNS")
        topic = self._topics.by_arn(arn, parameter)
        draft = make_draft(params, topic.config)
        [(message_id, sequence)] = await self._publisher.publish(topic, (draft,), context.trace)
        return {"MessageId": message_id, "SequenceNumber": sequence}

    async def publish_batch(self, params: Params, context: RequestContext) -> Result:
        """All entries or, where one does not fit, none. [LS]"""
        entries = _check_entries(params["PublishBatchRequestEntries"])
        topic = self._topics.by_arn(params["TopicArn"])
        drafts = [make_draft(entry, topic.config) for entry in entries]
        if sum(draft.size for draft in drafts) > MESSAGE_BYTES_MAX:
            raise LambdaError(  # [LS]
                "BatchRequestTooLongException",
                "The length of all the messages put together is more than the limit.",
            )
        answers = await self._publisher.publish(topic, drafts, context.trace)
        return {
            "Successful": [
                {"Id": entry["Id"], "MessageId": message_id, "SequenceNumber": sequence}
                for entry, (message_id, sequence) in zip(entries, answers, strict=True)
            ],
            "Failed": [],
        }


def _check_entries(entries: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The rules of every batch. Raises LambdaError. [LS] but for the empty one."""
    if not entries:
        raise LambdaError(
            "EmptyBatchRequestException", "The batch request doesn't contain any entries."
        )
    if len(entries) > ENTRIES_MAX:
        raise LambdaError(
            "TooManyEntriesInBatchRequestException",
            "The batch request contains more entries than permissible.",
        )
    seen = {entry["Id"] for entry in entries}
    if len(seen) < len(entries):
        raise LambdaError(
            "BatchEntryIdsNotDistinctException",
            "Two or more batch entries in the request have the same Id.",
        )
    for id_ in seen:
        if len(id_) > 80:
            raise LambdaError(
                "InvalidBatchEntryIdException",
                f"The Id of a batch entry in the batch request is too long: {id_[:200]}",
            )
        if not _ID.fullmatch(id_):
            raise LambdaError(
                "InvalidBatchEntryIdException",
                "The Id of a batch entry in the batch request contains an impermissible character:"
                f" {id_}",
            )
    return entries
