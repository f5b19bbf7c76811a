"""Invoke and InvokeWithResponseStream through unmodified boto3: success and every modelled error.

What a function does with its invocation is pinned in tests/execution. Texts: [LS] recordings, marks
in docs of `domain.limits`; [B] the model. InvokeAsync is in test_invoke_async.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambent.domain import limits
from tests.api.seen import recording
from tests.conftest import RunningServer, missing_runtime, running
from tests.gate import WAIT, Gate

BOTH = ("Invoke", "InvokeWithResponseStream")
NOWHERE = {
    "CodeArtifactUserDeletedException": "Lambent has no code artifact users",
    "CodeArtifactUserFailedException": "Lambent has no code artifact users",
    "CodeArtifactUserPendingException": "Lambent has no code artifact users",
    "EC2AccessDeniedException": "VpcConfig is refused: nothing asks EC2 for anything",
    "EC2ThrottledException": "VpcConfig is refused: nothing asks EC2 for anything",
    "EC2UnexpectedException": "VpcConfig is refused: nothing asks EC2 for anything",
    "ENILimitReachedException": "VpcConfig is refused: there are no network interfaces",
    "InvalidSecurityGroupIDException": "VpcConfig is refused: there are no security groups",
    "InvalidSubnetIDException": "VpcConfig is refused: there are no subnets",
    "SubnetIPAddressLimitReachedException": "VpcConfig is refused: there are no subnets",
    "ResourceNotReadyException": "VpcConfig is refused: there is no VPC connection to lose",
    "EFSIOException": "a mounted folder of this host fails inside the function, as any file",
    "EFSMountConnectivityException": "a folder of this host is mounted without a network",
    "EFSMountFailureException": "a folder that is missing fails the function's state instead",
    "EFSMountTimeoutException": "a folder of this host is mounted without a network",
    "S3FilesMountConnectivityException": "S3 Files are refused",
    "S3FilesMountFailureException": "S3 Files are refused",
    "S3FilesMountTimeoutException": "S3 Files are refused",
    "KMSAccessDeniedException": "every function may use the local key",
    "KMSDisabledException": "the local key cannot be disabled",
    "KMSInvalidStateException": "the local key has one state",
    "KMSNotFoundException": "the local key cannot be deleted",
    "SnapStartException": "tests/execution/test_snap_start.py: a hook after the restore fails",
    "SnapStartNotReadyException": "tests/execution/test_snap_start.py: while it is Pending",
    "SnapStartRegenerationFailureException": "test_snap_start.py: after a restart",
    "SnapStartTimeoutException": "a restore has 10 s, too long for a test of this folder",
    "InvalidRuntimeException": "a runtime without an interpreter is State Failed: 409",
    "InvalidZipFileException": "a package is unpacked when it is sent, and refused then",
    "RuntimeAliasDeletedException": "runtimes have no aliases here",
    "RuntimeVersionDeletedException": "the interpreters of the host are the only versions",
    "NoPublishedVersionException": "only $LATEST.PUBLISHED of managed instances can lack one",
    "SerializedRequestEntityTooLargeException": "nothing is serialised again on its way in",
    "ServiceQuotaExceededException": "invoking has no quota but concurrency and rate: 429",
    "UnsupportedMediaTypeException": "SDKs send none or any; unverified which one AWS refuses",
}
CANNOT_OCCUR: dict[tuple[str, str], str] = {
    (operation, error): reason for operation in BOTH for error, reason in NOWHERE.items()
} | {
    ("Invoke", "DurableExecutionAlreadyStartedException"): "durable execution is not there yet",
    ("Invoke", "ENINotReadyException"): "VpcConfig is refused: there are no network interfaces",
    ("Invoke", "ModeNotSupportedException"): "no function is for one mode of invocation only",
}

ECHO = "def handler(event, context):\n    return event\n"


def call(api: Any, operation: str, name: str, payload: Any = b"{}", **more: Any) -> Any:
    """The whole answer, its payload read; of a stream also the last event."""
    if operation == "Invoke":
        answer = api.invoke(FunctionName=name, Payload=payload, **more)
        answer["Payload"] = answer["Payload"].read()
        return answer
    answer = api.invoke_with_response_stream(FunctionName=name, Payload=payload, **more)
    events = list(answer.pop("EventStream"))
    chunks = [event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event]
    answer["Payload"] = b"".join(chunks)
    answer |= events[-1].get("InvokeComplete", {}) if events else {}
    return answer


def refusal(api: Any, operation: str, name: str, payload: Any = b"{}", **more: Any) -> Any:
    with pytest.raises(ClientError) as refused:
        call(api, operation, name, payload, **more)
    return refused.value.response


@pytest.mark.parametrize("operation", BOTH)
def test_a_function_is_invoked(server: RunningServer, api: Any, operation: str) -> None:
    name = f"invoke-ok-{operation}"
    server.create(name, ECHO)
    answer = call(api, operation, name, b'{"a": 1}', LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["Payload"] == b'{"a": 1}'
    assert b"REPORT RequestId" in base64.b64decode(answer["LogResult"])
    assert "LogResult" not in call(api, operation, name)


@pytest.mark.parametrize("operation", BOTH)
def test_a_dry_run_checks_and_runs_nothing(server: RunningServer, api: Any, operation: str) -> None:
    """[B] status 204; no executed version [LS]."""
    name = f"invoke-dry-{operation}"
    server.create(name, ECHO)
    answer = call(api, operation, name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert "ExecutedVersion" not in answer
    missing = refusal(api, operation, "invoke-nothing", InvocationType="DryRun")
    assert missing["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize("operation", BOTH)
def test_a_function_error_is_a_successful_call(
    server: RunningServer, api: Any, operation: str
) -> None:
    name = f"invoke-fails-{operation}"
    server.create(name, "def handler(event, context):\n    raise ValueError('no')\n")
    answer = call(api, operation, name)
    if operation == "Invoke":
        assert answer["FunctionError"] == "Unhandled"
        error = json.loads(answer["Payload"])
    else:
        assert answer["ErrorCode"] == "ValueError"
        error = json.loads(answer["ErrorDetails"])
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no")


@pytest.mark.parametrize("operation", BOTH)
def test_the_arn_and_the_version_are_those_that_were_asked_for(
    server: RunningServer, api: Any, operation: str
) -> None:
    name = f"invoke-arn-{operation}"
    source = "def handler(event, context):\n    return context.invoked_function_arn\n"
    server.create(name, source, Publish=True)
    api.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    for called, qualifier, version, told in (
        (name, None, "$LATEST", arn),
        (arn, None, "$LATEST", arn),
        (name, "$LATEST", "$LATEST", f"{arn}:$LATEST"),
        (name, "1", "1", f"{arn}:1"),
        (name, "live", "1", f"{arn}:live"),
        (f"{arn}:live", None, "1", f"{arn}:live"),
        (f"{name}:1", None, "1", f"{arn}:1"),
    ):
        more = {} if qualifier is None else {"Qualifier": qualifier}
        answer = call(api, operation, called, **more)
        assert (json.loads(answer["Payload"]), answer["ExecutedVersion"]) == (told, version)


@pytest.mark.parametrize("operation", BOTH)
def test_what_is_not_there_is_not_found(server: RunningServer, api: Any, operation: str) -> None:
    """[LS] the text."""
    answer = refusal(api, operation, "invoke-nothing")
    assert answer["Error"]["Code"] == "ResourceNotFoundException"
    arn = "arn:aws:lambda:us-east-1:000000000000:function:invoke-nothing"
    assert answer["Error"]["Message"] == f"Function not found: {arn}"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize("operation", BOTH)
def test_two_qualifiers_that_differ_are_an_invalid_parameter(api: Any, operation: str) -> None:
    """[LS] the text."""
    answer = refusal(api, operation, "invoke-any:1", Qualifier="2")
    assert answer["Error"]["Code"] == "InvalidParameterValueException"
    assert answer["Error"]["Message"] == (
        "The derived qualifier from the function name does not match the specified qualifier."
    )


@pytest.mark.parametrize("operation", BOTH)
def test_an_event_that_is_not_json_is_refused(
    server: RunningServer, api: Any, operation: str
) -> None:
    """[LS] the text before the second colon; the status is the caller's even of a stream."""
    name = f"invoke-json-{operation}"
    server.create(name, ECHO)
    answer = refusal(api, operation, name, b"{not json")
    assert answer["Error"]["Code"] == "InvalidRequestContentException"
    assert answer["Error"]["Message"].startswith("Could not parse request body into json: ")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("operation", BOTH)
