"""Topics as targets of other services and of functions: `queue.targets.Target`."""

from __future__ import annotations

from typing import Any

from lambent.queue.targets import Landing, Letter
from lambent.services.sns.messages import make_draft
from lambent.services.sns.publisher import Publisher
from lambent.services.sns.topics import Topics


class TopicTarget:
    """Publishes letters."""

    def __init__(self, topics: Topics, publisher: Publisher) -> None:
        self._topics = topics
        self._publisher = publisher

    def prepare(self, arn: str, letter: Letter) -> Landing | None:
        """None where there is no such topic; raises LambdaError where it does not take it."""
        topic = self._topics.find_arn(arn)
        if topic is None:
            return None
        params: dict[str, Any] = {"Message": letter.body, "MessageAttributes": letter.attributes}
        if letter.subject:
            params["Subject"] = letter.subject
        if letter.group_id is not None:
            params["MessageGroupId"] = letter.group_id
        if letter.dedup_id is not None and topic.config.fifo:
            params["MessageDeduplicationId"] = letter.dedup_id
        draft = make_draft(params, topic.config)
        return self._publisher.prepare(topic, (draft,), letter.trace)[0]
