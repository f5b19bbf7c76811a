"""Both ways, for every operation: botocore writes and we read; we write and botocore reads.

Left out: the answer of an operation that streams events (InvokeWithResponseStream), which comes
with the event stream protocol.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.wire import (
    identify,
    load_service,
    parse_request,
    serialize_error,
    serialize_response,
)
from tests.wire.client import receive, send, service_model
from tests.wire.profile import load_profile
from tests.wire.shapes import values

IN_USE = {
    "sts": ["GetCallerIdentity", "AssumeRole", "GetSessionToken"],
    "iam": [
        "AttachRolePolicy",
        "CreatePolicy",
        "CreateRole",
        "DeletePolicy",
        "DeleteRole",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "GetPolicy",
        "GetPolicyVersion",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListInstanceProfilesForRole",
        "ListPolicyVersions",
        "ListRolePolicies",
        "ListRoles",
        "PutRolePolicy",
        "TagRole",
        "UpdateAssumeRolePolicy",
    ],
    "logs": [
        "CreateLogGroup",
        "CreateLogStream",
        "DeleteLogGroup",
        "DeleteLogStream",
        "DescribeLogGroups",
        "DescribeLogStreams",
        "FilterLogEvents",
        "GetLogEvents",
        "ListTagsForResource",
        "PutLogEvents",
        "PutRetentionPolicy",
    ],
    "lambda": list(load_service("lambda").operations),
}
OPERATIONS = [(service, name) for service, names in IN_USE.items() for name in names]
ERRORS = [
    (service, shape.name) for service in IN_USE for shape in service_model(service).error_shapes
]
REQUEST_ID = "8e1f3f6c-0001-0002-0003-abcdefabcdef"

few = settings(load_profile(), max_examples=8)


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
@few
@given(data=st.data())
def test_what_botocore_sends_is_what_the_handler_gets(
    service: str, name: str, data: st.DataObject
) -> None:
    shape = service_model(service).operation_model(name).input_shape
    is_query = service_model(service).protocol == "query"
    params = {} if shape is None else data.draw(values(shape, query=is_query))

    request = send(service, name, params)
    ours = load_service(service)
    operation = identify(ours, request)

    assert operation.name == name
    assert parse_request(ours, operation, request) == _as_sent(shape, params)


def _as_sent(shape: Any, params: dict[str, Any]) -> dict[str, Any]:
    """An absent payload structure is sent as `{}`, as an empty one is."""
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload is not None and shape.members[payload].type_name == "structure":
        return {payload: {}, **params}
    return params


@pytest.mark.parametrize(
    ("service", "name"),
    [
        (service, name)
        for service, name in OPERATIONS
        if not service_model(service).operation_model(name).has_event_stream_output
    ],
)
@few
@given(data=st.data())
def test_what_the_handler_answers_is_what_botocore_reads(
    service: str, name: str, data: st.DataObject
) -> None:
    model = service_model(service).operation_model(name)
    shape = model.output_shape
    result = {} if shape is None else data.draw(values(shape))
    expected = dict(result)
    for member, member_shape in (shape.members if shape is not None else {}).items():
        if member_shape.serialization.get("location") == "statusCode":
            result[member] = expected[member] = 202  # not what the strategy drew: any integer

    ours = load_service(service)
    response = serialize_response(ours, ours.operations[name], result, REQUEST_ID)
    parsed = receive(service, shape, response, streams=model.has_streaming_output)

    assert parsed.pop("ResponseMetadata")["RequestId"] == REQUEST_ID
    if model.has_streaming_output:
        payload = shape.serialization["payload"]
        parsed[payload] = parsed[payload].read()
        expected.setdefault(payload, b"")
    assert parsed == expected


@pytest.mark.parametrize(("service", "name"), ERRORS)
@few
@given(data=st.data())
def test_every_modelled_error_reaches_botocore_whole(
    service: str, name: str, data: st.DataObject
) -> None:
    model = service_model(service)
    shape = model.shape_for(name)
    members = data.draw(values(shape))
    message = members.pop("message", members.pop("Message", "text <&> \u00e9"))

    response = serialize_error(
        load_service(service), None, name, message, {**members, "Surprise": 1}, REQUEST_ID
    )
    generic = receive(service, None, response)
    modelled = receive(service, shape, response)

    assert generic["Error"]["Code"] == shape.error_code
    assert (generic["Error"]["Message"] or "") == message  # an empty XML element is read as None
    assert generic["ResponseMetadata"]["RequestId"] == REQUEST_ID
    assert response.status == shape.metadata.get("error", {}).get("httpStatusCode", response.status)
    assert response.status >= 400
    for member, value in members.items():
        assert modelled[member] == value
