"""Errors of Invoke, of CloudWatch Logs and of IAM: each has a form of its own.

Sources: facts, 'Errors', 'Invoke wire'; botocore's protocols; LocalStack's recordings of AWS.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.conftest import RunningServer
from tests.system.raw_api import ARN, FUNCTIONS, TAGS, assert_identified, send


@pytest.fixture(scope="module")
def there(server: RunningServer) -> RunningServer:
    """The server, with a function `errors-other`."""
    server.create("errors-other", "def handler(event, context):\n    return event\n")
    return server


@pytest.mark.parametrize(
    ("headers", "body", "status", "code", "text"),
    [
        (
            {"x-amz-invocation-type": "Later"},
            b"{}",
            400,
            "ValidationException",
            "1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
        ),
        (
            {"x-amz-log-type": "Head"},
            b"{}",
            400,
            "ValidationException",
            "1 validation error detected: Value 'Head' at 'logType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [None, Tail]",
        ),
        (
            {"x-amz-client-context": "!!"},
            b"{}",
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        ),
        (
            {},
            b"{nonsense",
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: ",
        ),
        (
            {},
            b'"' + b"x" * 6 * 1024 * 1024 + b'"',
            413,
            "RequestTooLargeException",
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        ),
    ],
)
def test_invoke_refuses_as_lambda_does(
    there: RunningServer, headers: dict[str, str], body: bytes, status: int, code: str, text: str
) -> None:
    """Facts, 'Errors', 'Quotas' and 'Invoke wire'; enums [B]."""
    answer = send(there, "POST", f"{FUNCTIONS}/errors-other/invocations", body, headers=headers)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (status, code)
    message = answer.value.get("message") or answer.value.get("Message")
    assert message.startswith(text)
    assert_identified(answer)


def test_an_answer_that_is_no_error_carries_a_request_id_and_no_error_type(
    there: RunningServer,
) -> None:
    for method, path, body in (
        ("GET", f"{FUNCTIONS}/errors-other", None),
        ("GET", FUNCTIONS, None),
        ("POST", f"{FUNCTIONS}/errors-other/invocations", b"{}"),
        ("GET", f"{TAGS}/{ARN}errors-other", None),
    ):
        answer = send(there, method, path, body)
        assert answer.status == 200
        assert "x-amzn-errortype" not in answer.headers
        assert_identified(answer)


def test_many_query_fields_are_no_fault_of_ours(there: RunningServer) -> None:
    """[own] Found by the fuzz test: more fields than a parser's default bound were a 500."""
    query = "&".join(["x=y"] * 2_000)
    answer = send(there, "POST", f"{FUNCTIONS}/errors-other/invocations?{query}", b"{}")
    assert answer.status == 200


# The other services' forms


def test_cloudwatch_logs_errors_have_their_type_in_the_body(there: RunningServer) -> None:
    """AWS's json 1.1 protocol (botocore, protocols 'json'); texts: LocalStack's recordings."""
    for operation, body, code, text in (
        (
            "FilterLogEvents",
            {"logGroupName": "none"},
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        ),
        (
            "DeleteLogGroup",
            {"logGroupName": "none"},
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        ),
        (
            "StartQuery",
            {},
            "UnsupportedOperationException",
            "Lambent does not support the operation logs:StartQuery yet.",
        ),
        ("Nope", {}, "UnknownOperationException", ""),
    ):
        headers = {"x-amz-target": f"Logs_20140328.{operation}"}
        answer = send(
            there, "POST", "/", json.dumps(body).encode(), headers=headers, service="logs"
        )
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/x-amz-json-1.1"
        assert (answer.value["__type"], answer.value["message"]) == (code, text)
        assert_identified(answer)


@pytest.mark.parametrize(
    ("fields", "status", "code", "text"),
    [
        (
            {"Action": "GetRole", "RoleName": "none"},
            404,
            "NoSuchEntity",
            "The role with name none cannot be found.",
        ),
        (
            {"Action": "DeleteRole", "RoleName": "none"},
            404,
            "NoSuchEntity",
            "The role with name none cannot be found.",
        ),
        (
            {"Action": "Nope"},
            400,
            "InvalidAction",
            "Could not find operation Nope for version 2010-05-08",
        ),
        (
            {"Action": "GetSAMLProvider", "SAMLProviderArn": "a" * 20},
            400,
            "UnsupportedOperationException",
            "Lambent does not support the operation iam:GetSAMLProvider yet.",
        ),
        (
            {"Action": "CreateRole", "RoleName": "r", "AssumeRolePolicyDocument": "{"},
            400,
            "MalformedPolicyDocument",
            "This policy contains invalid Json",
        ),
    ],
)
def test_iams_errors_are_xml(
    there: RunningServer, fields: dict[str, str], status: int, code: str, text: str
) -> None:
    """AWS's query protocol; texts: LocalStack's recordings, test_iam_roles.snapshot.json."""
    body = urlencode({**fields, "Version": "2010-05-08"}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = send(there, "POST", "/", body, headers=headers, service="iam")
    assert answer.status == status
    assert answer.headers["content-type"] == "text/xml"
    assert f"<Code>{code}</Code><Message>{text}</Message>".encode() in answer.body
    request_id = answer.headers["x-amzn-requestid"]
    assert f"<RequestId>{request_id}</RequestId>".encode() in answer.body
