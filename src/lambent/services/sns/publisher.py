"""Publishing: which subscriptions get a message, as what, written with one transaction.

A message for a subscriber is a row of the outbox in the transaction that accepts the message. The
messages of a FIFO topic go into their queues within that very transaction, since the outbox, which
tries again what failed, keeps no order.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

from lambent.domain.ids import new_request_id
from lambent.queue.targets import Landing
from lambent.services.delivery.courier import Courier
from lambent.services.delivery.gates import Sender
from lambent.services.sns import rows
from lambent.services.sns.arns import endpoint_arn
from lambent.services.sns.envelope import (
    NOTIFICATION,
    Seal,
    build_confirmation,
    build_notification,
    format_envelope,
    format_lambda_event,
    sealed,
)
from lambent.services.sns.messages import DEFAULT, Draft, Message
from lambent.services.sns.signing import Signer
from lambent.services.sns.topics import CONFIRMED, Subscription, Topic, Topics
from lambent.services.sqs.messages import format_sequence
from lambent.services.sqs.queues import Sent
from lambent.store.outbox import OutboxMessage

PRINCIPAL = "sns.amazonaws.com"
DEDUPLICATION_MS = 300_000
AGE_S_MAX = 23 * 86_400.0
"""SNS Developer Guide, "Amazon SNS message delivery retries": of functions and queues."""
TRIES_MAX = 100_016

TYPE, MESSAGE_ID, ADDRESS = "x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-address"
RAW = "x-amz-sns-rawdelivery"
"""What the carrier of HTTP endpoints is told beside the body."""


class Publication:
    """Messages on their way to a topic's subscribers: `queue.targets.Landing`."""

    def __init__(self, publisher: Publisher, topic: Topic) -> None:
        self._publisher = publisher
        self._topic = topic
        self.posts: list[OutboxMessage] = []
        self.landings: list[Landing] = []
        self.sent: list[tuple[str, Sent]] = []
        self._posted: list[OutboxMessage] = []

    def write(self, connection: sqlite3.Connection) -> None:
        """Inside the transaction."""
        post = self._publisher.courier.post
        self._posted = [post(connection, message) for message in self.posts]
        for landing in self.landings:
            landing.write(connection)
        for key, one in self.sent:
            topic_id = self._topic.row.topic_id
            rows.store_published(
                connection, topic_id, key, one.message_id, one.number, one.until_ms
            )

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        """After it."""
        for landing in self.landings:
            landing.settle_by(done)
        if not done.cancelled() and done.exception() is None:
            self._publisher.courier.posted(self._posted)
            return
        for key, one in self.sent:
            if self._topic.sent.get(key) is one:
                del self._topic.sent[key]


