"""Members in path, query, headers and payload, and what Lambda's answers look like."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.wire import (
    WireError,
    WireRequest,
    identify,
    load_service,
    parse_request,
    serialize_error,
    serialize_response,
)
from tests.unit.wire.demo import demo_service

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def put(query: str = "", body: bytes = b"", **headers: str) -> dict[str, Any]:
    service = demo_service()
    request = WireRequest(
        method="PUT",
        path="/v1/abc/items/x%2Fy/z%20",
        query="mode=put" + query,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
    )
    return parse_request(service, identify(service, request), request)


def test_members_come_from_wherever_the_model_puts_them() -> None:
    params = put(
        "&since=2026-01-02T03%3A04%3A05Z&flag=a&flag=b%26&other=1&other=2",
        b'{"Name": "ab"}',
        x_tags='plain, "quo\\"ted, one" ,last',
        x_meta_One="no: names are lower-case",
        x_meta_two="2",
        x_seen="Fri, 02 Jan 2026 03:04:05 GMT",
        x_dates="Fri, 02 Jan 2026 03:04:05 GMT, Thu, 01 Jan 1970 00:00:00 GMT",
        x_context="eyJhIjpbMV19",
    )
    assert params == {
        "Name": "abc",
        "Key": "x/y/z ",
        "Since": MOMENT,
        "Flags": ["a", "b&"],
        "More": {"other": ["1", "2"]},
        "Tags": ["plain", 'quo"ted, one', "last"],
        "Meta": {"One": "no: names are lower-case", "two": "2"},
        "Seen": MOMENT,
        "Dates": [MOMENT, datetime(1970, 1, 1, tzinfo=UTC)],
        "Context": {"a": [1]},
        "Body": {"Name": "ab"},
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"x_seen": "Fri, 99 Jan 2026 03:04:05 GMT"},
        {"x_seen": "Fri, 02 Foo 2026 03:04:05 GMT"},
        {"x_seen": "9" * 400},
        {"x_context": "e"},
        {"x_context": "AAAA"},
    ],
)
def test_a_header_of_the_wrong_form_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(WireError, match="SerializationException"):
        put(**headers)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("MaxItems=abc", "STRING_VALUE can not be converted to an Integer"),
        ("MaxItems=1_0", "STRING_VALUE can not be converted to an Integer"),
        ("MaxItems=", "STRING_VALUE can not be converted to an Integer"),
        ("MaxItems=99999999999", "NUMBER_VALUE can not be converted to an Integer"),
    ],
)
def test_a_number_in_the_query_must_be_one(query: str, message: str) -> None:
    """UNVERIFIED: the text is that of the JSON bodies."""
    service = load_service("lambda")
    request = WireRequest(method="GET", path="/2015-03-31/functions", query=query)
    with pytest.raises(WireError) as caught:
        parse_request(service, service.operations["ListFunctions"], request)
    assert (caught.value.code, caught.value.message) == ("SerializationException", message)


def test_the_payload_of_an_invoke_is_the_body_as_it_came() -> None:
    service = load_service("lambda")
    request = WireRequest(
        method="POST",
        path="/2015-03-31/functions/hello/invocations",
        query="Qualifier=%24LATEST",
        headers={"x-amz-invocation-type": "DryRun", "x-amz-log-type": "Tail"},
        body=b"{not json",
    )
    found = service.match(request.method, request.path, request.query)
    assert found is not None
    assert parse_request(service, found[0], request, found[1]) == {
        "FunctionName": "hello",
        "InvocationType": "DryRun",
        "LogType": "Tail",
        "Qualifier": "$LATEST",
        "Payload": b"{not json",
    }


def test_the_answer_of_an_invoke_is_payload_status_and_headers() -> None:
    service = load_service("lambda")
    response = serialize_response(
        service,
        service.operations["Invoke"],
        {
            "StatusCode": 200,
            "FunctionError": "Unhandled",
            "ExecutedVersion": "$LATEST",
            "LogResult": None,
            "Payload": b'"x"',
        },
        "id-1",
    )
    assert (response.status, response.body) == (200, b'"x"')
    assert dict(response.headers) == {
        "x-amzn-RequestId": "id-1",
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Executed-Version": "$LATEST",
        "Content-Type": "application/json",
    }


@pytest.mark.parametrize(
    ("operation", "result", "status", "body"),
    [
        ("CreateFunction", {"FunctionName": "f"}, 201, b'{"FunctionName":"f"}'),
        ("Invoke", {"StatusCode": 202}, 202, b""),
        ("Invoke", {"StatusCode": 204}, 204, b""),
        ("DeleteFunction", {"StatusCode": 204}, 204, b""),
        ("DeleteFunction", {}, 200, b"{}"),
        ("TagResource", {}, 204, b""),
    ],
)
def test_the_status_is_the_models_or_the_members(
    operation: str, result: dict[str, Any], status: int, body: bytes
) -> None:
    service = load_service("lambda")
    response = serialize_response(service, service.operations[operation], result, "id")
    assert (response.status, response.body) == (status, body)


def test_a_header_cannot_be_broken_open_by_a_value() -> None:
    service = demo_service()
    response = serialize_response(
        service,
        service.operations["Put"],
        {
            "Tags": ["a,b", 'c"d', "e\r\nSet-Cookie: f"],
            "Meta": {"k\n": "v\r"},
            "Seen": MOMENT,
            "Context": {"a": 1},
        },
        "id",
    )
    headers = dict(response.headers)
    assert headers["X-Tags"] == '"a,b","c\\"d",e  Set-Cookie: f'
    assert headers["x-meta-k "] == "v "
    assert headers["X-Seen"] == "Fri, 02 Jan 2026 03:04:05 GMT"
    assert headers["X-Context"] == "eyJhIjoxfQ=="


def test_event_streams_are_said_to_be_missing() -> None:
    service = load_service("lambda")
    operation = service.operations["InvokeWithResponseStream"]
    with pytest.raises(WireError, match="UnsupportedOperationException"):
        serialize_response(service, operation, {"StatusCode": 200}, "id")


@pytest.mark.parametrize(
    ("code", "members", "status", "body", "extra"),
    [
        # facts/lambda.md, 'Errors': the case of the message differs from error to error
        ("ResourceNotFoundException", {"Type": "User"}, 404,
         {"Message": "m", "Type": "User"}, {}),
        ("InvalidParameterValueException", {"type": "User"}, 400,
         {"message": "m", "Type": "User"}, {}),
        ("TooManyRequestsException", {"Reason": "CallerRateLimitExceeded", "retryAfterSeconds": 3},
         429, {"message": "m", "Reason": "CallerRateLimitExceeded"}, {"Retry-After": "3"}),
        ("ServiceException", {"Unknown": 1}, 500, {"Message": "m"}, {}),
        ("KMSAccessDeniedException", {}, 502, {"Message": "m"}, {}),
        ("ValidationException", {}, 400, {"message": "m"}, {}),
        ("SerializationException", {}, 400, {"message": "m"}, {}),
        ("AccessDeniedException", {}, 403, {"message": "m"}, {}),
        ("RequestEntityTooLargeException", {}, 413, {"message": "m"}, {}),
        ("UnsupportedOperationException", {"Hint": "x"}, 400, {"message": "m", "Hint": "x"}, {}),
        ("UnknownOperationException", {}, 404, {"message": "m"}, {}),
        ("ThrottlingException", {}, 400, {"message": "m"}, {}),
    ],
)  # fmt: skip
def test_an_error_has_the_models_status_and_names(
    code: str, members: dict[str, Any], status: int, body: dict[str, Any], extra: dict[str, str]
) -> None:
    service = load_service("lambda")
    response = serialize_error(service, service.operations["Invoke"], code, "m", members, "id")
    headers = dict(response.headers)
    assert response.status == status
    assert headers.pop("X-Amzn-ErrorType") == code
    assert json.loads(response.body) == body
    assert headers == {"x-amzn-RequestId": "id", "Content-Type": "application/json", **extra}


def test_a_path_that_nothing_serves_is_an_unknown_operation() -> None:
    with pytest.raises(WireError, match="UnknownOperationException"):
        identify(load_service("lambda"), WireRequest(method="GET", path="/nowhere"))
