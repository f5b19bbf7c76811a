"""InvokeWithResponseStream against a running server: what leaves, when, and what ends it.

Sources: [DG] configuration-response-streaming; [B]; facts, 'Invoke wire', 'Function error payloads'
"""

from __future__ import annotations

import base64
import json
import re
import socket
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from tests.conftest import RunningServer


def open_stream(client: Any, name: str, event: Any = None, **more: Any) -> Any:
    return client.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event), **more)


def read_all(answer: Any) -> tuple[bytes, dict[str, Any]]:
    """All chunks, joined, and InvokeComplete."""
    *chunks, last = list(answer["EventStream"])
    return b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks), last["InvokeComplete"]


PARTS = """
def handler(event, context):
    for part in event:
        yield part
"""


def test_what_a_handler_yields_arrives_in_chunks(server: RunningServer) -> None:
    client = server.create("streaming-parts", PARTS)
    answer = open_stream(client, "streaming-parts", ["one ", "two ", "drei ä"])
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    assert read_all(answer) == ("one two drei ä".encode(), {})
    assert read_all(open_stream(client, "streaming-parts", [])) == (b"", {})


def test_the_first_part_arrives_while_the_function_still_runs(server: RunningServer) -> None:
    """The function goes on only after the test has read its first part."""
    source = """
import boto3, time
def handler(event, context):
    yield "first"
    client = boto3.client("lambda")
    while "go" not in client.list_tags(Resource=event)["Tags"]:
        time.sleep(0.01)
    yield "second"
"""
    gate = "streaming-gate"
    client = server.create(gate, PARTS)
    arn = client.get_function_configuration(FunctionName=gate)["FunctionArn"]
    server.create("streaming-first", source, Timeout=60, MemorySize=512)
    events = iter(open_stream(client, "streaming-first", arn)["EventStream"])
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    client.tag_resource(Resource=arn, Tags={"go": "1"})
    assert next(events) == {"PayloadChunk": {"Payload": b"second"}}
    assert list(events) == [{"InvokeComplete": {}}]


def test_a_function_that_does_not_stream_answers_as_one_chunk(server: RunningServer) -> None:
    client = server.create("streaming-not", "def handler(event, context):\n    return event\n")
    assert read_all(open_stream(client, "streaming-not", {"a": 1})) == (b'{"a": 1}', {})


def test_a_buffered_invoke_collects_what_a_function_streams(server: RunningServer) -> None:
    client = server.create("streaming-buffered", PARTS)
    answer = client.invoke(FunctionName="streaming-buffered", Payload=b'["a", "b"]')
    assert answer["Payload"].read() == b"ab"
    assert "FunctionError" not in answer


def test_a_collected_stream_over_6_mb_is_too_large(server: RunningServer) -> None:
    source = """
def handler(event, context):
    for _ in range(event):
        yield b"x" * 1048576
"""
    client = server.create("streaming-large", source, Timeout=30)
    answer = client.invoke(FunctionName="streaming-large", Payload=b"7")
    assert json.load(answer["Payload"])["errorType"] == "Function.ResponseSizeTooLarge"
    answer = client.invoke(FunctionName="streaming-large", Payload=b"6")
    assert len(answer["Payload"].read()) == 6 * 1024 * 1024
    body, complete = read_all(open_stream(client, "streaming-large", 7))
    assert (len(body), complete) == (7 * 1024 * 1024, {})


BREAKS = """
import os, time
def handler(event, context):
    print("inside")
    if event == "at once":
        raise ValueError("never began")
    yield "part"
    if event == "raise":
        raise KeyError("late")
    if event == "exit":
        os._exit(3)
    if event == "memory":
        held = [bytearray(b"x" * 8388608) for _ in range(64)]
    if event == "sleep":
        time.sleep(60)
    yield context.log_stream_name
"""
ENDS = {
    "at once": (b"", "ValueError", "never began"),
    "raise": (b"part", "KeyError", "'late'"),
    "exit": (b"part", "Runtime.ExitError", "exit status 3"),
    "memory": (b"part", "Runtime.OutOfMemory", "signal: killed"),
    "sleep": (b"part", "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
}


@pytest.mark.parametrize("how", ENDS)
def test_what_breaks_a_stream_is_told_by_its_last_event(server: RunningServer, how: str) -> None:
    name = f"streaming-breaks-{how.replace(' ', '-')}"
    client = server.create(name, BREAKS, Timeout=2 if how == "sleep" else 60)
    body, complete = read_all(open_stream(client, name, how, LogType="Tail"))
    sent, error_type, text = ENDS[how]
    assert (body, complete["ErrorCode"]) == (sent, error_type)
    details = json.loads(complete["ErrorDetails"])
    assert details["errorType"] == error_type
    assert text in details["errorMessage"]
    tail = base64.b64decode(complete["LogResult"]).decode()
    assert re.search(r"^START .*\ninside\n", tail)
    assert "REPORT RequestId" in tail
    body, complete = read_all(open_stream(client, name, "well"))
    assert body.startswith(b"part20")
    assert complete == {}


def test_a_handlers_error_amid_a_stream_leaves_the_environment_warm(server: RunningServer) -> None:
    client = server.create("streaming-warm", BREAKS)
    before = read_all(open_stream(client, "streaming-warm", "well"))
    assert read_all(open_stream(client, "streaming-warm", "raise"))[1]["ErrorCode"] == "KeyError"
    assert read_all(open_stream(client, "streaming-warm", "well")) == before


def test_the_head_of_an_http_answer_is_passed_on_as_it_is(server: RunningServer) -> None:
    source = """
def handler(event, context):
    yield {"statusCode": 200}
    yield "body"
"""
    client = server.create("streaming-http", source)
    assert read_all(open_stream(client, "streaming-http")) == (
        b'{"statusCode": 200}' + bytes(8) + b"body",
        {},
    )


def raw_request(server: RunningServer, name: str, event: Any, version: str = "1.1") -> bytes:
    body = json.dumps(event).encode()
    return (
        f"POST /2021-11-15/functions/{name}/response-streaming-invocations HTTP/{version}\r\n"
        f"host: 127.0.0.1:{server.port}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def test_a_connection_serves_on_after_a_stream(server: RunningServer) -> None:
    """Two streams in one pipeline, then an Invoke."""
    server.create("streaming-again", PARTS)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        request = raw_request(server, "streaming-again", ["x" * 50])
        connection.sendall(request + request)
        data = b""
        while data.count(b"\r\n0\r\n\r\n") < 2:
            part = connection.recv(65536)
            assert part, data
            data += part
        assert data.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert data.count(b"transfer-encoding: chunked") == 2
        assert data.count(b"InvokeComplete") == 2
        invoke = b"POST /2015-03-31/functions/streaming-again/invocations HTTP/1.1\r\n"
        connection.sendall(invoke + b"host: a\r\ncontent-length: 5\r\n\r\n" + b'["y"]')
        data = b""
        while not data.endswith(b"\r\n\r\ny"):
            part = connection.recv(65536)
            assert part, data
            data += part


def test_a_client_of_http_1_0_gets_an_unchunked_body_that_ends_with_the_connection(
    server: RunningServer,
) -> None:
    server.create("streaming-old", PARTS)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(raw_request(server, "streaming-old", ["some", "parts"], "1.0"))
        data = b""
        while part := connection.recv(65536):
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    *chunks, last = [event.payload for event in buffer]
    assert b"".join(chunks) == b"someparts"
    assert last == b"{}"
