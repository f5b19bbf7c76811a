"""SNS's operations on subscriptions: subscribe, confirm, attributes, lists, unsubscribe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.domain.ids import new_request_id
from lambent.domain.request import Handler, RequestContext
from lambent.services.sns.arns import name_of_topic
from lambent.services.sns.delivery_policy import effective
from lambent.services.sns.endpoints import NEAR, check_endpoint
from lambent.services.sns.envelope import SUBSCRIPTION, UNSUBSCRIPTION
from lambent.services.sns.errors import invalid, subscription_does_not_exist
from lambent.services.sns.pages import page_of
from lambent.services.sns.publisher import Publisher
from lambent.services.sns.rows import Connection, SubscriptionRow
from lambent.services.sns.subscription_attributes import (
    IN_SUBSCRIBE,
    check_attribute,
    parse_config,
)
from lambent.services.sns.topic_attributes import to_json
from lambent.services.sns.topics import (
    CONFIRMED,
    DELETED,
    PENDING,
    Subscription,
    Topic,
    Topics,
    new_token,
)
from lambent.store.outbox import OutboxMessage

Params = dict[str, Any]
Result = dict[str, Any]

SUBSCRIPTIONS_MAX = 10_000
"""[own] Of one topic; AWS has 12,500,000 of a standard topic and 100 of a FIFO topic."""
FIFO_SUBSCRIPTIONS_MAX = 100
FILTERS_MAX = 200
"""SNS endpoints and quotas: filter policies of a topic."""


class SubscriptionOperations:
    """Over the subscriptions of the account's topics."""

    def __init__(self, topics: Topics, publisher: Publisher) -> None:
        self._topics = topics
        self._publisher = publisher

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "Subscribe": self.subscribe,
            "ConfirmSubscription": self.confirm_subscription,
            "Unsubscribe": self.unsubscribe,
            "ListSubscriptions": self.list_subscriptions,
            "ListSubscriptionsByTopic": self.list_subscriptions_by_topic,
            "GetSubscriptionAttributes": self.get_subscription_attributes,
            "SetSubscriptionAttributes": self.set_subscription_attributes,
        }

    async def subscribe(self, params: Params, context: RequestContext) -> Result:
        """Also of an endpoint that is subscribed, if it asks for nothing otherwise."""
        topic = self._topics.by_arn(params["TopicArn"])
        protocol, endpoint = params["Protocol"], params.get("Endpoint") or ""
        fifo = topic.config.fifo
        check_endpoint(protocol, endpoint, fifo=fifo)
        kept = {
            name: check_attribute(name, value, protocol=protocol, fifo=fifo, within=IN_SUBSCRIBE)
            for name, value in (params.get("Attributes") or {}).items()
        }
        filters = parse_config(kept, fifo=fifo, within=IN_SUBSCRIBE).filter is not None
        posts: list[OutboxMessage] = []
        found: list[SubscriptionRow] = []

        def make() -> SubscriptionRow | None:
            known = _find(topic, protocol, endpoint)
            if known is not None:
                _check_same(known, kept)
            if known is not None and known.row.state == CONFIRMED:
                found.append(known.row)
                return None
            _check_limits(topic, filters=filters)
            row = SubscriptionRow(
                key=known.row.key if known is not None else new_request_id(),
                topic_id=topic.row.topic_id,
                protocol=protocol,
                endpoint=endpoint,
                state=CONFIRMED if protocol in NEAR else PENDING,
                token=new_token(),
                authenticated=protocol in NEAR,
                strict=False,
                principal=context.principal.arn,
                base_url=context.endpoint,
                changed_s=self._topics.clock.wall_s(),
                attributes={name: value for name, value in kept.items() if value},
            )
            found.append(row)
            if row.state == PENDING:
                posts.append(self._publisher.confirmation(SUBSCRIPTION, topic, row, topic.arn))
            return row

        await self._change(topic, make, posts)
        [row] = found
        told = row.state == CONFIRMED or params.get("ReturnSubscriptionArn")
        return {"SubscriptionArn": f"{topic.arn}:{row.key}" if told else "pending confirmation"}

    async def confirm_subscription(self, params: Params, context: RequestContext) -> Result:
        """By whoever has the token; a second time changes nothing."""
        name = name_of_topic(params["TopicArn"], context.account)
        topic = None if name is None else self._topics.find(name)
        if topic is None:
            raise invalid("Topic")  # [LS]
        signed = context.principal.kind != "anonymous"
        strict = params.get("AuthenticateOnUnsubscribe", "").lower() == "true"
        token = params["Token"]
        found = [one for one in topic.subscriptions.values() if one.row.token == token]
        if not found:
            raise invalid("Token")  # [LS]
        [one] = found

        def make() -> SubscriptionRow | None:
            now = topic.subscriptions.get(one.row.key)
            if now is None or now.row.token != token:
                raise invalid("Token")
            if now.row.state == CONFIRMED:
                return None
            return replace(
                now.row,
                state=CONFIRMED,
                authenticated=signed,
                strict=strict and signed,
                changed_s=self._topics.clock.wall_s(),
            )

        await self._topics.change_subscription(topic, make)
        return {"SubscriptionArn": one.arn}

    async def unsubscribe(self, params: Params, context: RequestContext) -> Result:
        """Who does not sign, as by the UnsubscribeURL, ends it so that its owner can restore it."""
        arn = params["SubscriptionArn"]
        if arn.count(":") < 5:
            count = arn.count(":") + 1
            raise invalid(
                f"SubscriptionArn Reason: An ARN must have at least 6 elements, not {count}"
            )
        if arn.count(":") == 5:
            raise invalid("SubscriptionId")
        one = self._topics.find_subscription(arn)
        if one is None or one.row.state == DELETED:
            return {}
        if context.principal.kind != "anonymous":
            await self._topics.remove_subscriptions([one])
        elif one.row.strict:
            raise LambdaError(
                "AuthorizationErrorException",
                "The subscription was confirmed so that only a signed request can end it.",
            )
        else:
            await self._deactivate(one)
        return {}

    async def _deactivate(self, one: Subscription) -> None:
        topic = one.topic
        posts: list[OutboxMessage] = []

        def make() -> SubscriptionRow | None:
            now = topic.subscriptions.get(one.row.key)
            if now is None or now.row.state != CONFIRMED:
                return None
            now_s = self._topics.clock.wall_s()
            row = replace(now.row, state=DELETED, token=new_token(), changed_s=now_s)
            if row.protocol not in NEAR:
                posts.append(self._publisher.confirmation(UNSUBSCRIPTION, topic, row, one.arn))
            return row

        await self._change(topic, make, posts)

    async def _change(
        self,
        topic: Topic,
        make: Callable[[], SubscriptionRow | None],
        posts: list[OutboxMessage],
    ) -> None:
        """Store what `make` wants together with the messages that it puts into `posts`."""
        courier = self._publisher.courier
        posted: list[OutboxMessage] = []

        def post(connection: Connection) -> None:
            posted[:] = [courier.post(connection, message) for message in posts]

        await self._topics.change_subscription(topic, make, post)
        courier.posted(posted)

    # Lists

    async def list_subscriptions(self, params: Params, context: RequestContext) -> Result:
        return _list(self._topics.subscriptions(), params.get("NextToken"), context)

    async def list_subscriptions_by_topic(self, params: Params, context: RequestContext) -> Result:
        topic = self._topics.by_arn(params["TopicArn"])
        found = [one for one in topic.subscriptions.values() if one.row.state != DELETED]
        return _list(found, params.get("NextToken"), context)

    # Attributes

    async def get_subscription_attributes(self, params: Params, context: RequestContext) -> Result:
        one = self._topics.subscription(params["SubscriptionArn"])
        return {"Attributes": _describe(one, context.account.account_id)}

    async def set_subscription_attributes(self, params: Params, context: RequestContext) -> Result:
        arn = params["SubscriptionArn"]
        one = self._topics.subscription(arn)
        name, fifo = params["AttributeName"], one.topic.config.fifo
        value = check_attribute(
            name, params.get("AttributeValue") or "", protocol=one.row.protocol, fifo=fifo
        )

        def make() -> SubscriptionRow:
            now = one.topic.subscriptions.get(one.row.key)
            if now is None or now.row.state == DELETED:
                raise subscription_does_not_exist()
            kept = {key: text for key, text in {**now.row.attributes, name: value}.items() if text}
            if parse_config(kept, fifo=fifo).filter is not None and now.config.filter is None:
                _check_limits(one.topic, filters=True, new=False)
            return replace(now.row, attributes=kept)

        await self._topics.change_subscription(one.topic, make)
        return {}


