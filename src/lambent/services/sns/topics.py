"""The topics of the account and their subscriptions, kept in step with their rows."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.services.sns import rows
from lambent.services.sns.arns import name_of_topic, topic_arn
from lambent.services.sns.errors import subscription_does_not_exist, topic_does_not_exist
from lambent.services.sns.rows import CONFIRMED, DELETED, PENDING, SubscriptionRow, TopicRow
from lambent.services.sns.subscription_attributes import SubscriptionConfig
from lambent.services.sns.subscription_attributes import parse_config as parse_subscription
from lambent.services.sns.topic_attributes import TopicConfig, parse_config
from lambent.services.sqs.queues import Numbers, Sent
from lambent.store.database import Database

TOKEN_S = 172_800.0
"""SNS Developer Guide, "Confirm the subscription": a token is valid for two days."""
_TOKEN_BYTES = 144  # [LS] 288 hexadecimal digits


class Subscription:
    """One subscription in memory."""

    def __init__(self, row: SubscriptionRow, topic: Topic) -> None:
        self.topic = topic
        self.arn = f"{topic.arn}:{row.key}"
        self.row = row
        self.config: SubscriptionConfig = parse_subscription(row.attributes, fifo=topic.config.fifo)


class Topic:
    """One topic in memory."""

    def __init__(self, row: TopicRow, arn: str, account_id: str) -> None:
        self.arn = arn
        self._account_id = account_id
        self.row = row
        self.config: TopicConfig = parse_config(row.attributes, arn, account_id)
        self.subscriptions: dict[str, Subscription] = {}
        """By key, in the order in which they were made."""
        self.sent: dict[str, Sent] = {}
        """Deduplication's memory, the first to end first."""

    def replace_row(self, row: TopicRow) -> None:
        self.row = row
        self.config = parse_config(row.attributes, self.arn, self._account_id)

    def counts(self) -> Mapping[str, int]:
        """State → subscriptions."""
        return Counter(one.row.state for one in self.subscriptions.values())


