"""Queues that rules may send to, and what arrives in them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.api.test_sqs_messages import receive

PREFIX = "arn:aws:sqs:us-east-1:000000000000:"


def open_queue(sqs: Any, name: str, principal: str = "events.amazonaws.com", **more: str) -> str:
    """The URL of a queue that lets `principal` send."""
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": principal},
            "Action": "sqs:SendMessage",
            "Resource": PREFIX + name,
        },
    }
    attributes = {"Policy": json.dumps(policy), **more}
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def next_message(sqs: Any, url: str) -> dict[str, Any]:
    """The next message with its attributes; it is deleted."""
    asked = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    [message] = receive(sqs, url, WaitTimeSeconds=20, **asked)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return dict(message)


def next_body(sqs: Any, url: str) -> Any:
    """The next message's body, parsed."""
    return json.loads(next_message(sqs, url)["Body"])


def entry(detail: Any, **more: Any) -> dict[str, Any]:
    """An entry of PutEvents."""
    text = detail if isinstance(detail, str) else json.dumps(detail)
    return {"Source": "shop", "DetailType": "order", "Detail": text, **more}


def eventually(probe: Callable[[], Any], wait_s: float = 60.0) -> Any:
    """What `probe` gives once that is something."""
    deadline = time.monotonic() + wait_s
    while not (found := probe()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found
