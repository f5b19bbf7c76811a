"""Function URLs over real HTTP, by host name and by path, with real functions."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conftest import RunningServer, running
from tests.system.host import wait_for

ECHO = """
import json
def handler(event, context):
    print("called", context.aws_request_id, context.invoked_function_arn)
    return {"statusCode": 200, "body": json.dumps(event)}
"""
RESULT = """
import json
def handler(event, context):
    return json.loads(event["body"])
"""
FORBIDDEN = {  # [LS] TestLambdaPermissions.test_lambda_permission_url_invocation
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
}


class Url:
    """A function's URL and a client of it that resolves no names."""

    def __init__(self, server: RunningServer, url: str) -> None:
        self.server = server
        self.url = url
        self.host = url.removeprefix("http://").rstrip("/")
        self.id = self.host.partition(".")[0]

    def ask(
        self,
        method: str = "GET",
        target: str = "/",
        body: bytes | str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[http.client.HTTPResponse, bytes]:
        with self.connected() as connection:
            connection.request(method, target, body, {"Host": self.host, **(headers or {})})
            response = connection.getresponse()
            return response, response.read()

    def event(self, method: str = "GET", target: str = "/", **more: Any) -> Any:
        response, body = self.ask(method, target, **more)
        assert response.status == 200, body
        return json.loads(body)

    @contextmanager
    def connected(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            yield connection
        finally:
            connection.close()


def make_url(server: RunningServer, name: str, source: str, **config: Any) -> Url:
    client = server.create(name, source)
    given = {"AuthType": "NONE", **config}
    return Url(server, client.create_function_url_config(FunctionName=name, **given)["FunctionUrl"])


@pytest.fixture(scope="module")
def echo(server: RunningServer) -> Url:
    return make_url(server, "urls-echo", ECHO)


@pytest.fixture(scope="module")
def result(server: RunningServer) -> Url:
    """Answers with what its body holds, as its result."""
    return make_url(server, "urls-result", RESULT)


def as_result(url: Url, value: Any, **more: Any) -> tuple[http.client.HTTPResponse, bytes]:
    return url.ask("POST", "/", json.dumps(value), {"content-type": "application/json"}, **more)


def test_a_request_by_host_name_reaches_the_function(server: RunningServer, echo: Url) -> None:
    event = echo.event(
        "POST",
        "/a%2Fb/c;d?x=1&x=2&y=%C3%A4",
        body="{}",
        headers={
            "Content-Type": "application/json",
            "Cookie": "a=b; c=d",
            "X-Two": "1",
            "User-Agent": "test",
        },
    )
    assert event["rawPath"] == "/a%2Fb/c;d"
    assert event["rawQueryString"] == "x=1&x=2&y=%C3%A4"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "ä"}
    assert event["cookies"] == ["a=b", "c=d"]
    assert (event["body"], event["isBase64Encoded"]) == ("{}", False)
    headers = event["headers"]
    assert headers["host"] == echo.host
    assert headers["x-two"] == "1"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-port"] == str(server.port)
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["x-amzn-trace-id"])
    context = event["requestContext"]
    assert context["domainName"] == f"{echo.id}.lambda-url.us-east-1.localhost"
    assert context["domainPrefix"] == context["apiId"] == echo.id
    assert context["accountId"] == "anonymous"
    assert context["http"] == {
        "method": "POST",
        "path": "/a%2Fb/c;d",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "test",
    }


@pytest.mark.parametrize(
    "host",
    [
        "{id}.lambda-url.us-east-1.on.aws",
        "{id}.lambda-url.us-east-1.localhost",
        "{id}.lambda-url.us-east-1.localhost.localstack.cloud:4566",
        "{id}.LAMBDA-URL.us-east-1.LocalHost",
        "{id}.lambda-url.us-east-1",
    ],
)
def test_any_domain_after_the_region_will_do(echo: Url, host: str) -> None:
    named = host.format(id=echo.id)
    event = echo.event(headers={"Host": named})
    assert event["requestContext"]["domainName"] == named.lower().partition(":")[0]


