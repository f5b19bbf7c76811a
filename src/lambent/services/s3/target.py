"""Buckets as destinations of failed asynchronous invocations: `queue.targets.Target`.

Source: Developer Guide, "Capturing records of Lambda asynchronous invocations": the objects' names.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import uuid
from datetime import UTC, datetime
from typing import Any

from lambent.domain.ids import new_request_id
from lambent.domain.request import RequestContext
from lambent.policy.principal import root_of
from lambent.queue.targets import Letter
from lambent.services.s3 import body_rows, object_rows
from lambent.services.s3.bodies import Segment
from lambent.services.s3.calls import Call
from lambent.services.s3.errors import S3Error
from lambent.services.s3.model import About, ObjectVersion
from lambent.services.s3.state import State, fresh_version_id
from lambent.store.events import insert_discard
from lambent.store.outbox import OutboxMessage

_BUCKET_ARN = "arn:aws:s3:::"


class BucketTarget:
    """Takes records as objects."""

    def __init__(self, state: State) -> None:
        self._state = state

    def prepare(self, arn: str, letter: Letter) -> RecordLanding | None:
        """None where there is no such bucket."""
        bucket = arn.removeprefix(_BUCKET_ARN)
        if bucket not in self._state.buckets:
            return None
        return RecordLanding(self._state, bucket, letter)


class RecordLanding:
    """One record on its way to become an object."""

    def __init__(self, state: State, bucket: str, letter: Letter) -> None:
        self._state = state
        self._letter = letter
        self._messages: list[OutboxMessage] = []
        record = json.loads(letter.body)
        self._function = record["requestContext"]["functionArn"].split(":")[6]
        content = letter.body.encode()
        self._content = content
        self._fresh_id = fresh_version_id()
        segment = Segment(state.bodies.new_id(), len(content))
        now_s = state.now_s()
        self._draft = ObjectVersion(
            bucket=bucket,
            key=_key(self._function, now_s),
            size=len(content),
            etag=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            modified_s=now_s,
            about=About(content_type="application/json"),
            segments=(segment,),
        )

    def write(self, connection: sqlite3.Connection) -> None:
        """Inside the transaction."""
        state, draft = self._state, self._draft
        try:
            version, _ = object_rows.put_version(connection, draft, self._fresh_id)
        except S3Error:  # deleted since it was looked up
            insert_discard(
                connection,
                state.account,
                function_name=self._function,
                target_arn=f"{_BUCKET_ARN}{draft.bucket}",
                record=self._letter.body,
                now_s=state.clock.wall_s(),
            )
            return
        body_rows.insert_body(connection, draft.segments[0].body_id, self._content)
        self._messages = state.notifier.post(connection, "ObjectCreated:Put", version, self._call())

    def settle_by(self, done: asyncio.Future[Any]) -> None:
        """After it, whether it was committed or not."""
        state = self._state
        state.bodies.settled([self._draft.segments[0].body_id])
        if not done.cancelled() and done.exception() is None:
            state.notifier.sent(self._messages)

    def _call(self) -> Call:
        """What the record of the bucket's own event tells of the writer."""
        account = self._state.account
        context = RequestContext(
            account=account,
            request_id=new_request_id(),
            endpoint="",
            principal=root_of(account.account_id),
        )
        headers = {"x-amzn-trace-id": self._letter.trace} if self._letter.trace else {}
        return Call(params={}, context=context, headers=headers)


def _key(function: str, now_s: float) -> str:
    """`aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>`"""
    moment = datetime.fromtimestamp(now_s, UTC)
    return (
        f"aws/lambda/async/{function}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
    )