class Topics:
    """Every topic. Memory changes after the commit; changes of one another wait in line."""

    def __init__(self, database: Database, account: Account, clock: Clock) -> None:
        self.database = database
        self.account = account
        self.clock = clock
        self._topics: dict[str, Topic] = {}
        self._settling = asyncio.Lock()
        self.numbers = Numbers()

    def __iter__(self) -> Iterator[Topic]:
        return iter(list(self._topics.values()))

    def now_ms(self) -> int:
        return int(self.clock.wall_s() * 1000)

    async def load(self) -> None:
        """All that the disk holds."""
        account, now_ms = self.account, self.now_ms()
        found = await self.database.read(lambda c: rows.load_topics(c, account))
        self._topics = {row.name: self._make(row) for row in found}
        by_id = {topic.row.topic_id: topic for topic in self._topics.values()}
        for row in await self.database.read(rows.load_subscriptions):
            if row.topic_id in by_id:
                self._hold(by_id[row.topic_id], row)
        highest = max(by_id, default=0)
        for topic_id, key, message_id, number, until_ms in await self.database.read(
            rows.load_published
        ):
            highest = max(highest, number)
            if topic_id in by_id and until_ms > now_ms:
                by_id[topic_id].sent[key] = Sent(message_id, number, until_ms)
        self.numbers.begin(highest, now_ms)

    # Finding

    def arn(self, name: str) -> str:
        return topic_arn(self.account, name)

    def names(self) -> list[str]:
        return sorted(self._topics)

    def find(self, name: str) -> Topic | None:
        return self._topics.get(name)

    def find_arn(self, arn: str) -> Topic | None:
        """None where there is no such topic in this account and region."""
        prefix = self.arn("")
        return self._topics.get(arn.removeprefix(prefix)) if arn.startswith(prefix) else None

    def by_arn(self, arn: str, parameter: str = "TopicArn") -> Topic:
        """Raises LambdaError InvalidParameter, NotFound."""
        name = name_of_topic(arn, self.account, parameter)
        topic = None if name is None else self._topics.get(name)
        if topic is None:
            raise topic_does_not_exist()
        return topic

    def subscriptions(self) -> list[Subscription]:
        """Of all topics, those that count: pending and confirmed."""
        return [
            one
            for name in self.names()
            for one in self._topics[name].subscriptions.values()
            if one.row.state != DELETED
        ]

    def find_subscription(self, arn: str) -> Subscription | None:
        """Also one that is deleted and may come back."""
        topic = self.find_arn(arn.rpartition(":")[0])
        return None if topic is None else topic.subscriptions.get(arn.rpartition(":")[2])

    def subscription(self, arn: str) -> Subscription:
        """Raises LambdaError NotFound."""
        found = self.find_subscription(arn)
        if found is None or found.row.state == DELETED:
            raise subscription_does_not_exist()
        return found

    # Changing

    async def change(self, name: str, make: Callable[[Topic | None], TopicRow | None]) -> Topic:
        """Store the row that `make` wants of the topic `name`, decided when its turn has come.

        None: it stays as it is. `make` may raise.
        """
        async with self._settling:
            topic = self._topics.get(name)
            row = make(topic)
            if row is None:
                if topic is None:
                    raise topic_does_not_exist()
            elif topic is None:
                account = self.account
                await self.database.write(lambda c: rows.insert_topic(c, account, row))
                topic = self._topics[name] = self._make(row)
            else:
                await self.database.write(lambda c: rows.update_topic(c, row))
                topic.replace_row(row)
            return topic

    async def set_attributes(self, topic: Topic, asked: Mapping[str, str]) -> None:
        """'' takes an attribute away."""

        def make(now: Topic | None) -> TopicRow:
            if now is None:
                raise topic_does_not_exist()
            kept = {name: value for name, value in {**now.row.attributes, **asked}.items() if value}
            parse_config(kept, now.arn, self.account.account_id)
            return replace(now.row, attributes=kept)

        await self.change(topic.row.name, make)

    async def set_tags(self, topic: Topic, change: Callable[[dict[str, str]], None]) -> None:
        def make(now: Topic | None) -> TopicRow:
            if now is None:
                raise topic_does_not_exist()
            tags = dict(now.row.tags)
            change(tags)
            return replace(now.row, tags=tags)

        await self.change(topic.row.name, make)

    async def delete(self, topic: Topic) -> None:
        """With its subscriptions."""
        async with self._settling:
            topic_id = topic.row.topic_id
            await self.database.write(lambda c: rows.delete_topic(c, topic_id))
            if self._topics.get(topic.row.name) is topic:
                del self._topics[topic.row.name]

    async def change_subscription(
        self,
        topic: Topic,
        make: Callable[[], SubscriptionRow | None],
        also: Callable[[rows.Connection], None] = lambda connection: None,
    ) -> Subscription | None:
        """Store the row that `make` wants, decided when its turn has come, together with `also`.

        None: nothing changes. `make` may raise.
        """
        async with self._settling:
            if self._topics.get(topic.row.name) is not topic:
                raise topic_does_not_exist()
            row = make()
            if row is None:
                return None
            parse_subscription(row.attributes, fifo=topic.config.fifo)

            def write(connection: rows.Connection) -> None:
                rows.store_subscription(connection, row)
                also(connection)

            await self.database.write(write)
            return self._hold(topic, row)

    async def remove_subscriptions(self, found: list[Subscription]) -> None:
        """For ever."""
        keys = [one.row.key for one in found]
        async with self._settling:

            def write(connection: rows.Connection) -> None:
                for key in keys:
                    rows.delete_subscription(connection, key)

            await self.database.write(write)
            for one in found:
                one.topic.subscriptions.pop(one.row.key, None)

    async def sweep(self) -> None:
        """Forget what was never confirmed, what never came back, and what is no duplicate."""
        limit_s = self.clock.wall_s() - TOKEN_S
        over = [
            one
            for topic in self
            for one in topic.subscriptions.values()
            if one.row.state != CONFIRMED and one.row.changed_s <= limit_s
        ]
        if over:
            await self.remove_subscriptions(over)
        now_ms = self.now_ms()
        ended = [topic for topic in self if _forget_sent(topic, now_ms)]
        if ended:
            await self.database.write(lambda c: rows.delete_ended_published(c, now_ms))

    def _make(self, row: TopicRow) -> Topic:
        return Topic(row, self.arn(row.name), self.account.account_id)

    def _hold(self, topic: Topic, row: SubscriptionRow) -> Subscription:
        found = topic.subscriptions[row.key] = Subscription(row, topic)
        return found


def new_token() -> str:
    return secrets.token_hex(_TOKEN_BYTES)


def _forget_sent(topic: Topic, now_ms: int) -> bool:
    """Whether deduplication remembered something that is over."""
    over = [key for key, one in topic.sent.items() if one.until_ms <= now_ms]
    for key in over:
        del topic.sent[key]
    return bool(over)


__all__ = ["CONFIRMED", "DELETED", "PENDING", "Subscription", "Topic", "Topics", "new_token"]
