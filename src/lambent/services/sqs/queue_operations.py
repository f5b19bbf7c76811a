"""SQS's operations on queues: create, find, attributes, tags, purge, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.domain.request import Handler, RequestContext
from lambent.services.sqs.attributes import (
    KNOWN,
    check_attributes,
    check_name,
    describe_attributes,
    differing_attribute,
    parse_config,
)
from lambent.services.sqs.errors import invalid_parameter, invalid_value, unknown_attribute
from lambent.services.sqs.queues import Queue, Queues
from lambent.services.sqs.rows import QueueRow
from lambent.services.sqs.traffic import Traffic

Params = dict[str, Any]
Result = dict[str, Any]

TAGS_MAX = 50
LIST_MAX = 1_000  # [B] MaxResults; also without it


class QueueOperations:
    """Over the queues of the account."""

    def __init__(self, queues: Queues, traffic: Traffic) -> None:
        self._queues = queues
        self._traffic = traffic

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateQueue": self.create_queue,
            "DeleteQueue": self.delete_queue,
            "GetQueueUrl": self.get_queue_url,
            "ListQueues": self.list_queues,
            "ListDeadLetterSourceQueues": self.list_dead_letter_source_queues,
            "GetQueueAttributes": self.get_queue_attributes,
            "SetQueueAttributes": self.set_queue_attributes,
            "PurgeQueue": self.purge_queue,
            "ListQueueTags": self.list_queue_tags,
            "TagQueue": self.tag_queue,
            "UntagQueue": self.untag_queue,
        }

    async def create_queue(self, params: Params, context: RequestContext) -> Result:
        """Also of a queue that exists, if it asks for nothing that it has otherwise."""
        name, asked = params["QueueName"], params.get("Attributes") or {}
        fifo = asked.get("FifoQueue") == "true"
        kept = {
            key: value
            for key, value in check_attributes(asked, fifo=fifo, create=True).items()
            if value
        }
        check_name(name, fifo=fifo)
        parse_config(kept)
        tags = params.get("tags") or {}
        _check_tags(tags)

        def make() -> QueueRow | None:
            known = self._queues.find(name)
            if known is not None:
                differing = differing_attribute(known.row.attributes, asked)
                if differing is not None:
                    raise LambdaError(  # [LS]
                        "QueueNameExists",
                        "A queue already exists with the same name and a different value for"
                        f" attribute {differing}",
                    )
                return None
            self._check_redrive(name, kept)
            now_s = self._queues.now_ms() // 1000
            number = self._queues.numbers.next()
            return QueueRow(
                queue_id=number,
                name=name,
                bin=number,
                created_s=now_s,
                modified_s=now_s,
                attributes=kept,
                tags=tags,
            )

        queue, _ = await self._queues.change(make, name=name)
        return {"QueueUrl": url_of(queue.name, context)}

    def _check_redrive(self, name: str, kept: Mapping[str, str]) -> None:
        """The dead-letter queue must exist, be of the same kind, and take this queue's letters."""
        text = kept.get("RedrivePolicy")
        if not text:
            return
        config = parse_config(kept)
        target = self._queues.find_arn(config.dead_letter_arn)
        if target is None:
            raise invalid_value(text, "RedrivePolicy", "Dead letter target does not exist.")
        if target.config.fifo != config.fifo:
            raise invalid_value(
                text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source."
            )
        permission, sources = target.config.redrive_permission, target.config.redrive_sources
        if permission == "denyAll" or (
            permission == "byQueue" and self._queues.arn(name) not in sources
        ):
            raise invalid_value(
                text, "RedrivePolicy", "The dead-letter queue does not allow this source queue."
            )

    async def delete_queue(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        await self._queues.delete(queue)
        self._traffic.end_waits(queue)
        return {}

    async def get_queue_url(self, params: Params, context: RequestContext) -> Result:
        owner = params.get("QueueOwnerAWSAccountId")
        name = params["QueueName"]
        if owner not in (None, context.account.account_id):
            name = ""  # nobody else's queues are here
        return {"QueueUrl": url_of(self._queues.by_name(name).name, context)}

    async def list_queues(self, params: Params, context: RequestContext) -> Result:
        prefix = params.get("QueueNamePrefix") or ""
        names = [name for name in self._queues.names() if name.startswith(prefix)]
        return _page(params, names, "QueueUrls", context)

    async def list_dead_letter_source_queues(
        self, params: Params, context: RequestContext
    ) -> Result:
        arn = self._queues.by_url(params["QueueUrl"]).arn
        names = sorted(one.name for one in self._queues if one.config.dead_letter_arn == arn)
        return _page(params, names, "queueUrls", context)

    async def get_queue_attributes(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        asked = params.get("AttributeNames") or []
        for name in asked:
            if name not in KNOWN:
                raise unknown_attribute(name)
        if not asked:
            return {}
        self._traffic.refresh(queue)
        row = queue.row
        told = {
            **queue.counts(),
            "CreatedTimestamp": str(row.created_s),
            "LastModifiedTimestamp": str(row.modified_s),
            "QueueArn": queue.arn,
        }
        shown = describe_attributes(row.attributes, told)
        if "All" not in asked:
            shown = {name: value for name, value in shown.items() if name in asked}
        return {"Attributes": shown}

    async def set_queue_attributes(self, params: Params, context: RequestContext) -> Result:
        queue = self._queues.by_url(params["QueueUrl"])
        asked = check_attributes(params["Attributes"], fifo=queue.config.fifo, create=False)
        if asked.get("RedrivePolicy"):
            kind = {"FifoQueue": "true"} if queue.config.fifo else {}
            self._check_redrive(queue.name, {**kind, "RedrivePolicy": asked["RedrivePolicy"]})
        await self._queues.set_attributes(queue, asked)
        self._traffic.wake(queue)
        return {}

    async def purge_queue(self, params: Params, context: RequestContext) -> Result:
        """As often as one likes; AWS refuses a second one within 60 seconds."""
        await self._queues.purge(self._queues.by_url(params["QueueUrl"]))
        return {}

    # Tags

    async def list_queue_tags(self, params: Params, context: RequestContext) -> Result:
        return {"Tags": dict(self._queues.by_url(params["QueueUrl"]).row.tags)}

    async def tag_queue(self, params: Params, context: RequestContext) -> Result:
        tags = params["Tags"]
        _check_tags(tags)

        def add(now: dict[str, str]) -> None:
            now.update(tags)
            if len(now) > TAGS_MAX:
                raise invalid_parameter(f"Too many tags added for queue: at most {TAGS_MAX}.")

        await self._queues.set_tags(self._queues.by_url(params["QueueUrl"]), add)
        return {}

    async def untag_queue(self, params: Params, context: RequestContext) -> Result:
        def take(now: dict[str, str]) -> None:
            for key in params["TagKeys"]:
                now.pop(key, None)

        await self._queues.set_tags(self._queues.by_url(params["QueueUrl"]), take)
        return {}


def url_of(name: str, context: RequestContext) -> str:
    """The queue's URL by the endpoint that the caller used."""
    return f"{context.endpoint}/{context.account.account_id}/{name}"


def _page(params: Params, names: list[str], member: str, context: RequestContext) -> Result:
    """Names → URLs, from the token on; a token is the name that the last page ended with."""
    limit = params.get("MaxResults")
    if limit is not None and not 1 <= limit <= LIST_MAX:
        raise invalid_value(
            limit, "MaxResults", "MaxResults must be an integer between 1 and 1000."
        )
    token = params.get("NextToken")
    rest = [name for name in names if token is None or name > token]
    shown = rest[: limit or LIST_MAX]
    result: Result = {member: [url_of(name, context) for name in shown]}
    if limit is not None and len(rest) > len(shown):
        result["NextToken"] = shown[-1]
    return result


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        raise invalid_parameter(f"Too many tags added for queue: at most {TAGS_MAX}.")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise invalid_parameter("Tag keys must be between 1 and 128 characters in length.")


__all__ = ["Queue", "QueueOperations", "url_of"]
