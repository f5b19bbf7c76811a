"""The events that writes cause: found by the bucket's configuration, put into the outbox."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from lambent.clock import Clock
from lambent.domain.arns import Account, parse_function_ref
from lambent.domain.errors import LambdaError
from lambent.domain.lineage import count_of
from lambent.services.delivery.courier import Courier
from lambent.services.delivery.gates import Sender
from lambent.services.s3.calls import Call
from lambent.services.s3.filters import rules_of
from lambent.services.s3.model import Bucket, ObjectVersion
from lambent.services.s3.records import Happening, bucket_arn, build_bus_event, build_record
from lambent.store.outbox import OutboxMessage

log = logging.getLogger("lambent")

PRINCIPAL = "s3.amazonaws.com"
_TRACE = "x-amzn-trace-id"


class Notifier:
    """Of one account."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        courier: Courier,
        find_bucket: Callable[[str], Bucket | None],
    ) -> None:
        self._account = account
        self._clock = clock
        self._find_bucket = find_bucket
        self.courier = courier

    def post(
        self, connection: sqlite3.Connection, event: str, version: ObjectVersion, call: Call
    ) -> list[OutboxMessage]:
        """Inside the transaction of the write; the answer is for `sent`."""
        bucket = self._find_bucket(version.bucket)
        if bucket is None or "notification" not in bucket.configuration:
            return []
        happening = Happening(
            event=event,
            version=version,
            account=self._account,
            region=bucket.region,
            wall_s=self._clock.wall_s(),
            principal_id=call.context.principal.user_id or self._account.account_id,
            source_ip=call.source_ip,
            request_id=call.context.request_id,
        )
        trace = call.headers.get(_TRACE, "")
        sender = sender_of(bucket.name)
        return [
            self.courier.post(
                connection, self.courier.message(target, body, sender=sender, trace=trace)
            )
            for target, body in self._due(bucket, happening, trace)
        ]

    def sent(self, messages: Iterable[OutboxMessage]) -> None:
        """After the commit."""
        self.courier.posted(messages)

    def bus_arn(self) -> str:
        """The account's default event bus."""
        return f"arn:aws:events:{self._account.region}:{self._account.account_id}:event-bus/default"

    def _due(self, bucket: Bucket, happening: Happening, trace: str) -> Iterator[tuple[str, str]]:
        """Target and body of all that the event is for."""
        configuration = bucket.configuration["notification"]
        for rule in rules_of(configuration):
            if rule.fits(happening.event, happening.version.key):
                if trace:
                    self._warn_of_loop(bucket.name, rule.target_arn, trace)
                yield rule.target_arn, build_record(happening, rule.id)
        if configuration.get("EventBridgeConfiguration") is not None:
            yield self.bus_arn(), build_bus_event(happening)

    def _warn_of_loop(self, bucket: str, target_arn: str, trace: str) -> None:
        """A function that a bucket triggers and that writes to it calls itself without end."""
        try:
            name = parse_function_ref(target_arn, self._account).name
        except LambdaError:
            return
        if count_of(trace.encode("latin-1", "replace"), name):
            _warn_once(bucket, name)


@lru_cache(maxsize=1024)
def _warn_once(bucket: str, function: str) -> None:
    log.warning(
        "function %s is triggered by bucket %s and writes to it: unless a prefix or suffix of the"
        " notification keeps its output out, it calls itself (it is stopped after 16 turns)",
        function,
        bucket,
    )


def sender_of(bucket: str) -> Sender:
    return Sender(principal=PRINCIPAL, source_arn=bucket_arn(bucket))