@pytest.mark.parametrize(
    ("rest", "path"), [("", "/"), ("/", "/"), ("/x/invocations", "/x/invocations")]
)
def test_a_path_of_the_server_leads_there_too(echo: Url, rest: str, path: str) -> None:
    event = echo.event(
        "POST",
        f"/_lambent/url/{echo.id}{rest}?q=1",
        headers={"Host": f"127.0.0.1:{echo.server.port}"},
    )
    assert event["rawPath"] == path
    assert event["rawQueryString"] == "q=1"
    assert event["requestContext"]["domainName"].startswith(f"{echo.id}.lambda-url.")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_every_method_arrives(echo: Url, method: str) -> None:
    response, body = echo.ask(method, "/2015-03-31/functions")
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    length = int(response.headers["content-length"])
    if method == "HEAD":
        assert (body, length > 0) == (b"", True)
    else:
        event = json.loads(body)
        assert event["requestContext"]["http"]["method"] == method
        assert event["rawPath"] == "/2015-03-31/functions"
        assert "body" not in event


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("0123456789abcdefghijklmnopqrstuv.lambda-url.us-east-1.localhost", "/"),
        ("{id}.lambda-url.eu-west-1.localhost", "/"),
        (".lambda-url.us-east-1.localhost", "/"),
        ("127.0.0.1", "/_lambent/url/0123456789abcdefghijklmnopqrstuv/"),
        ("127.0.0.1", "/_lambent/url/"),
    ],
)
def test_a_url_that_is_not_there_is_forbidden(echo: Url, host: str, path: str) -> None:
    """[LS] TestLambdaURL.test_lambda_url_non_existing_url."""
    response, body = echo.ask("GET", path, headers={"Host": host.format(id=echo.id)})
    assert response.status == 403
    assert body == b'{"Message":null}'
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-amzn-errortype"] == "AccessDeniedException"


def test_a_url_is_of_its_alias_and_goes_with_it(server: RunningServer) -> None:
    client = server.create("urls-alias", ECHO)
    client.publish_version(FunctionName="urls-alias")
    client.create_alias(FunctionName="urls-alias", Name="live", FunctionVersion="1")
    made = client.create_function_url_config(
        FunctionName="urls-alias", Qualifier="live", AuthType="NONE"
    )
    url = Url(server, made["FunctionUrl"])
    response, body = url.ask()
    request_id = json.loads(body)["requestContext"]["requestId"]
    assert response.headers["x-amzn-requestid"] == request_id
    logs = server.client("logs")

    def lines() -> str:
        found = logs.filter_log_events(logGroupName="/aws/lambda/urls-alias")["events"]
        text = "".join(one["message"] for one in found)
        return text if f"REPORT RequestId: {request_id}" in text else ""

    text = wait_for(lines, "the log")
    assert f"START RequestId: {request_id} Version: 1" in text
    assert (
        f"called {request_id} arn:aws:lambda:us-east-1:000000000000:function:urls-alias:live"
        in text
    )
    client.delete_alias(FunctionName="urls-alias", Name="live")
    assert url.ask()[0].status == 403


def test_results_become_responses(result: Url) -> None:
    response, body = as_result(
        result,
        {
            "statusCode": "418",
            "headers": {"X-A": "ä", "Connection": "close", "Content-Type": "text/plain"},
            "cookies": ["a=1", "b=2; Path=/"],
            "body": "aGk=",
            "isBase64Encoded": True,
        },
    )
    assert (response.status, body) == (418, b"hi")
    assert response.headers["x-a"].encode("latin-1").decode() == "ä"
    assert response.headers["x-amzn-remapped-connection"] == "close"
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2; Path=/"]
    assert response.headers["x-amzn-trace-id"].startswith("Root=1-")
    for value, expected in ((["a", 1], b'["a",1]'), ("text", b"text"), (None, b"null")):
        response, body = as_result(result, value)
        assert (response.status, body) == (200, expected)
        assert response.headers["content-type"] == "application/json"
    response, body = as_result(result, {"statusCode": 299, "body": "odd"})
    assert (response.status, body) == (299, b"odd")


def test_what_is_no_response_is_a_bad_gateway(result: Url) -> None:
    """[LS] TestLambdaURL.test_lambda_url_invocation_exception: text and status."""
    for value in ({"statusCode": 1}, {"statusCode": 200, "headers": {"a\nb": "c"}}):
        response, body = as_result(result, value)
        assert (response.status, body) == (502, b"Internal Server Error")
    response, body = result.ask("POST", "/", "no json", {"content-type": "text/plain"})
    assert (response.status, body) == (502, b"Internal Server Error")
    assert response.headers["x-amzn-requestid"]