class Publisher:
    """To all topics."""

    def __init__(self, topics: Topics, courier: Courier, signer: Signer) -> None:
        self._topics = topics
        self._signer = signer
        self.courier = courier

    async def publish(
        self, topic: Topic, drafts: Sequence[Draft], trace: str
    ) -> list[tuple[str, str | None]]:
        """(message id, sequence number) of each, once all is on disk."""
        publication, answers = self.prepare(topic, drafts, trace)
        future = self._topics.database.submit(publication.write)
        future.add_done_callback(publication.settle_by)
        await asyncio.shield(future)
        return answers

    def prepare(
        self, topic: Topic, drafts: Sequence[Draft], trace: str
    ) -> tuple[Publication, list[tuple[str, str | None]]]:
        """What to write for `drafts`; (message id, sequence) of each, a duplicate's first one's.

        The caller writes it at once, in the order of its calls, and settles it.
        """
        publication = Publication(self, topic)
        answers: list[tuple[str, str | None]] = []
        now_ms = self._topics.now_ms()
        for draft in drafts:
            number = self._topics.numbers.next() if topic.config.fifo else 0
            sequence = format_sequence(number) if topic.config.fifo else None
            message_id = new_request_id()
            key = _dedup_key(topic, draft)
            known = topic.sent.get(key) if key is not None else None
            if known is not None and known.until_ms > now_ms:
                answers.append((known.message_id, format_sequence(known.number)))
                continue
            if key is not None:
                one = Sent(message_id, number, now_ms + DEDUPLICATION_MS)
                topic.sent[key] = one
                publication.sent.append((key, one))
            message = Message(
                message_id=message_id,
                draft=draft,
                time_s=self._topics.clock.wall_s(),
                sequence=sequence,
            )
            self._fan_out(publication, topic, message, trace)
            answers.append((message_id, sequence))
        return publication, answers

    def confirmation(
        self, kind: str, topic: Topic, row: rows.SubscriptionRow, about: str
    ) -> OutboxMessage:
        """What asks the owner of an HTTP endpoint to confirm; `about`: what, as an ARN."""
        message_id = new_request_id()
        values = build_confirmation(
            kind,
            message_id=message_id,
            time_s=self._topics.clock.wall_s(),
            topic_arn=topic.arn,
            subject=about,
            token=row.token,
            url=row.base_url,
        )
        body = format_envelope(sealed(values, self._seal(topic), row.base_url))
        return self.courier.message(
            endpoint_arn(f"{topic.arn}:{row.key}"),
            body,
            sender=Sender(principal=PRINCIPAL, source_arn=topic.arn),
            attributes=_for_carrier(kind, message_id, row.endpoint, raw=False),
        )

    def _fan_out(
        self, publication: Publication, topic: Topic, message: Message, trace: str
    ) -> None:
        seal = self._seal(topic)
        shared = _once(seal)  # the same words for all: one signature does
        for one in topic.subscriptions.values():
            if one.row.state != CONFIRMED:
                continue
            kept = one.config.filter
            draft = message.draft
            if kept is not None and not kept.lets_through(draft.attributes, draft.texts[DEFAULT]):
                continue
            own = one.row.protocol in draft.texts
            sent = self._message_for(one, message, seal if own else shared, trace)
            landing = self.courier.prepare(sent) if topic.config.fifo else None
            if landing is None:
                publication.posts.append(sent)
            else:
                publication.landings.append(landing)

    def _message_for(
        self, one: Subscription, message: Message, seal: Seal | None, trace: str
    ) -> OutboxMessage:
        row, draft = one.row, message.draft
        target, raw = row.endpoint, one.config.raw
        attributes: dict[str, Any] = {}
        if raw:
            body = draft.text_for(row.protocol)
            if row.protocol == "sqs":
                attributes = {name: _for_queue(value) for name, value in draft.attributes.items()}
        else:
            values = build_notification(
                message,
                row.protocol,
                topic_arn=one.topic.arn,
                subscription_arn=one.arn,
                base_url=row.base_url,
            )
            values = sealed(values, seal, row.base_url)
            if row.protocol == "lambda":
                body = format_lambda_event(values, one.arn)
            else:
                body = format_envelope(values)
        if row.protocol in ("http", "https"):
            target = endpoint_arn(one.arn)
            attributes = _for_carrier(NOTIFICATION, message.message_id, row.endpoint, raw=raw)
        to_fifo = target.endswith(".fifo")
        return self.courier.message(
            target,
            body,
            sender=Sender(principal=PRINCIPAL, source_arn=one.topic.arn),
            attributes=attributes,
            group_id=draft.group_id if row.protocol == "sqs" else None,
            dedup_id=draft.dedup_id if to_fifo else None,
            trace=trace,
            dead_letter_arn=one.config.dead_letter_arn,
            age_s_max=AGE_S_MAX,
            tries_max=TRIES_MAX,
        )

    def _seal(self, topic: Topic) -> Seal | None:
        """None for FIFO topics, which do not sign. [LS]"""
        if topic.config.fifo:
            return None
        return Seal(
            version=topic.config.signature_version,
            sign=self._signer.sign,
            certificate_path=self._signer.certificate_path,
        )


def _once(seal: Seal | None) -> Seal | None:
    """A seal that signs the first text only, and gives that signature from then on."""
    if seal is None:
        return None
    made: list[str] = []

    def sign(version: str, text: str) -> str:
        if not made:
            made.append(seal.sign(version, text))
        return made[0]

    return Seal(version=seal.version, sign=sign, certificate_path=seal.certificate_path)


def _dedup_key(topic: Topic, draft: Draft) -> str | None:
    if not topic.config.fifo:
        return None
    group = draft.group_id if topic.config.deduplicates_by_group else ""
    return f"{group}\n{draft.dedup_id}"


def _for_queue(value: Any) -> dict[str, Any]:
    """A message attribute as SQS takes it: String.Array is a kind of String there too."""
    return {name: one for name, one in value.items() if one}


def _for_carrier(kind: str, message_id: str, address: str, *, raw: bool) -> dict[str, Any]:
    told = {TYPE: kind, MESSAGE_ID: message_id, ADDRESS: address}
    if raw:
        told[RAW] = "true"
    return {name: {"DataType": "String", "StringValue": text} for name, text in told.items()}
