"""A gate that functions wait at until the test opens it: what shall run at once then surely does,
however slow the host is.

Waiting is a long poll of a queue of the server itself; each message lets one invocation through.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import RunningServer

WAIT = """
import os, urllib.parse, urllib.request

def wait_at(gate):
    asked = {"Action": "ReceiveMessage", "Version": "2012-11-05", "QueueUrl": gate,
             "WaitTimeSeconds": "20", "VisibilityTimeout": "43200"}
    body = urllib.parse.urlencode(asked).encode()
    while True:
        with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/", body) as answer:
            if b"<MessageId>" in answer.read():
                return
"""
"""What a function's code begins with that waits at a gate, whose `url` its event brings."""

BATCH_MAX = 10


class Gate:
    """Closed at first."""

    def __init__(self, server: RunningServer) -> None:
        self._sqs = server.client("sqs")
        self.url: str = self._sqs.create_queue(QueueName=f"gate-{uuid.uuid4().hex}")["QueueUrl"]

    def open(self, count: int) -> None:
        """Let so many through, those that come later too."""
        for start in range(0, count, BATCH_MAX):
            numbers = range(start, min(count, start + BATCH_MAX))
            entries = [{"Id": str(number), "MessageBody": "go"} for number in numbers]
            answer = self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
            assert not answer.get("Failed")
