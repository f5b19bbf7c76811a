"""Requests without botocore, which would refuse wrong ones itself, and AWS's form of errors."""

from __future__ import annotations

import http.client
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import RunningServer

FUNCTIONS = "/2015-03-31/functions"
TAGS = "/2017-03-31/tags"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    value: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.headers.get("content-type", "").startswith("application/"):
            self.value = json.loads(self.body or b"null")


def send(
    server: RunningServer,
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    headers: dict[str, str] | None = None,
    service: str = "lambda",
) -> Answer:
    """One request without botocore, which would refuse most of these itself."""
    scope = f"Credential=test/20260101/us-east-1/{service}/aws4_request"
    sent = {"authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"}
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        link.request(method, path, body, {**sent, **(headers or {})})
        answer = link.getresponse()
        return Answer(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read(),
        )
    finally:
        link.close()


def assert_error(answer: Answer, status: int, code: str, message: str, *, name: str) -> None:
    """In Lambda's form; `name` is the message's field, whose case differs [LS-snap]."""
    assert (answer.status, answer.headers.get("x-amzn-errortype")) == (status, code), answer
    assert answer.value[name] == message
    assert ({"message", "Message"} & set(answer.value)) == {name}
    assert_identified(answer)


def assert_identified(answer: Answer) -> None:
    assert str(uuid.UUID(answer.headers["x-amzn-requestid"])) == answer.headers["x-amzn-requestid"]
