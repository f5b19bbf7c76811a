"""Payload format 2.0 both ways: request → event, result → response.

Golden values: [DG] "Invoking Lambda function URLs" (request and response payloads); [LS] AWS's
answers as LocalStack recorded them in November 2025 (test_lambda.snapshot.json, TestLambdaURL);
captures of single facts are named where they are used.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.gateway.url_event import (
    Caller,
    UrlRequest,
    build_event,
    encode_body,
    format_time,
    parse_parameters,
)
from lambent.gateway.url_response import (
    BadResponse,
    UrlResponse,
    parse_prelude,
    parse_response,
)

URL_ID = "abcdefghijklmnopqrstuvwxyz012345"
TRACE = "Root=1-66b44063-116ea8667f4b70e405b1b19a"
JSON_TYPE = ("content-type", "application/json")


def event_of(**members: Any) -> Any:
    """The event of a request that has what is given."""
    given: dict[str, Any] = {
        "method": "GET",
        "path": "/",
        "query": "",
        "headers": {"host": "h"},
        "body": b"",
        "url_id": URL_ID,
        "domain": f"{URL_ID}.lambda-url.us-west-2.localhost",
        "port": "4566",
        "source_ip": "123.123.123.123",
        "trace_id": TRACE,
        "request_id": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
        "wall_s": 1_583_348_638.390,
        "caller": None,
    }
    return json.loads(build_event(UrlRequest(**{**given, **members})))


def test_the_example_of_the_developer_guide() -> None:
    """[DG] request payload format. What is null there is left out, as AWS does in fact."""
    caller = Caller(
        access_key="AKIA...",
        account_id="111122223333",
        caller_id="AIDA...",
        user_arn="arn:aws:iam::111122223333:user/example-user",
        user_id="AIDA...",
    )
    event = event_of(
        method="POST",
        path="/my/path",
        query="parameter1=value1&parameter1=value2&parameter2=value",
        headers={
            "header1": "value1",
            "header2": "value1,value2",
            "cookie": "cookie1; cookie2",
            "user-agent": "agent",
            "content-type": "text/plain",
        },
        body=b"Hello from client!",
        caller=caller,
    )
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1", "cookie2"],
        "headers": {
            "header1": "value1",
            "header2": "value1,value2",
            "cookie": "cookie1; cookie2",  # aws/aws-lambda-go#597: also here
            "user-agent": "agent",
            "content-type": "text/plain",
            "x-amzn-trace-id": TRACE,
            "x-forwarded-for": "123.123.123.123",
            "x-forwarded-port": "4566",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
        "requestContext": {
            "accountId": "111122223333",
            "apiId": URL_ID,
            "authorizer": {
                "iam": {
                    "accessKey": "AKIA...",
                    "accountId": "111122223333",
                    "callerId": "AIDA...",
                    "cognitoIdentity": None,
                    "principalOrgId": None,
                    "userArn": "arn:aws:iam::111122223333:user/example-user",
                    "userId": "AIDA...",
                }
            },
            "domainName": f"{URL_ID}.lambda-url.us-west-2.localhost",
            "domainPrefix": URL_ID,
            "http": {
                "method": "POST",
                "path": "/my/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "123.123.123.123",
                "userAgent": "agent",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": "Hello from client!",
        "isBase64Encoded": False,
    }


def test_a_bare_request_has_no_more_than_it_brought() -> None:
    """[LS] echo_invoke: no body, no cookies, no parameters; the caller is "anonymous"."""
    event = event_of()
    assert set(event) == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    }
    assert event["rawQueryString"] == ""
    assert event["isBase64Encoded"] is False
    assert event["requestContext"]["accountId"] == "anonymous"
    assert "authorizer" not in event["requestContext"]
    assert event["requestContext"]["http"]["userAgent"] == ""


def test_a_path_stays_as_it_came_and_parameters_are_decoded() -> None:
    """[LS] echo_http_fixture: path "/pa2%Fth/1", multiQuery=foo&multiQuery=%2Fbar."""
    event = event_of(path="/pa2%Fth/1", query="q=query&multiQuery=foo&multiQuery=%2Fbar&e&f=")
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/pa2%Fth/1"
    assert event["queryStringParameters"] == {
        "q": "query",
        "multiQuery": "foo,/bar",
        "e": "",
        "f": "",
    }
    assert parse_parameters("name=John+Henry&x=%C3%A4&y=%ff") == {
        "name": "John Henry",
        "x": "ä",
        "y": "�",
    }


def test_what_concerns_one_connection_only_is_left_out() -> None:
    headers = {"connection": "keep-alive", "te": "x", "transfer-encoding": "chunked", "a": "b"}
    event = event_of(headers={**headers, "x-forwarded-for": "9.9.9.9", "x-forwarded-proto": "x"})
    assert set(event["headers"]) == {
        "a",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    }
    assert event["headers"]["x-forwarded-for"] == "9.9.9.9, 123.123.123.123"
    assert event["headers"]["x-forwarded-proto"] == "http"


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", b"text", True),  # [LS] echo_invoke
        ("text/html; charset=utf-8", "ä".encode(), True),
        ("Application/JSON; charset=utf-8", b"{}", True),
        ("application/xml", b"<a/>", True),
        ("application/javascript", b"1", True),
        ("multipart/form-data; boundary=4efd159eae0c4f4e125a5a509e073d85", b"--4", False),  # [LS]
        ("application/x-www-form-urlencoded", b"a=b", False),
        ("application/octet-stream", b"x", False),
        ("image/png", b"\x89PNG", False),
        ("", b"x", False),
        ("text/plain", b"\xff\xfe", False),  # not UTF-8, so no text of JSON
    ],
)
def test_bodies_are_text_or_base64_by_their_type(
    content_type: str, body: bytes, text: bool
) -> None:
    encoded, is_base64 = encode_body(body, content_type)
    assert is_base64 is not text
    assert (base64.b64decode(encoded) if is_base64 else encoded.encode()) == body


@given(
    body=st.binary(max_size=200),
    content_type=st.sampled_from(["text/plain", "application/json", "image/png", ""]),
    path=st.text(max_size=50),
    names=st.lists(st.text(min_size=1, max_size=10), max_size=5, unique=True),
    value=st.text(max_size=20),
    header=st.binary(max_size=30),
)
def test_nothing_of_a_request_is_lost(
    body: bytes, content_type: str, path: str, names: list[str], value: str, header: bytes
) -> None:
    raw_path = "/" + quote(path, safe="", errors="replace")
    query = "&".join(
        f"{quote(n, errors='replace')}={quote(value, errors='replace')}" for n in names
    )
    event = event_of(
        path=raw_path,
        query=query,
        body=body,
        headers={"content-type": content_type, "x-any": header.decode("latin-1")},
    )
    assert event["rawPath"] == raw_path
    assert event["rawQueryString"] == query
    assert event["headers"]["x-any"].encode("latin-1") == header
    got = event.get("body", "")
    assert (base64.b64decode(got) if event["isBase64Encoded"] else got.encode()) == body
    parameters = event.get("queryStringParameters", {})
    assert len(parameters) <= len(names)
    assert set(parameters.values()) <= {value.encode(errors="replace").decode()}


def test_times_are_in_english_whatever_the_locale() -> None:
    assert format_time(1_631_055_022.677) == "07/Sep/2021:22:50:22 +0000"  # [DG]


# Results


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ('{"hello": "world"}', 200, b'{"hello":"world"}'),
        ('{"statusCode": 200, "body": "body123"}', 200, b"body123"),
        ('{"statusCode": 200, "body": "{\\"hello\\": \\"world\\"}"}', 200, b'{"hello": "world"}'),
        ('["hello", 3, true]', 200, b'["hello",3,true]'),
        ('"hello"', 200, b"hello"),
        ("3", 200, b"3"),
        ("3.1", 200, b"3.1"),
        ("true", 200, b"true"),
        # Not recorded:
        ("null", 200, b"null"),
        ('"\\u00e4"', 200, "ä".encode()),
        ('{"statusCode": null, "a": 1}', 200, b'{"statusCode":null,"a":1}'),
        ('{"statusCode": 204}', 204, b""),
    ],
)
def test_answers_recorded_from_aws(result: str, status: int, body: bytes) -> None:
    """[LS] test_lambda_url_invocation[dict, http-response, …]: status, type and length."""
    assert parse_response(result.encode()) == UrlResponse(status, [JSON_TYPE], body)


def test_headers_cookies_status_and_binary_bodies() -> None:
    """[DG] response payload format, cookies; [LS] headers_and_status."""
    response = parse_response(
        json.dumps(
            {
                "statusCode": 201,
                "headers": {
                    "Content-Type": "image/png",
                    "My-Custom-Header": "Custom Value",
                    "n": 1,
                },
                "body": base64.b64encode(b"\x89PNG\r\n").decode(),
                "cookies": [
                    "Cookie_1=Value1; Expires=21 Oct 2021 07:48 GMT",
                    "Cookie_2=Value2; Max-Age=78000",
                ],
                "isBase64Encoded": True,
            }
        ).encode()
    )
    assert response.status == 201
    assert response.headers == [
        ("content-type", "image/png"),
        ("my-custom-header", "Custom Value"),
        ("n", "1"),
        ("set-cookie", "Cookie_1=Value1; Expires=21 Oct 2021 07:48 GMT"),
        ("set-cookie", "Cookie_2=Value2; Max-Age=78000"),
    ]
    assert response.body == b"\x89PNG\r\n"
    teapot = parse_response(b'{"statusCode": "418", "body": "i\'m a teapot"}')  # [LS]
    assert (teapot.status, teapot.body) == (418, b"i'm a teapot")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Connection", "x-amzn-remapped-connection"),
        ("Content-Length", "x-amzn-remapped-content-length"),
        ("WWW-Authenticate", "x-amzn-remapped-www-authenticate"),
        ("Server", "x-amzn-remapped-server"),
        ("Transfer-Encoding", None),
        ("ETag", "etag"),
    ],
)
def test_headers_that_are_not_the_functions_go_by_another_name(name: str, sent: str | None) -> None:
    """Captures: zenn.dev/ashphy/scraps/5d70402729657f; API Gateway "important notes"."""
    result = {"statusCode": 200, "headers": {name: "v"}}
    headers = parse_response(json.dumps(result).encode()).headers
    assert headers == [JSON_TYPE] + ([(sent, "v")] if sent else [])


@pytest.mark.parametrize(
    "result",
    [
        "",
        "no json",
        "NaN",
        "[" * 200_000,
        '{"statusCode": "abc"}',
        '{"statusCode": 99}',
        '{"statusCode": 600}',
        '{"statusCode": 100}',
        '{"statusCode": 200.5}',
        '{"statusCode": true}',
        '{"statusCode": []}',
        '{"statusCode": 200, "headers": []}',
        '{"statusCode": 200, "headers": "x"}',
        '{"statusCode": 200, "headers": {"a b": "c"}}',
        '{"statusCode": 200, "headers": {"": "c"}}',
        '{"statusCode": 200, "headers": {"a": "b\\r\\nx: y"}}',
        '{"statusCode": 200, "headers": {"a": ["b"]}}',
        '{"statusCode": 200, "cookies": "a=b"}',
        '{"statusCode": 200, "cookies": [1]}',
        '{"statusCode": 200, "cookies": ["a=b\\n"]}',
        '{"statusCode": 200, "isBase64Encoded": true, "body": "?"}',
    ],
)
def test_results_that_are_no_response(result: str) -> None:
    with pytest.raises(BadResponse):
        parse_response(result.encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    result=st.fixed_dictionaries(
        {},
        optional={
            "statusCode": JSON | st.integers(200, 599),
            "headers": JSON | st.dictionaries(st.text(max_size=10), JSON, max_size=3),
            "cookies": JSON | st.lists(st.text(max_size=20), max_size=3),
            "body": JSON,
            "isBase64Encoded": JSON,
        },
    )
    | JSON
)
def test_any_result_is_a_response_that_http_can_carry_or_none(result: Any) -> None:
    try:
        response = parse_response(json.dumps(result).encode())
    except BadResponse:
        return
    assert 200 <= response.status <= 599
    assert any(name == "content-type" for name, _ in response.headers)
    for name, value in response.headers:
        line = f"{name}: {value}".encode("latin-1")
        assert b"\r" not in line
        assert b"\n" not in line


def test_the_beginning_of_a_stream_may_say_status_and_headers() -> None:
    """awslambda.HttpResponseStream of AWS's Node.js runtime writes such preludes."""
    prelude = {"statusCode": 201, "headers": {"Content-Type": "text/html"}, "cookies": ["a=b"]}
    assert parse_prelude(json.dumps(prelude).encode()) == (
        201,
        [("content-type", "text/html"), ("set-cookie", "a=b")],
    )
    assert parse_prelude(b"") == (200, [("content-type", "application/octet-stream")])
    for wrong in (b"[]", b"{", b'{"statusCode": 99}'):
        with pytest.raises(BadResponse):
            parse_prelude(wrong)
