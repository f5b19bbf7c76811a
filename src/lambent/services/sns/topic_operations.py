"""SNS's operations on topics: create, attributes, permissions, tags, lists, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.request import Handler, RequestContext
from lambent.services.sns.arns import check_topic_name, name_of_topic
from lambent.services.sns.errors import invalid, topic_does_not_exist
from lambent.services.sns.pages import page_of
from lambent.services.sns.rows import TopicRow
from lambent.services.sns.signing import Signer
from lambent.services.sns.topic_attributes import (
    check_attributes,
    describe_attributes,
    parse_config,
)
from lambent.services.sns.topics import Topic, Topics

Params = dict[str, Any]
Result = dict[str, Any]

TAGS_MAX = 50
TOPICS_MAX = 100_000  # SNS endpoints and quotas: standard topics of an account


class TopicOperations:
    """Over the topics of the account."""

    def __init__(self, topics: Topics, signer: Signer) -> None:
        self._topics = topics
        self._signer = signer

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateTopic": self.create_topic,
            "DeleteTopic": self.delete_topic,
            "ListTopics": self.list_topics,
            "GetTopicAttributes": self.get_topic_attributes,
            "SetTopicAttributes": self.set_topic_attributes,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
        }

    async def create_topic(self, params: Params, context: RequestContext) -> Result:
        """Also of a topic that exists, if it asks for nothing that it has otherwise."""
        if params.get("DataProtectionPolicy"):
            raise not_supported("data protection policies of SNS topics")
        name, asked = params["Name"], params.get("Attributes") or {}
        fifo = asked.get("FifoTopic", "").lower() == "true"
        checked = check_attributes(asked, fifo=fifo, create=True)
        check_topic_name(name, fifo=fifo)
        kept = {key: value for key, value in checked.items() if value}
        account_id = context.account.account_id
        config = parse_config(kept, self._topics.arn(name), account_id)
        tags = _read_tags(params.get("Tags") or ())
        _check_count(tags)
        await self._signer.ready()

        def make(known: Topic | None) -> TopicRow | None:
            if known is not None:
                shown = self._describe(known)
                if any(shown.get(key, "") != value for key, value in checked.items()):
                    raise invalid(  # [LS]
                        "Attributes Reason: Topic already exists with different attributes"
                    )
                if "Tags" in params and tags != dict(known.row.tags):
                    raise invalid("Tags Reason: Topic already exists with different tags")  # [LS]
                return None
            if sum(1 for _ in self._topics) >= TOPICS_MAX:
                raise LambdaError(
                    "TopicLimitExceededException", f"An account has at most {TOPICS_MAX} topics."
                )
            return TopicRow(
                topic_id=self._topics.numbers.next(), name=name, attributes=kept, tags=tags
            )

        assert config.fifo == fifo
        topic = await self._topics.change(name, make)
        return {"TopicArn": topic.arn}

    async def delete_topic(self, params: Params, context: RequestContext) -> Result:
        """Of a topic that is not there too."""
        name = name_of_topic(params["TopicArn"], context.account)
        topic = None if name is None else self._topics.find(name)
        if topic is not None:
            await self._topics.delete(topic)
        return {}

    async def list_topics(self, params: Params, context: RequestContext) -> Result:
        page, token = page_of(self._topics.names(), params.get("NextToken"))
        return {
            "Topics": [{"TopicArn": self._topics.arn(name)} for name in page],
            "NextToken": token,
        }

    async def get_topic_attributes(self, params: Params, context: RequestContext) -> Result:
        return {"Attributes": self._describe(self._topics.by_arn(params["TopicArn"]))}

    async def set_topic_attributes(self, params: Params, context: RequestContext) -> Result:
        topic = self._topics.by_arn(params["TopicArn"])
        name, value = params["AttributeName"], params.get("AttributeValue") or ""
        asked = check_attributes({name: value}, fifo=topic.config.fifo, create=False)
        await self._topics.set_attributes(topic, asked)
        return {}

    def _describe(self, topic: Topic) -> dict[str, str]:
        account_id = self._topics.account.account_id
        return describe_attributes(
            topic.row.attributes, topic.config, topic.arn, account_id, topic.counts()
        )

    # Tags

    async def tag_resource(self, params: Params, context: RequestContext) -> Result:
        tags = _read_tags(params["Tags"])

        def add(now: dict[str, str]) -> None:
            now.update(tags)
            _check_count(now)

        await self._topics.set_tags(self._tagged(params), add)
        return {}

    async def untag_resource(self, params: Params, context: RequestContext) -> Result:
        def take(now: dict[str, str]) -> None:
            for key in params["TagKeys"]:
                now.pop(key, None)

        await self._topics.set_tags(self._tagged(params), take)
        return {}

    async def list_tags_for_resource(self, params: Params, context: RequestContext) -> Result:
        tags = self._tagged(params).row.tags
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _tagged(self, params: Params) -> Topic:
        try:
            return self._topics.by_arn(params["ResourceArn"], "ResourceArn")
        except LambdaError as error:
            if error.code != topic_does_not_exist().code:
                raise
            raise LambdaError("ResourceNotFoundException", "Resource does not exist") from None


def _read_tags(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Raises LambdaError InvalidParameter. [LS] for keys that are there twice."""
    tags: dict[str, str] = {}
    for tag in given:
        if tag["Key"] in tags:
            raise invalid("Duplicated keys are not allowed.")
        if tag["Key"].lower().startswith("aws:"):
            raise invalid("Tag keys cannot start with aws:")
        tags[tag["Key"]] = tag["Value"]
    return tags


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        raise LambdaError(
            "TagLimitExceededException",
            "Could not complete request: tag quota of per resource exceeded",
        )
