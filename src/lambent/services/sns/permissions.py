"""AddPermission and RemovePermission: statements of a topic's policy, one by one.

Sources: [B] botocore's model; [LS] as in `errors`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambent.domain.request import Handler, RequestContext
from lambent.services.policy_statements import PolicyStatements
from lambent.services.sns.errors import invalid
from lambent.services.sns.topic_attributes import default_policy
from lambent.services.sns.topics import Topic, Topics

Params = dict[str, Any]
Result = dict[str, Any]

ACTIONS = frozenset(
    (
        "AddPermission",
        "DeleteTopic",
        "GetDataProtectionPolicy",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "Publish",
        "PutDataProtectionPolicy",
        "Receive",
        "RemovePermission",
        "SetTopicAttributes",
        "Subscribe",
    )
)
STATEMENTS_MAX = 100
_ACCOUNT = re.compile(r"[0-9]{12}")


class Permissions:
    """Over the Policy attribute."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
        }

    async def add_permission(self, params: Params, context: RequestContext) -> Result:
        topic = self._topics.by_arn(params["TopicArn"])
        accounts, actions = params["AWSAccountId"], params["ActionName"]
        if not accounts or not all(_ACCOUNT.fullmatch(one) for one in accounts):
            raise invalid("AWSAccountId")
        if not actions or not ACTIONS.issuperset(actions):
            raise invalid("Policy statement action out of service scope!")  # [LS]
        statements = self._statements_of(topic)
        if params["Label"] in statements:
            raise invalid("Statement already exists")  # [LS]
        if len(statements) >= STATEMENTS_MAX:
            raise invalid(f"Policy Reason: at most {STATEMENTS_MAX} statements")
        text = statements.allow(
            params["Label"],
            accounts=accounts,
            actions=[f"SNS:{one}" for one in actions],
            resource=topic.arn,
        )
        await self._topics.set_attributes(topic, {"Policy": text})
        return {}

    async def remove_permission(self, params: Params, context: RequestContext) -> Result:
        """Also of a label that is not there."""
        topic = self._topics.by_arn(params["TopicArn"])
        statements = self._statements_of(topic)
        if params["Label"] in statements:
            text = statements.without(params["Label"])
            await self._topics.set_attributes(topic, {"Policy": text})
        return {}

    def _statements_of(self, topic: Topic) -> PolicyStatements:
        text = topic.row.attributes.get("Policy")
        return PolicyStatements(text or default_policy(topic.arn, self._topics.account.account_id))
