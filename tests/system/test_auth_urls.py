"""Function URLs of a server with `--auth iam`: [DG] urls-auth, as of October 2025."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.system.auth_world import World, allow

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WHO = """
import json
def handler(event, context):
    authorizer = event["requestContext"].get("authorizer", {})
    return {"statusCode": 200, "body": authorizer.get("iam", {}).get("userArn", "nobody")}
"""


def make_url(world: World, name: str, auth_type: str) -> str:
    """The host name of a new function's URL."""
    world.create(name, WHO)
    url = world.functions.create_function_url_config(FunctionName=name, AuthType=auth_type)
    host: str = url["FunctionUrl"].removeprefix("http://").rstrip("/")
    return host


def grant(world: World, name: str, principal: str, auth_type: str) -> None:
    """The two permissions that a URL needs."""
    world.functions.add_permission(
        FunctionName=name,
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal=principal,
        FunctionUrlAuthType=auth_type,
    )
    world.functions.add_permission(
        FunctionName=name,
        StatementId="by-url",
        Action="lambda:InvokeFunction",
        Principal=principal,
        InvokedViaFunctionUrl=True,
    )


def ask(world: World, host: str, keys: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and body of a GET; signed where there are keys."""
    headers = {"Host": host}
    if keys is not None:
        request = AWSRequest(method="GET", url=f"http://{host}/", headers=headers)
        credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
        SigV4Auth(credentials, "lambda", "us-east-1").add_auth(request)
        headers.update(request.headers.items())
    connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=30)
    try:
        connection.request("GET", "/", headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_url_of_auth_type_none_is_open_once_the_policy_opens_it(world: World) -> None:
    host = make_url(world, "policy-url-none", "NONE")
    status, body = ask(world, host)
    assert status == 403
    assert json.loads(body)["Message"].startswith("Forbidden. For troubleshooting")
    grant(world, "policy-url-none", "*", "NONE")
    assert ask(world, host) == (200, "nobody")
    world.functions.remove_permission(FunctionName="policy-url-none", StatementId="by-url")
    assert ask(world, host)[0] == 403


def test_a_url_of_auth_type_iam_is_for_whom_a_policy_lets_in(world: World) -> None:
    host = make_url(world, "policy-url-iam", "AWS_IAM")
    alice = world.make_user("policy-alice")
    bob = world.make_user("policy-bob", allow("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"))
    arn = "arn:aws:iam::000000000000:user/policy-"
    assert ask(world, host)[0] == 403
    assert ask(world, host, alice)[0] == 403
    assert ask(world, host, bob) == (200, f"{arn}bob")
    grant(world, "policy-url-iam", f"{arn}alice", "AWS_IAM")
    assert ask(world, host, alice) == (200, f"{arn}alice")
    wrong: dict[str, Any] = {**bob, "aws_secret_access_key": "wrong"}
    assert ask(world, host, wrong)[0] == 403


def test_a_deny_of_the_function_closes_its_url_to_all(world: World) -> None:
    host = make_url(world, "policy-url-denied", "AWS_IAM")
    assert ask(world, host, world.root)[0] == 200
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "lambda:InvokeFunctionUrl",
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:policy-url-denied",
    }
    world.functions.put_resource_policy(
        ResourceArn=deny["Resource"],
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    assert ask(world, host, world.root)[0] == 403
