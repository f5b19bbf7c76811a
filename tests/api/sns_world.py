"""What the tests of SNS share: topics, queues that a topic may send to, and an HTTP endpoint."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.request import Request, urlopen

from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
_numbers = count()


def new_topic(sns: Any, **attributes: str) -> str:
    """The ARN of a topic of its own."""
    suffix = ".fifo" if attributes.get("FifoTopic") == "true" else ""
    name = f"topic-{next(_numbers)}{suffix}"
    return str(sns.create_topic(Name=name, Attributes=attributes)["TopicArn"])


class Inbox:
    """A queue that one topic may send to."""

    def __init__(self, sqs: Any, topic: str, **attributes: str) -> None:
        suffix = ".fifo" if attributes.get("FifoQueue") == "true" else ""
        name = f"inbox-{next(_numbers)}{suffix}"
        self._sqs = sqs
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        policy = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": self.arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
                },
            }
        )
        given = {"Policy": policy, **attributes}
        self.url = sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]

    def take(self, wait_s: int = 20) -> dict[str, Any]:
        """The next message, deleted."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url,
            WaitTimeSeconds=wait_s,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
        )
        [message] = answer["Messages"]
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        assert isinstance(message, dict)
        return message

    def envelope(self) -> dict[str, Any]:
        """The next message's body, parsed."""
        found = json.loads(self.take()["Body"])
        assert isinstance(found, dict)
        return found

    def is_empty(self) -> bool:
        return "Messages" not in self._sqs.receive_message(QueueUrl=self.url)


def subscribe(sns: Any, topic: str, inbox: Inbox, **attributes: str) -> str:
    """The subscription's ARN."""
    return str(
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes)[
            "SubscriptionArn"
        ]
    )


def sns_refusal(call: Any, **params: Any) -> tuple[str, str]:
    """(code, message) of the error that a call must answer."""
    try:
        call(**params)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"{params} was not refused")


class Endpoint:
    """An HTTP endpoint that tells what it was sent, and answers by a list of statuses."""

    def __init__(self) -> None:
        self.posts: queue.Queue[tuple[dict[str, str], str]] = queue.Queue()
        self.statuses: list[int] = []
        self.url = ""

    def take(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Headers in lower case, and the parsed body, of the next post."""
        headers, body = self.posts.get(timeout=60)
        return headers, json.loads(body)


@contextmanager
def listening() -> Iterator[Endpoint]:
    """An endpoint of one's own."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            status = endpoint.statuses.pop(0) if endpoint.statuses else 200
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
            endpoint.posts.put(({**headers, ":path": self.path}, body))

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/inbox?x=1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(url: str) -> str:
    """What is at an address, asked for without a signature."""
    with urlopen(Request(url), timeout=30) as answer:
        return str(answer.read().decode())