def test_one_connection_serves_many_requests(echo: Url, result: Url) -> None:
    with echo.connected() as connection:
        for number in range(5):
            host = (echo if number % 2 else result).host
            connection.request(
                "POST", f"/{number}", "[1]", {"Host": host, "Content-Type": "text/x"}
            )
            response = connection.getresponse()
            body = json.loads(response.read())
            assert response.status == 200
            assert body == [1] if number % 2 == 0 else body["rawPath"] == f"/{number}"
        connection.request("HEAD", "/", headers={"Host": echo.host})
        assert connection.getresponse().read() == b""
        connection.request("GET", "/last", headers={"Host": echo.host})
        assert json.loads(connection.getresponse().read())["rawPath"] == "/last"


def test_bodies_of_up_to_six_megabytes_pass(server: RunningServer) -> None:
    source = """
import base64, hashlib
def handler(event, context):
    body = event["body"]
    data = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
    return {"statusCode": 200, "body": hashlib.sha256(data).hexdigest() + str(len(data))}
"""
    import hashlib

    url = make_url(server, "urls-large", source)
    binary = bytes(range(256)) * 4096 * 4  # 4 MiB, 5.3 in base64
    response, body = url.ask("POST", "/", binary)
    assert (response.status, body.decode()) == (
        200,
        hashlib.sha256(binary).hexdigest() + str(len(binary)),
    )
    text = b"x" * 6_000_000
    response, body = url.ask("POST", "/", text, {"content-type": "text/plain"})
    assert body.decode() == hashlib.sha256(text).hexdigest() + "6000000"
    for size in (5 * 1024 * 1024, 7 * 1024 * 1024):  # the first by base64, the second by itself
        response, body = url.ask("POST", "/", b"\0" * size)
        assert response.status == 413
        assert response.headers["x-amzn-errortype"] == "RequestEntityTooLargeException"
        assert "must be smaller than 6291456 bytes" in json.loads(body)["Message"]


def test_a_browser_is_answered_by_the_settings(server: RunningServer) -> None:
    origin = "http://page.example"
    source = """
def handler(event, context):
    assert event["requestContext"]["http"]["method"] != "OPTIONS"
    return {"statusCode": 200, "headers": {"access-control-allow-origin": "*"}, "body": "x"}
"""
    url = make_url(
        server,
        "urls-cors",
        source,
        Cors={
            "AllowOrigins": [origin],
            "AllowMethods": ["PUT"],
            "AllowHeaders": ["x-a"],
            "MaxAge": 7,
        },
    )
    question = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    response, body = url.ask("OPTIONS", "/", headers=question)
    assert (response.status, body) == (200, b"")
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["access-control-allow-methods"] == "PUT"
    assert response.headers["access-control-allow-headers"] == "x-a"
    assert response.headers["access-control-max-age"] == "7"
    response, _ = url.ask("PUT", "/", headers={"Origin": origin})
    assert response.headers.get_all("access-control-allow-origin") == [origin]
    response, _ = url.ask("PUT", "/", headers={"Origin": "http://other.example"})
    assert response.headers.get_all("access-control-allow-origin") == ["*"]
    # An error is readable to the page too; without Cors the function is asked itself.
    response, _ = url.ask("OPTIONS", "/", headers={"Origin": origin})
    assert response.status == 502
    assert response.headers["access-control-allow-origin"] == origin


def test_auth_type_aws_iam_wants_a_signature(server: RunningServer) -> None:
    """With open authentication any credentials will do, but there have to be some."""
    url = make_url(server, "urls-iam", ECHO, AuthType="AWS_IAM")
    wrong: tuple[dict[str, str], ...] = (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "AWS4-HMAC-SHA256 x"},
        signed(url, "s3"),
    )
    for headers in wrong:
        response, body = url.ask(headers=headers)
        assert response.status == 403
        assert json.loads(body) == FORBIDDEN
        assert response.headers["x-amzn-errortype"] == "AccessDeniedException"
    event = url.event(headers=signed(url, "lambda"))
    assert event["requestContext"]["accountId"] == "000000000000"
    assert event["requestContext"]["authorizer"]["iam"] == {
        "accessKey": "AKIDEXAMPLE",
        "accountId": "000000000000",
        "callerId": "000000000000",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:iam::000000000000:root",
        "userId": "000000000000",
    }
    request = AWSRequest("GET", url.url)
    SigV4QueryAuth(CREDENTIALS, "lambda", "us-east-1", expires=60).add_auth(request)
    target = "/" + request.prepare().url.partition("/?")[2].join(("?", ""))
    assert url.event("GET", target)["rawQueryString"].startswith("X-Amz-Algorithm=")


