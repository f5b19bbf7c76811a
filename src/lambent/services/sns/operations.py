"""SNS as one: its topics, who gets their messages, all operations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.request import Handler
from lambent.policy.document import PolicyDocument
from lambent.services.delivery.courier import Courier
from lambent.services.sns import rows
from lambent.services.sns.arns import ENDPOINT_SERVICE
from lambent.services.sns.http_carrier import AT_ONCE, HttpCarrier
from lambent.services.sns.permissions import Permissions
from lambent.services.sns.publish_operations import PublishOperations
from lambent.services.sns.publisher import Publisher
from lambent.services.sns.signing import Signer
from lambent.services.sns.subscription_operations import SubscriptionOperations
from lambent.services.sns.target import TopicTarget
from lambent.services.sns.topic_operations import TopicOperations
from lambent.services.sns.topics import Topics
from lambent.store.database import Database


class Sns:
    """Built by the app: `load` before the first call, `sweep` now and then, `stop` at the end.

    Adds to the courier what carries to HTTP endpoints.
    """

    def __init__(
        self, database: Database, account: Account, clock: Clock, *, courier: Courier, root: Path
    ) -> None:
        """`root`: the data folder, for the key that notifications are signed with."""
        self._database = database
        self.topics = Topics(database, account, clock)
        name = f"sns.{account.region}.amazonaws.com"
        self.signer = Signer(root / "sns-signing.json", clock, name)
        self._publisher = Publisher(self.topics, courier, self.signer)
        self.target = TopicTarget(self.topics, self._publisher)
        self._carrier = HttpCarrier(self.topics, clock)
        courier.carriers[ENDPOINT_SERVICE] = self._carrier
        courier.windows[ENDPOINT_SERVICE] = AT_ONCE

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            **TopicOperations(self.topics, self.signer).operations,
            **SubscriptionOperations(self.topics, self._publisher).operations,
            **PublishOperations(self.topics, self._publisher).operations,
            **Permissions(self.topics).operations,
        }

    async def load(self) -> None:
        """All topics and subscriptions, from the disk."""
        await self.topics.load()
        if self.topics.names():
            await self.signer.ready()

    def documents(self, arn: str) -> list[PolicyDocument]:
        """The policy of a topic, for those who decide on access."""
        topic = self.topics.find_arn(arn)
        return [] if topic is None else [topic.config.policy]

    def policies(self, arn: str) -> list[PolicyDocument] | None:
        """The same; None where there is no such topic."""
        return None if self.topics.find_arn(arn) is None else self.documents(arn)

    def certificate(self, path: str) -> str | None:
        """What is at a SigningCertURL."""
        return self.signer.find_certificate(path)

    async def sweep(self) -> None:
        """Forget what is over."""
        await self.topics.sweep()

    def stop(self) -> None:
        """Deliver nothing more over HTTP."""
        self._carrier.stop()

    async def reset(self) -> None:
        """Back to no topics."""
        await self._database.write(rows.delete_everything)
        await self.topics.load()
