"""Function URLs of a server with `--auth iam`. Source: [DG] urls-auth; the action, the condition
keys and that both permissions are needed: its note of October 2025."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.system.auth_world import FUNCTION, World, allow
from tests.system.test_function_urls import FORBIDDEN, Url

ECHO = """
import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
"""
BOTH = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")


def make(world: World, name: str, auth_type: str) -> Url:
    world.create(name, ECHO)
    config = world.functions.create_function_url_config(FunctionName=name, AuthType=auth_type)
    return Url(world.server, config["FunctionUrl"])


def grant(world: World, name: str, action: str, **more: Any) -> None:
    world.functions.add_permission(
        FunctionName=name, StatementId=action[7:], Action=action, Principal="*", **more
    )


def signed(
    url: Url, keys: dict[str, str], *, service: str = "lambda", body: str = "", query: bool = False
) -> AWSRequest:
    """A POST of `body`, signed in its headers or its query."""
    credentials = Credentials(
        keys["aws_access_key_id"], keys["aws_secret_access_key"], keys.get("aws_session_token")
    )
    request = AWSRequest("POST", f"{url.url}a%20b?x=1", data=body)
    if query:
        SigV4QueryAuth(credentials, service, "us-east-1", expires=60).add_auth(request)
    else:
        SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return request


def send(url: Url, request: AWSRequest, body: str | None = None) -> tuple[int, Any]:
    prepared = request.prepare()
    target = "/" + prepared.url.split("/", 3)[3]
    headers = {name: str(value) for name, value in prepared.headers.items()}
    headers.pop("Content-Length", None)  # http.client tells that of the body it really sends
    response, answer = url.ask("POST", target, request.data if body is None else body, headers)
    return response.status, json.loads(answer)


def test_a_public_url_needs_both_permissions_for_everybody(world: World) -> None:
    url = make(world, "urls-auth-public", "NONE")

    def status() -> int:
        response, body = url.ask()
        assert response.status == 200 or json.loads(body) == FORBIDDEN
        return response.status

    assert status() == 403
    grant(world, "urls-auth-public", "lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
    assert status() == 403
    grant(world, "urls-auth-public", "lambda:InvokeFunction", InvokedViaFunctionUrl=True)
    assert status() == 200
    event = url.event()
    assert event["requestContext"]["accountId"] == "anonymous"
    assert "authorizer" not in event["requestContext"]
    path = f"/_lambent/url/{url.id}/"
    assert url.ask("GET", path, headers={"Host": "localhost"})[0].status == 200
    # Only via the URL: a user without a policy may not invoke.
    stranger = world.client("lambda", world.make_user("urls-auth-stranger"))
    with pytest.raises(stranger.exceptions.ClientError, match="not authorized"):
        stranger.invoke(FunctionName="urls-auth-public")
    # The grants are for NONE: they open nothing of AWS_IAM.
    world.functions.update_function_url_config(FunctionName="urls-auth-public", AuthType="AWS_IAM")
    assert status() == 403


def test_an_alias_has_a_policy_of_its_own(world: World) -> None:
    name = "urls-auth-alias"
    world.create(name, ECHO)
    world.functions.publish_version(FunctionName=name)
    world.functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    config = world.functions.create_function_url_config(
        FunctionName=name, Qualifier="live", AuthType="NONE"
    )
    url = Url(world.server, config["FunctionUrl"])
    for qualifier, status in (({}, 403), ({"Qualifier": "live"}, 200)):
        more = {"FunctionUrlAuthType": "NONE", **qualifier}
        grant(world, name, "lambda:InvokeFunctionUrl", **more)
        grant(world, name, "lambda:InvokeFunction", InvokedViaFunctionUrl=True, **qualifier)
        assert url.ask()[0].status == status


def test_a_signed_request_is_allowed_by_the_callers_policies(world: World) -> None:
    name = "urls-auth-iam"
    url = make(world, name, "AWS_IAM")
    assert url.ask()[0].status == 403
    arn = f"{FUNCTION}{name}"
    keys = world.make_user("urls-auth-caller", allow(*BOTH, resource=arn))
    for query in (False, True):
        status, event = send(url, signed(url, keys, body="" if query else "hi", query=query))
        assert status == 200, event
        assert event["rawPath"] == "/a%20b"
        iam = event["requestContext"]["authorizer"]["iam"]
        assert iam["accessKey"] == keys["aws_access_key_id"]
        assert iam["userArn"].endswith(":user/urls-auth-caller")
        assert iam["userId"] == iam["callerId"]
        assert iam["userId"].startswith("AIDA")
        assert event["requestContext"]["accountId"] == "000000000000"
    assert send(url, signed(url, world.root))[0] == 200
    for user, policy in (
        ("urls-auth-half", allow("lambda:InvokeFunctionUrl")),
        ("urls-auth-other", allow(*BOTH, resource=f"{arn}-other")),
        ("urls-auth-none", None),
    ):
        assert send(url, signed(url, world.make_user(user, policy))) == (403, FORBIDDEN)


def test_a_wrong_signature_is_refused(world: World) -> None:
    url = make(world, "urls-auth-wrong", "AWS_IAM")
    root = world.root
    status, answer = send(url, signed(url, {**root, "aws_secret_access_key": "x"}))
    assert (status, "signature" in answer["Message"]) == (403, True)
    unknown = {**root, "aws_access_key_id": "AKIAUNKNOWN000000000"}
    status, answer = send(url, signed(url, unknown))
    assert (status, "security token" in answer["Message"]) == (403, True)
    status, _ = send(url, signed(url, root, body="what was signed"), body="what was not")
    assert status == 403
    assert send(url, signed(url, root, service="execute-api"))[0] == 403