def test_a_payload_over_6_mb_is_too_large(server: RunningServer, api: Any, operation: str) -> None:
    name = f"invoke-large-{operation}"
    server.create(name, "def handler(event, context):\n    return len(event)\n")
    most = limits.SYNC_REQUEST_BYTES_MAX
    assert call(api, operation, name, b'"' + b"x" * (most - 2) + b'"')["Payload"]
    answer = refusal(api, operation, name, b'"' + b"x" * (most - 1) + b'"')
    assert answer["Error"]["Code"] == "RequestTooLargeException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 413


@pytest.mark.parametrize("operation", BOTH)
def test_a_function_that_failed_to_be_made_is_in_conflict(
    server: RunningServer, api: Any, operation: str
) -> None:
    name = f"invoke-failed-{operation}"
    server.create(name, ECHO, Runtime=missing_runtime(server))
    for more in ({}, {"InvocationType": "DryRun"}):
        answer = refusal(api, operation, name, **more)
        assert answer["Error"]["Code"] == "ResourceConflictException"
        assert "Failed" in answer["Error"]["Message"]


def test_beyond_the_accounts_concurrency_both_are_throttled(tmp_path: Path) -> None:
    """[LS] the text; [B] the reasons. The first stream is under way when the others come."""
    source = f"""{WAIT}
def handler(event, context):
    yield "x"
    wait_at(event)
"""
    with running(tmp_path / "data", "--concurrency", "1") as server:
        server.create("invoke-busy", source, Timeout=120)
        gate = Gate(server)
        payload = json.dumps(gate.url)
        api = recording(server.client("lambda"))
        stream = api.invoke_with_response_stream(FunctionName="invoke-busy", Payload=payload)[
            "EventStream"
        ]
        events = iter(stream)
        assert "PayloadChunk" in next(events)
        for operation in BOTH:
            answer = refusal(api, operation, "invoke-busy")
            assert answer["Error"]["Code"] == "TooManyRequestsException"
            assert answer["Reason"] == "ConcurrentInvocationLimitExceeded"
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
        gate.open(1)
        assert list(events) == [{"InvokeComplete": {}}]


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("Invoke", {"InvocationType": "Later"}),
        ("InvokeWithResponseStream", {"InvocationType": "Event"}),
        *((operation, {"LogType": "All"}) for operation in BOTH),
        *((operation, {"TenantId": "x" * 257}) for operation in BOTH),
        *((operation, {"TenantId": "no$"}) for operation in BOTH),
        *((operation, {"Qualifier": "no spaces"}) for operation in BOTH),
    ],
)
def test_what_the_model_does_not_allow_is_a_validation_exception(
    api: Any, operation: str, parameters: dict[str, str]
) -> None:
    """[LS] 'N validation error detected: Value … at … failed to satisfy constraint: …'."""
    answer = refusal(api, operation, "invoke-nothing", **parameters)
    assert answer["Error"]["Code"] == "ValidationException"
    (value,) = parameters.values()
    assert answer["Error"]["Message"].startswith("1 validation error detected: Value")
    assert value in answer["Error"]["Message"]


@pytest.mark.parametrize("operation", BOTH)
def test_a_client_context_that_is_not_json_is_refused(api: Any, operation: str) -> None:
    context = base64.b64encode(b"[1]").decode()
    answer = refusal(api, operation, "invoke-nothing", ClientContext=context)
    assert answer["Error"]["Code"] == "InvalidRequestContentException"
