"""What AWS answers to calls that fail: code, status, the whole message and the case of its field.

Sources: facts, 'Errors' and 'Quotas' ([LS-snap]: recorded from AWS; [B]: botocore's model); texts
that begin with "Lambent" are our own, for what is not there.
"""

from __future__ import annotations

import json
import re
import socket
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, RUNTIME, RunningServer, make_zip
from tests.system.host import connection
from tests.system.raw_api import ARN, FUNCTIONS, TAGS, assert_error, assert_identified, send

LAYERS = "/2018-10-31/layers"
NOT_FOUND = f"Function not found: {ARN}missing"
UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
VARIABLES = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided "
)
CODE = make_zip({"app.py": "def handler(event, context):\n    return event\n"})


@pytest.fixture(scope="module")
def there(server: RunningServer) -> RunningServer:
    """The server, with a function `errors-there`."""
    server.create("errors-there", "def handler(event, context):\n    return event\n")
    return server


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("GET", f"{FUNCTIONS}/missing", None, NOT_FOUND),
        ("GET", f"{FUNCTIONS}/missing?Qualifier=7", None, f"{NOT_FOUND}:7"),
        (
            "GET",
            f"{FUNCTIONS}/errors-there?Qualifier=7",
            None,
            f"Function not found: {ARN}errors-there:7",
        ),
        ("GET", f"{FUNCTIONS}/missing/configuration", None, NOT_FOUND),
        ("DELETE", f"{FUNCTIONS}/missing", None, NOT_FOUND),
        ("POST", f"{FUNCTIONS}/missing/invocations", b"{}", NOT_FOUND),
        ("POST", f"{FUNCTIONS}/missing/invocations?Qualifier=v", b"{}", f"{NOT_FOUND}:v"),
        ("PUT", f"{FUNCTIONS}/missing/code", b'{"ZipFile": "AAAA"}', NOT_FOUND),
        ("PUT", f"{FUNCTIONS}/missing/configuration", b'{"Timeout": 5}', NOT_FOUND),
        ("GET", f"{TAGS}/{ARN}missing", None, NOT_FOUND),
        ("POST", f"{TAGS}/{ARN}missing", b'{"Tags": {"a": "b"}}', NOT_FOUND),
        ("DELETE", f"{TAGS}/{ARN}missing?tagKeys=a", None, NOT_FOUND),
        ("GET", f"{LAYERS}/missing/versions/1", None, "The resource you requested does not exist."),
    ],
)
def test_what_is_not_there_is_404_with_message_in_upper_case(
    there: RunningServer, method: str, path: str, body: bytes | None, message: str
) -> None:
    """Facts, 'Errors': ResourceNotFound 404, field `Message`; texts [LS-snap]."""
    answer = send(there, method, path, body)
    assert_error(answer, 404, "ResourceNotFoundException", message, name="Message")
    assert answer.value["Type"] == "User"


def create_body(**changes: Any) -> bytes:
    """CreateFunction's, valid but for the changes."""
    return json.dumps(
        {
            "FunctionName": "errors-new",
            "Runtime": RUNTIME,
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"ZipFile": "AAAA"},
            **changes,
        }
    ).encode()


def constraint(value: str, member: str, text: str) -> str:
    return f"Value '{value}' at '{member}' failed to satisfy constraint: Member must {text}"