def _find(topic: Topic, protocol: str, endpoint: str) -> Subscription | None:
    for one in topic.subscriptions.values():
        if (one.row.protocol, one.row.endpoint) == (protocol, endpoint):
            return one
    return None


def _check_same(known: Subscription, kept: Mapping[str, str]) -> None:
    """[LS]"""
    if known.row.state == DELETED:
        return
    if any(known.row.attributes.get(name, "") != value for name, value in kept.items()):
        raise invalid("Attributes Reason: Subscription already exists with different attributes")


def _check_limits(topic: Topic, *, filters: bool, new: bool = True) -> None:
    most = FIFO_SUBSCRIPTIONS_MAX if topic.config.fifo else SUBSCRIPTIONS_MAX
    if new and len(topic.subscriptions) >= most:
        raise LambdaError(
            "SubscriptionLimitExceededException", f"A topic has at most {most} subscriptions."
        )
    held = sum(one.config.filter is not None for one in topic.subscriptions.values())
    if filters and held >= FILTERS_MAX:
        raise LambdaError(
            "FilterPolicyLimitExceededException", f"A topic has at most {FILTERS_MAX} filters."
        )


def _list(found: Sequence[Subscription], token: str | None, context: RequestContext) -> Result:
    by_arn = {one.arn: one for one in found}
    page, after = page_of(sorted(by_arn), token)
    owner = context.account.account_id
    shown = [
        {
            "SubscriptionArn": arn if one.row.state == CONFIRMED else "PendingConfirmation",
            "Owner": owner,
            "Protocol": one.row.protocol,
            "Endpoint": one.row.endpoint,
            "TopicArn": one.topic.arn,
        }
        for arn, one in ((arn, by_arn[arn]) for arn in page)
    ]
    return {"Subscriptions": shown, "NextToken": after}


def _describe(one: Subscription, owner: str) -> dict[str, str]:
    """GetSubscriptionAttributes's answer. [LS]"""
    row, kept = one.row, one.row.attributes
    found = {
        "SubscriptionArn": one.arn,
        "TopicArn": one.topic.arn,
        "Owner": owner,
        "Protocol": row.protocol,
        "Endpoint": row.endpoint,
        "PendingConfirmation": str(row.state == PENDING).lower(),
        "ConfirmationWasAuthenticated": str(row.authenticated).lower(),
        "RawMessageDelivery": kept.get("RawMessageDelivery", "false"),
        "SubscriptionPrincipal": row.principal,
    }
    for name in ("DeliveryPolicy", "FilterPolicy", "RedrivePolicy"):
        if kept.get(name):
            found[name] = kept[name]
    if kept.get("FilterPolicy"):
        found["FilterPolicyScope"] = kept.get("FilterPolicyScope", "MessageAttributes")
    if row.protocol not in NEAR:
        held = effective(one.topic.config.delivery, one.config.delivery)
        found["EffectiveDeliveryPolicy"] = to_json(held.describe())
    return found
