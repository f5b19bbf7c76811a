"""Calls to endpoints that speak AWS's protocol."""

from __future__ import annotations

import asyncio

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.domain.credentials import TemporaryCredentials
from lambent.domain.errors import LambdaError
from lambent.settings import parse_source_endpoints
from lambent.sources.aws_call import Endpoint, call, sign

KEYS = TemporaryCredentials(key_id="AKIAEXAMPLE", secret="s3cret", token="tok", expires_s=2**62)
BODY = b'{"QueueUrl": "u"}'


def test_signatures_are_botocores() -> None:
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": "sqs.eu-west-1.amazonaws.com",
        "x-amz-security-token": "tok",
        "x-amz-target": "AmazonSQS.ReceiveMessage",
    }
    request = AWSRequest("POST", f"https://{headers['host']}/", data=BODY, headers=headers)
    SigV4Auth(Credentials("AKIAEXAMPLE", "s3cret", "tok"), "sqs", "eu-west-1").add_auth(request)
    ours = {**headers, "x-amz-date": request.headers["X-Amz-Date"]}
    assert sign(ours, BODY, KEYS, "eu-west-1", "sqs") == request.headers["Authorization"]


async def _ask(answer: bytes) -> dict[str, object]:
    """What a server makes of it that answers so to anything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint(url=f"http://127.0.0.1:{port}", service="sqs", target="AmazonSQS")
    try:
        return await call(endpoint, "X", {}, credentials=KEYS, region="r", now_s=0.0)
    finally:
        server.close()
        await server.wait_closed()


async def test_answers_come_whole_or_in_chunks() -> None:
    whole = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = head + b'3;x\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n'
    assert await _ask(whole) == {"a": 1}
    assert await _ask(chunks) == {"a": 1}


async def test_an_error_has_its_code_and_text() -> None:
    body = b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}'
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body)
    with pytest.raises(LambdaError, match="gone") as caught:
        await _ask(head + body)
    assert caught.value.code == "QueueDoesNotExist"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ok>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_answer_of_aws_is_an_oserror(answer: bytes) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # each has a text of its own
        await _ask(answer)


def test_endpoints_of_sources_are_services_with_urls() -> None:
    assert parse_source_endpoints("sqs=https://host:1/") == {"sqs": "https://host:1"}
    for text in ("sqs", "sqs=host", "kinesis=https://host", "=https://host"):
        with pytest.raises(ValueError, match="LAMBENT_SOURCE_ENDPOINTS"):
            parse_source_endpoints(text)
