"""Resource policies put as whole documents, against the running server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import RunningServer

_QUEUED = "a change that comes during another waits for it instead of being refused"
CANNOT_OCCUR = {
    (operation, "ResourceConflictException"): _QUEUED
    for operation in ("PutResourcePolicy", "DeleteResourcePolicy")
}
HANDLER = "def handler(event, context): return event"
NAME = "policy-documents"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
MISSING = f"{ARN}-missing"
OLD = "00000000-0000-0000-0000-000000000000"
STATEMENT = {
    "Sid": "theirs",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    "Action": "lambda:InvokeFunction",
    "Resource": ARN,
}


def text(**members: Any) -> str:
    """A document of one statement, with these members instead."""
    document = {"Version": "2012-10-17", "Statement": [{**STATEMENT, **members}]}
    return json.dumps(document, ensure_ascii=False)


@pytest.fixture
def function(server: RunningServer) -> str:
    client = server.client("lambda")
    try:
        client.get_function(FunctionName=NAME)
    except client.exceptions.ResourceNotFoundException:
        server.create(NAME, HANDLER)
    return NAME


def test_a_document_is_put_read_replaced_and_deleted(api: Any, function: str) -> None:
    put = api.put_resource_policy(ResourceArn=ARN, Policy=text())
    found = api.get_resource_policy(ResourceArn=ARN)
    assert (found["Policy"], found["RevisionId"]) == (put["Policy"], put["RevisionId"])
    assert json.loads(found["Policy"])["Statement"] == [STATEMENT]
    assert api.get_policy(FunctionName=function)["Policy"] == put["Policy"]
    again = api.put_resource_policy(
        ResourceArn=ARN, Policy=text(Sid="others"), RevisionId=put["RevisionId"]
    )
    assert again["RevisionId"] != put["RevisionId"]
    api.delete_resource_policy(ResourceArn=ARN, RevisionId=again["RevisionId"])
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_resource_policy(ResourceArn=ARN)


def test_a_document_overwrites_what_was_added_by_statement(api: Any, function: str) -> None:
    """[B] PutResourcePolicy."""
    added = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    api.add_permission(FunctionName=function, StatementId="one", **added)
    api.put_resource_policy(ResourceArn=ARN, Policy=text())
    api.add_permission(FunctionName=function, StatementId="two", **added)
    found = json.loads(api.get_resource_policy(ResourceArn=ARN)["Policy"])
    assert [one["Sid"] for one in found["Statement"]] == ["theirs", "two"]
    api.delete_resource_policy(ResourceArn=ARN)


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        ({"ResourceArn": MISSING}, "ResourceNotFoundException", 404),
        ({"ResourceArn": f"{ARN}:9"}, "ResourceNotFoundException", 404),
        ({"ResourceArn": f"{ARN}:$LATEST"}, "InvalidParameterValueException", 400),
        ({"Policy": "{"}, "InvalidParameterValueException", 400),
        ({"Policy": text(Effect="Maybe")}, "InvalidParameterValueException", 400),
        ({"Policy": text(Principal="*")}, "PublicPolicyException", 400),
        ({"Policy": text(Sid="ä" * 10_200)}, "PolicyLengthExceededException", 400),
        ({"RevisionId": OLD}, "PreconditionFailedException", 412),
        ({"RevisionId": "old"}, "ValidationException", 400),
        ({"ResourceArn": "arn:aws:s3:::bucket"}, "ValidationException", 400),
        ({"Policy": ""}, "ValidationException", 400),
    ],
)
def test_a_wrong_document_is_refused_and_the_policy_stays(
    api: Any, function: str, given: dict[str, Any], code: str, status: int
) -> None:
    before = api.put_resource_policy(ResourceArn=ARN, Policy=text())
    asked = {"ResourceArn": ARN, "Policy": text(Sid="new"), **given}
    with pytest.raises(api.exceptions.ClientError) as refused:
        api.put_resource_policy(**asked)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    found = api.get_resource_policy(ResourceArn=ARN)
    assert (found["Policy"], found["RevisionId"]) == (before["Policy"], before["RevisionId"])


def test_errors_of_reading_and_deleting_documents(api: Any, function: str) -> None:
    too_long = f"arn:aws:lambda:us-east-1:000000000000:function:{'f' * 65}"
    api.put_resource_policy(ResourceArn=ARN, Policy=text())
    for call in (api.get_resource_policy, api.delete_resource_policy):
        with pytest.raises(api.exceptions.ResourceNotFoundException):
            call(ResourceArn=MISSING)
        with pytest.raises(api.exceptions.InvalidParameterValueException):
            call(ResourceArn=too_long)
    with pytest.raises(api.exceptions.PreconditionFailedException):
        api.delete_resource_policy(ResourceArn=ARN, RevisionId=OLD)
    api.delete_resource_policy(ResourceArn=ARN)
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.delete_resource_policy(ResourceArn=ARN)
