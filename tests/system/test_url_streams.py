"""Function URLs with InvokeMode RESPONSE_STREAM. Sources: [DG] configuration-response-streaming and
urls-invocation; [LS] TestLambdaURL (echo_invoke[RESPONSE_STREAM], response_streaming)."""

from __future__ import annotations

import http.client
import json
import socket

import pytest

from tests.conftest import RunningServer
from tests.system.test_function_urls import Url, make_url

SOURCE = """
import boto3, json, os, time
class Typed:
    def __init__(self, parts, content_type):
        self.parts, self.content_type = iter(parts), content_type
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.parts)

def wait(event):
    client, arn = boto3.client("lambda"), event["queryStringParameters"]["arn"]
    while "go" not in client.list_tags(Resource=arn)["Tags"]:
        time.sleep(0.01)

def parts(event, how):
    if how == "/head":
        yield {"statusCode": 201, "headers": {"X-A": "b", "Content-Type": "text/html"},
               "cookies": ["c=1", "d=2"]}
    if how == "/no-body":
        yield {"statusCode": 204}
        return
    if how == "/bad-head":
        yield {"statusCode": "x"}
    if how == "/never":
        raise ValueError("before the first byte")
    yield "first "
    if how == "/wait":
        wait(event)
    if how == "/raise":
        raise KeyError("late")
    if how == "/exit":
        os._exit(3)
    yield b"second"
    if how == "/much":
        for _ in range(200):
            yield b"x" * 65536

def handler(event, context):
    how = event["rawPath"]
    if how == "/whole":
        return {"statusCode": 418, "body": json.dumps({"a": 1})}
    if how == "/typed":
        return Typed([b"a", b"b"], "text/event-stream")
    return parts(event, how)
"""


@pytest.fixture(scope="module")
def url(server: RunningServer) -> Url:
    made = make_url(server, "urls-stream", SOURCE, InvokeMode="RESPONSE_STREAM")
    server.client("lambda").update_function_configuration(
        FunctionName="urls-stream", Timeout=60, MemorySize=512
    )
    return made


def test_a_stream_is_passed_on_as_bytes(url: Url) -> None:
    response, body = url.ask()
    assert (response.status, body) == (200, b"first second")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.headers["x-amzn-requestid"]
    response, body = url.ask(target="/typed")
    assert (response.headers["content-type"], body) == ("text/event-stream", b"ab")


def test_a_stream_may_begin_with_status_headers_and_cookies(url: Url) -> None:
    response, body = url.ask(target="/head")
    assert (response.status, body) == (201, b"first second")
    assert response.headers["x-a"] == "b"
    assert response.headers["content-type"] == "text/html"
    assert response.headers.get_all("set-cookie") == ["c=1", "d=2"]


def test_the_first_bytes_leave_while_the_function_still_runs(
    server: RunningServer, url: Url
) -> None:
    client = server.client("lambda")
    arn = client.get_function_configuration(FunctionName="urls-stream")["FunctionArn"]
    with url.connected() as connection:
        connection.request("GET", f"/wait?arn={arn}", headers={"Host": url.host})
        response = connection.getresponse()
        assert response.read(6) == b"first "
        client.tag_resource(Resource=arn, Tags={"go": "1"})
        assert response.read() == b"second"


def test_what_does_not_stream_is_passed_on_unread(url: Url) -> None:
    """[LS] echo_invoke[RESPONSE_STREAM]: the result itself, statusCode and all."""
    response, body = url.ask(target="/whole")
    assert response.status == 200
    assert json.loads(body) == {"statusCode": 418, "body": '{"a": 1}'}


@pytest.mark.parametrize("how", ["/raise", "/exit"])
def test_a_stream_that_breaks_has_no_end(url: Url, how: str) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        url.ask(target=how)
    assert caught.value.partial == b"first "
    assert url.ask()[1] == b"first second"


@pytest.mark.parametrize("how", ["/never", "/bad-head"])
def test_what_breaks_before_the_first_byte_is_a_bad_gateway(url: Url, how: str) -> None:
    response, body = url.ask(target=how)
    assert (response.status, body) == (502, b"Internal Server Error")


def test_an_answer_without_a_body_is_one(url: Url) -> None:
    with url.connected() as connection:
        for method, path, status in (("GET", "/no-body", 204), ("HEAD", "/head", 201)):
            connection.request(method, path, headers={"Host": url.host})
            response = connection.getresponse()
            assert (response.status, response.read()) == (status, b"")
        connection.request("GET", "/", headers={"Host": url.host})
        assert connection.getresponse().read() == b"first second"


def test_a_client_that_leaves_amid_a_stream_leaves_nothing_broken(url: Url) -> None:
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", url.server.port), timeout=30) as connection:
            connection.sendall(f"GET /much HTTP/1.1\r\nHost: {url.host}\r\n\r\n".encode())
            assert connection.recv(1024).startswith(b"HTTP/1.1 200 OK\r\n")
    assert url.ask()[1] == b"first second"


def test_server_sent_events_carry_the_settings_headers(server: RunningServer) -> None:
    """A page that reads a stream of another origin needs them as well."""
    made = make_url(
        server,
        "urls-stream-cors",
        SOURCE,
        InvokeMode="RESPONSE_STREAM",
        Cors={"AllowOrigins": ["*"], "ExposeHeaders": ["x-a"]},
    )
    response, _ = made.ask(target="/head", headers={"Origin": "http://page.example"})
    assert response.headers["access-control-allow-origin"] == "http://page.example"
    assert response.headers["access-control-expose-headers"] == "x-a"