@pytest.mark.parametrize(
    ("changes", "violations"),
    [
        (
            {"MemorySize": 64},
            [constraint("64", "memorySize", "have value greater than or equal to 128")],
        ),
        (
            {"MemorySize": 20480},
            [constraint("20480", "memorySize", "have value less than or equal to 10240")],
        ),
        ({"Timeout": 901}, [constraint("901", "timeout", "have value less than or equal to 900")]),
        (
            {"Timeout": 0, "MemorySize": 1},
            [
                constraint("0", "timeout", "have value greater than or equal to 1"),
                constraint("1", "memorySize", "have value greater than or equal to 128"),
            ],
        ),
        (
            {"EphemeralStorage": {"Size": 511}},
            [constraint("511", "ephemeralStorage.size", "have value greater than or equal to 512")],
        ),
        (
            {"Handler": "a b"},
            [constraint("a b", "handler", r"satisfy regular expression pattern: [^\s]+")],
        ),
        (
            {"Description": "d" * 257},
            [constraint("d" * 257, "description", "have length less than or equal to 256")],
        ),
        (
            {"Code": None},
            ["Value null at 'code' failed to satisfy constraint: Member must not be null"],
        ),
    ],
)
def test_a_value_out_of_its_bounds_is_a_validation_exception(
    there: RunningServer, changes: dict[str, Any], violations: list[str]
) -> None:
    """Facts, 'Errors': ValidationException 400 and its text [LS-snap]; bounds: 'Quotas' [B, DG]."""
    noun = "error" if len(violations) == 1 else "errors"
    answer = send(there, "POST", FUNCTIONS, create_body(**changes))
    message = f"{len(violations)} validation {noun} detected: " + "; ".join(violations)
    assert_error(answer, 400, "ValidationException", message, name="message")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Code": {"ZipFile": "AAAA"}}, UNZIP),
        (
            {"Runtime": "python3.7"},
            "The runtime parameter of python3.7 is no longer supported for creating or updating "
            "AWS Lambda functions. We recommend you use a supported runtime while creating or "
            "updating functions.",
        ),
        (
            {"Environment": {"Variables": {"BIG": "x" * 4096}}},
            f'{VARIABLES}exceeded the 4KB limit. String measured: {{"BIG":"{"x" * 4096}"}}',
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            f"{VARIABLES}contains reserved keys that are currently not supported for "
            "modification. Reserved keys used in this request: AWS_REGION",
        ),
        (
            {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:none:1"]},
            "Layer version arn:aws:lambda:us-east-1:000000000000:layer:none:1 does not exist.",
        ),
        (
            {"Layers": [f"arn:aws:lambda:us-east-1:000000000000:layer:l{n}:1" for n in range(6)]},
            "Cannot reference more than 5 layers.",
        ),
        (
            {"Tags": {str(number): "" for number in range(51)}},
            "Number of tags exceeds resource tag limit.",
        ),
    ],
)
def test_a_wrong_value_is_an_invalid_parameter_with_message_in_lower_case(
    there: RunningServer, changes: dict[str, Any], message: str
) -> None:
    """Facts, 'Errors' and 'Quotas' [LS-snap]."""
    answer = send(there, "POST", FUNCTIONS, create_body(**changes))
    assert_error(answer, 400, "InvalidParameterValueException", message, name="message")
    assert answer.value["Type"] == "User"


def test_a_function_that_exists_is_a_conflict(there: RunningServer) -> None:
    """Facts, 'Errors': 409 "Function already exist: <name>" [LS-snap]."""
    client = there.client("lambda")
    with pytest.raises(client.exceptions.ResourceConflictException) as caught:
        there.create("errors-there", "")
    assert caught.value.response["Error"]["Message"] == "Function already exist: errors-there"
    assert caught.value.response["message"] == "Function already exist: errors-there"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert caught.value.response["Type"] == "User"


def test_a_wrong_revision_id_is_a_failed_precondition(there: RunningServer) -> None:
    """Facts, 'Versions': RevisionId guard → 412; text [LS-snap]."""
    client = there.client("lambda")
    text = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    for call, options in (
        (client.update_function_code, {"ZipFile": CODE}),
        (client.update_function_configuration, {"Timeout": 4}),
    ):
        with pytest.raises(client.exceptions.PreconditionFailedException) as caught:
            call(FunctionName="errors-there", RevisionId=str(uuid.uuid4()), **options)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
        assert caught.value.response["Error"]["Message"] == text


# Sizes


def test_a_body_over_the_limit_of_create_function_is_413(there: RunningServer) -> None:
    """Facts, 'Quotas': 70,167,211 B [LS-snap]; refused by the declared length, unread."""
    head = f"POST {FUNCTIONS} HTTP/1.1\r\nhost: x\r\ncontent-length: 70167212\r\n\r\n"
    text = "Request must be smaller than 70167211 bytes for the CreateFunction operation"
    assert_refused(there, head, text)