CREDENTIALS = Credentials("AKIDEXAMPLE", "secret")


def signed(url: Url, service: str) -> dict[str, str]:
    """The headers of a signed GET /."""
    request = AWSRequest("GET", url.url)
    SigV4Auth(CREDENTIALS, service, "us-east-1").add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def test_a_function_calls_another_by_the_path(server: RunningServer, echo: Url) -> None:
    """Inside a sandbox no name of a URL need resolve."""
    source = """
import os, urllib.request
def handler(event, context):
    address = f"{os.environ['AWS_ENDPOINT_URL']}/_lambent/url/{event}/from/inside?a=b"
    with urllib.request.urlopen(address, data=b"hi") as answer:
        return answer.read().decode()
"""
    client = server.create("urls-inside", source, Timeout=20)
    answer = client.invoke(FunctionName="urls-inside", Payload=json.dumps(echo.id))
    assert "FunctionError" not in answer
    event = json.loads(json.loads(answer["Payload"].read()))
    assert (event["rawPath"], event["rawQueryString"]) == ("/from/inside", "a=b")
    assert event["isBase64Encoded"] is True  # urllib sends a form


def test_a_page_of_the_standard_librarys_client_needs_no_name(echo: Url) -> None:
    """`*.localhost` is this machine for browsers, curl and systemd; urllib asks the resolver."""
    try:
        socket.getaddrinfo(f"{echo.id}.lambda-url.us-east-1.localhost", echo.server.port)
    except OSError:
        pytest.skip("this host's resolver does not know names under localhost")
    import urllib.request

    with urllib.request.urlopen(echo.url + "page?x=1") as answer:
        assert json.loads(answer.read())["rawPath"] == "/page"


def test_invocations_by_url_are_metered_as_all_are(server: RunningServer) -> None:
    url = make_url(server, "urls-metered", ECHO)
    for _ in range(3):
        url.event()
    with url.connected() as connection:
        connection.request("GET", "/_lambent/bill")
        bill = json.loads(connection.getresponse().read())
    assert bill["functions"]["urls-metered"]["Invocations"] == 3


def test_a_throttled_url_answers_429_and_a_reset_takes_urls_away(tmp_path: Path) -> None:
    """[DG] urls-configuration, "Throttling function URLs"; the text of the body is UNVERIFIED."""
    source = """
import time
def handler(event, context):
    time.sleep(2 if event["rawPath"] == "/slow" else 0)
    return "done"
"""
    with running(tmp_path / "data", "--concurrency", "1", "--allow-reset") as server:
        url = make_url(server, "urls-busy", source)
        with url.connected() as slow:
            slow.request("GET", "/slow", headers={"Host": url.host})
            response, body = wait_for(lambda: throttled(url), "a throttled answer")
            assert json.loads(body) == {"Message": "Rate Exceeded."}
            assert response.headers["x-amzn-errortype"] == "TooManyRequestsException"
            assert slow.getresponse().read() == b"done"
        assert url.ask()[1] == b"done"
        assert url.ask("POST", "/_lambent/reset", headers={"Host": "localhost"})[0].status == 200
        assert url.ask()[0].status == 403


def throttled(url: Url) -> tuple[http.client.HTTPResponse, bytes] | None:
    """An answer that is a 429."""
    answer = url.ask()
    return answer if answer[0].status == 429 else None


def test_a_url_is_the_same_after_a_kill(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        url = make_url(server, "urls-kept", ECHO)
        assert url.event()["rawPath"] == "/"
        server.kill()
        server.start()
        again = server.client("lambda").get_function_url_config(FunctionName="urls-kept")
        assert again["FunctionUrl"].partition(":4")[0].startswith(f"http://{url.id}.lambda-url.")
        assert Url(server, again["FunctionUrl"]).event()["rawPath"] == "/"
