"""Carries the outbox's messages to HTTP endpoints, by the delivery policies of subscriptions."""

from __future__ import annotations

import asyncio
import math

from lambent.clock import Clock
from lambent.services.delivery.courier import Later, Undeliverable
from lambent.services.sns.arns import subscription_of_endpoint
from lambent.services.sns.delivery_policy import (
    CONTENT_TYPE_DEFAULT,
    NO_POLICY,
    DeliveryPolicy,
    RetryPolicy,
    effective,
)
from lambent.services.sns.envelope import NOTIFICATION
from lambent.services.sns.http_client import NoAnswer, post
from lambent.services.sns.publisher import ADDRESS, MESSAGE_ID, RAW, TYPE
from lambent.services.sns.topics import CONFIRMED, Topics
from lambent.store.outbox import OutboxMessage

PACED_MAX = 1_000
"""Paces that are remembered before those that are over are forgotten."""
AT_ONCE = 16
"""[own] Deliveries that are on their way to one endpoint at a time: one that does not answer holds
little up."""


class HttpCarrier:
    """`courier.Carrier` of all HTTP endpoints."""

    def __init__(self, topics: Topics, clock: Clock) -> None:
        self._topics = topics
        self._clock = clock
        self._next: dict[str, float] = {}
        """Subscription → when its pace lets the next one go."""
        self._running: set[asyncio.Task[object]] = set()

    async def carry(self, message: OutboxMessage) -> None:
        """Raises Later where it is to be tried again, Undeliverable where not."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self._carry(message)
        finally:
            self._running.discard(task)

    def stop(self) -> None:
        """Break off what is on its way: the outbox still has it."""
        for task in self._running:
            task.cancel()

    async def _carry(self, message: OutboxMessage) -> None:
        arn = subscription_of_endpoint(message.target_arn)
        told = {name: one["StringValue"] for name, one in message.attributes.items()}
        if told[TYPE] == NOTIFICATION:
            one = self._topics.find_subscription(arn)
            if one is None or one.row.state != CONFIRMED:
                raise Undeliverable("The subscription does not exist")
        policy = self._policy(message)
        headers = {
            TYPE: told[TYPE],
            MESSAGE_ID: told[MESSAGE_ID],
            "x-amz-sns-topic-arn": message.source_arn,
            "x-amz-sns-subscription-arn": arn,
            "Content-Type": policy.content_type or CONTENT_TYPE_DEFAULT,
            "User-Agent": "Amazon Simple Notification Service Agent",
            "Accept-Encoding": "identity",
        }
        if told[TYPE] != NOTIFICATION:
            del headers["x-amz-sns-subscription-arn"]
        if RAW in told:
            headers[RAW] = told[RAW]
        await self._pace(arn, policy.per_s_max)
        why = await _deliver(told[ADDRESS], headers, message.body.encode())
        if why:
            delay_s = (policy.retry or RetryPolicy()).delay_s(message.tries)
            if delay_s is None:
                raise Undeliverable(why)
            raise Later(why, delay_s)

    async def _pace(self, arn: str, per_s_max: int | None) -> None:
        """Wait for this subscription's turn."""
        if per_s_max is None:
            self._next.pop(arn, None)
            return
        now_s = self._clock.now()
        if len(self._next) > PACED_MAX:
            self._next = {one: at_s for one, at_s in self._next.items() if at_s > now_s}
        turn_s = max(now_s, self._next.get(arn, -math.inf))
        self._next[arn] = turn_s + 1.0 / per_s_max
        if turn_s > now_s:
            await asyncio.sleep(turn_s - now_s)

    def _policy(self, message: OutboxMessage) -> DeliveryPolicy:
        one = self._topics.find_subscription(subscription_of_endpoint(message.target_arn))
        if one is None:
            return NO_POLICY
        return effective(one.topic.config.delivery, one.config.delivery)


async def _deliver(address: str, headers: dict[str, str], body: bytes) -> str:
    """Why it is to be tried again; '' where it arrived. Raises Undeliverable.

    SNS Developer Guide, "Amazon SNS message delivery retries": client-side errors, all of 4xx but
    429, are not tried again.
    """
    try:
        status = await post(address, headers, body)
    except NoAnswer as error:
        return str(error)
    if 200 <= status < 300:
        return ""
    text = f"the endpoint answered {status}"
    if 400 <= status < 500 and status != 429:
        raise Undeliverable(text)
    return text