def test_a_chunked_body_over_the_limit_is_413_too(there: RunningServer) -> None:
    """[own] The same limit where no length is declared: of an operation with a small one."""
    head = (
        f"PUT {FUNCTIONS}/x/configuration HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with connection(there) as raw:
        raw.sendall(head.encode())
        try:
            for _ in range(110):  # 6.9 MiB
                raw.sendall(chunk)
        except ConnectionError:
            pass  # refused while we still sent
        answer = receive(raw)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"RequestEntityTooLargeException" in answer


def assert_refused(server: RunningServer, head: str, message: str) -> None:
    with connection(server) as raw:
        raw.sendall(head.encode())
        answer = receive(raw)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"X-Amzn-ErrorType: RequestEntityTooLargeException\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"message": message}


def receive(raw: socket.socket) -> bytes:
    """One whole answer that declares its length."""
    data = b""
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        declared = re.search(rb"content-length: (\d+)", head.lower())
        if found and declared and len(body) >= int(declared[1]):
            return data
        part = raw.recv(65536)
        assert part, f"the connection ended after {data!r}"
        data += part


def test_a_zip_over_the_limit_is_413(there: RunningServer) -> None:
    """Facts, 'Quotas': zip 52,428,800 B direct, RequestEntityTooLargeException [LS-snap]."""
    client = there.client("lambda")
    with pytest.raises(ClientError) as caught:
        client.update_function_code(FunctionName="errors-there", ZipFile=bytes(52_428_801))
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert error["Error"]["Code"] == "RequestEntityTooLargeException"
    assert error["Error"]["Message"] == "Zipped size must be smaller than 52428800 bytes"


# What is not there, and what is not to be understood


def test_options_that_are_not_enforced_are_refused_by_name(there: RunningServer) -> None:
    """docs/decisions: what would be taken and not acted on is refused."""
    for changes, option in (
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "VpcConfig"),
        ({"DurableConfig": {"ExecutionTimeout": 60}}, "DurableConfig"),
    ):
        answer = send(there, "POST", FUNCTIONS, create_body(**changes))
        assert answer.headers["x-amzn-errortype"] == "UnsupportedOperationException"
        assert option in answer.value["message"]


def test_a_service_that_is_not_there_is_named(there: RunningServer) -> None:
    """[own] By credential scope and by target header, and where neither tells."""
    for path, options, name in (
        ("/table", {"service": "dynamodb"}, "dynamodb"),
        ("/", {"headers": {"x-amz-target": "DynamoDB_20120810.ListTables"}}, "DynamoDB_20120810"),
        ("/what", {"headers": {"authorization": "none"}}, "GET /what"),
    ):
        answer = send(there, "GET", path, **options)
        assert answer.status == 404
        assert name in answer.value["message"]
        assert_identified(answer)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{nonsense", "Could not parse request body into json: "),
        (b"\xff\xfe", "Could not parse request body into json: "),
        (b"[]", "Start of list found where not expected"),
        (
            b'{"FunctionName": "x", "Timeout": "ten"}',
            "STRING_VALUE can not be converted to an Integer",
        ),
    ],
)
def test_a_body_that_is_not_the_json_expected_is_a_serialization_exception(
    there: RunningServer, body: bytes, text: str
) -> None:
    """Facts, 'Errors' ("Could not parse request body …"); the rest as AWS's Java says."""
    for content_type in ("application/json", "text/xml", "application/x-www-form-urlencoded", ""):
        answer = send(there, "POST", FUNCTIONS, body, headers={"content-type": content_type})
        assert answer.status == 400
        assert answer.headers["x-amzn-errortype"] == "SerializationException"
        assert answer.value["message"].startswith(text)
        assert_identified(answer)


def test_a_content_type_that_is_wrong_does_not_matter_to_a_good_body(there: RunningServer) -> None:
    """rest-json services of AWS do not look at it; the CLI sends none at all."""
    path = f"{FUNCTIONS}/errors-there/configuration"
    for content_type in ("text/xml", "application/x-amz-json-1.1", ""):
        answer = send(there, "PUT", path, b'{"Timeout": 7}', headers={"content-type": content_type})
        assert answer.status == 200, answer
