"""A server with `--auth iam`, and unmodified boto3: who is let in, who is not, and in which words.

Codes and texts: as AWS's are reported in public (IAM User Guide, "Troubleshoot access denied error
messages"; LocalStack's recordings; reports of botocore's users), searched 2026-11.
"""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import botocore.auth
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.cli.root_key import root_file
from tests.system.auth_world import (
    ACCOUNT,
    FUNCTION,
    INVALID_TOKEN,
    INVOKE_PATH,
    MISMATCH,
    World,
    allow,
    refusal,
    send,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# Root


def test_the_first_start_makes_roots_key_in_a_file_of_its_owners_alone(world: World) -> None:
    path = root_file({}, world.server.data_dir)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    identity = world.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert "lambent credentials" in world.server.banner


def lambent(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambent", "--endpoint-url", world.server.endpoint, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={
            "LAMBENT_DATA_DIR": str(world.server.data_dir),
            "HOME": "/nonexistent",
            "PATH": "/usr/bin:/bin",
        },
    )


def test_the_command_line_works_with_roots_key_and_shows_it(world: World) -> None:
    listed = lambent(world, "list")
    assert "auth-echo" in listed.stdout, listed.stderr
    shown = lambent(world, "credentials")
    assert f"export AWS_ACCESS_KEY_ID={world.root['aws_access_key_id']}" in shown.stdout
    assert lambent(world, "bill").returncode == 0


def test_lambents_own_routes_are_roots_but_for_health(world: World) -> None:
    with urllib.request.urlopen(world.server.endpoint + "/_lambent/health", timeout=60) as answer:
        assert answer.status == 200
    for method, path in (("GET", "bill"), ("POST", "debug/auth-echo")):
        own = urllib.request.Request(f"{world.server.endpoint}/_lambent/{path}", method=method)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(own, timeout=60)
        assert caught.value.code == 403
        caught.value.close()


# Who is not let in


@pytest.mark.parametrize(
    ("service", "operation", "params", "code"),
    [
        ("lambda", "list_functions", {}, "MissingAuthenticationTokenException"),
        ("lambda", "invoke", {"FunctionName": "auth-echo"}, "MissingAuthenticationTokenException"),
        ("logs", "describe_log_groups", {}, "MissingAuthenticationTokenException"),
        ("iam", "list_users", {}, "MissingAuthenticationToken"),
        ("sts", "get_caller_identity", {}, "MissingAuthenticationToken"),
    ],
)
def test_what_is_not_signed_is_refused(
    world: World, service: str, operation: str, params: dict[str, Any], code: str
) -> None:
    client = world.client(service, signature_version=UNSIGNED)
    refused = refusal(getattr(client, operation), **params)
    assert refused[:2] == (code, 403)


@pytest.mark.parametrize(
    ("service", "operation", "params", "code"),
    [
        ("lambda", "list_functions", {}, "InvalidSignatureException"),
        ("lambda", "invoke", {"FunctionName": "auth-echo"}, "InvalidSignatureException"),
        ("lambda", "create_alias", {}, "InvalidSignatureException"),
        ("logs", "describe_log_groups", {}, "InvalidSignatureException"),
        ("iam", "list_users", {}, "SignatureDoesNotMatch"),
        ("sts", "get_caller_identity", {}, "SignatureDoesNotMatch"),
    ],
)
def test_what_is_wrongly_signed_is_refused(
    world: World, service: str, operation: str, params: dict[str, Any], code: str
) -> None:
    if operation == "create_alias":
        params = {"FunctionName": "auth-echo", "Name": "a", "FunctionVersion": "$LATEST"}
    client = world.client(service, {**world.root, "aws_secret_access_key": "guessed"})
    refused = refusal(getattr(client, operation), **params)
    assert refused[:2] == (code, 403)
    assert refused[2].startswith(MISMATCH)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("lambda", "list_functions", "UnrecognizedClientException"),
        ("iam", "list_users", "InvalidClientTokenId"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
    ],
)
@pytest.mark.parametrize("key_id", ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "test"])
def test_a_key_that_nobody_has_is_refused(
    world: World, service: str, operation: str, code: str, key_id: str
) -> None:
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": "s", "aws_session_token": "t"}
    client = world.client(service, keys)
    assert refusal(getattr(client, operation)) == (code, 403, INVALID_TOKEN)


def signed_at(world: World, moment: float, monkeypatch: pytest.MonkeyPatch) -> AWSRequest:
    """An Invoke as it was signed at another time."""
    url = world.server.endpoint + INVOKE_PATH.format("auth-echo")
    request = AWSRequest("POST", url, data=b"{}")
    when = datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: when, raising=False)
    SigV4Auth(Credentials(*world.root.values()), "lambda", "us-east-1").add_auth(request)
    return request


def test_a_replay_within_the_window_is_served_and_past_it_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = signed_at(world, time.time() - 600, monkeypatch)
    assert send(fresh)[0] == 200
    assert send(fresh)[0] == 200
    for shift, text in ((-960, "Signature expired: "), (960, "Signature not yet current: ")):
        status, body, headers = send(signed_at(world, time.time() + shift, monkeypatch))
        assert status == 403
        assert headers["x-amzn-errortype"] == "InvalidSignatureException"
        assert body["message"].startswith(text)
        assert re.search(r"\(\d{8}T\d{6}Z [-+] 15 min\.\)$", body["message"])


def test_a_replay_with_a_new_date_is_refused(world: World, monkeypatch: Any) -> None:
    old = signed_at(world, time.time() - 3600, monkeypatch)
    old.headers["X-Amz-Date"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    status, body, _ = send(old)
    assert status == 403
    assert body["message"].startswith(MISMATCH)


def test_a_body_or_a_path_that_was_changed_on_the_way_is_refused(
    world: World, monkeypatch: Any
) -> None:
    changed = signed_at(world, time.time(), monkeypatch)
    changed.data = b'{"more": 1}'
    assert send(changed)[0] == 403
    elsewhere = signed_at(world, time.time(), monkeypatch)
    elsewhere.url = elsewhere.url.replace("auth-echo", "auth-other")
    assert send(elsewhere)[0] == 403


def test_an_incomplete_signature_is_said(world: World) -> None:
    url = world.server.endpoint + "/2015-03-31/functions/"
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/lambda/aws4_request"}
    status, body, answered = send(AWSRequest("GET", url, headers=headers))
    assert answered["x-amzn-errortype"] == "IncompleteSignatureException"
    assert status in (400, 403)
    assert body["message"].startswith("Authorization header requires 'Signature' parameter.")


def test_a_signature_for_another_service_or_region_is_refused(world: World) -> None:
    url = world.server.endpoint + "/2015-03-31/functions/"
    for service, region in (("logs", "us-east-1"), ("lambda", "eu-west-1")):
        request = AWSRequest("GET", url)
        SigV4Auth(Credentials(*world.root.values()), service, region).add_auth(request)
        status, body, _ = send(request)
        assert status == 403
        assert body["message"].startswith("Credential should be scoped to ")


# Users


def test_an_inactive_a_deleted_key_and_a_deleted_user_are_let_in_no_more(world: World) -> None:
    keys = world.make_user("auth-leaver", allow("lambda:*"))
    key_id, iam = keys["aws_access_key_id"], world.iam
    client = world.client("lambda", keys)
    named = {"UserName": "auth-leaver", "AccessKeyId": key_id}
    assert client.invoke(FunctionName="auth-echo")["StatusCode"] == 200
    iam.update_access_key(**named, Status="Inactive")
    gone = ("UnrecognizedClientException", 403, INVALID_TOKEN)
    assert refusal(client.invoke, FunctionName="auth-echo") == gone
    iam.update_access_key(**named, Status="Active")
    assert client.invoke(FunctionName="auth-echo")["StatusCode"] == 200
    iam.delete_access_key(**named)
    assert refusal(client.list_functions) == gone
    iam.delete_user_policy(UserName="auth-leaver", PolicyName="p")
    iam.delete_user(UserName="auth-leaver")
    assert refusal(client.list_functions) == gone


def test_what_no_policy_allows_is_denied_in_the_words_of_aws(world: World) -> None:
    keys = world.make_user("auth-reader", allow("lambda:Get*", resource=FUNCTION + "auth-echo"))
    client = world.client("lambda", keys)
    assert client.get_function(FunctionName="auth-echo")["Configuration"]
    who = f"User: arn:aws:iam::{ACCOUNT}:user/auth-reader is not authorized to perform: "
    assert refusal(client.invoke, FunctionName="auth-echo") == (
        "AccessDeniedException",
        403,
        f"{who}lambda:InvokeFunction on resource: {FUNCTION}auth-echo because no identity-based"
        " policy allows the lambda:InvokeFunction action",
    )
    assert refusal(client.delete_function, FunctionName="auth-echo")[2] == (
        f"{who}lambda:DeleteFunction on resource: {FUNCTION}auth-echo because no identity-based"
        " policy allows the lambda:DeleteFunction action"
    )
    assert refusal(client.get_function, FunctionName="auth-other")[0] == "AccessDeniedException"
    iam = world.client("iam", keys)
    assert refusal(iam.create_user, UserName="auth-new") == (
        "AccessDenied",
        403,
        f"{who}iam:CreateUser on resource: arn:aws:iam::{ACCOUNT}:user/auth-new because no"
        " identity-based policy allows the iam:CreateUser action",
    )
    logs = world.client("logs", keys)
    assert refusal(logs.create_log_group, logGroupName="/auth")[0] == "AccessDeniedException"
    assert world.client("sts", keys).get_caller_identity()["Arn"].endswith(":user/auth-reader")


def test_an_explicit_deny_and_a_boundary_are_told_apart(world: World) -> None:
    deny = {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": "*"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything, deny]})
    client = world.client("lambda", world.make_user("auth-denied", policy))
    message = refusal(client.invoke, FunctionName="auth-echo")[2]
    assert message.endswith("with an explicit deny in an identity-based policy")
    client = world.client("lambda", world.make_user("auth-bound", allow("*")))
    world.iam.put_user_permissions_boundary(
        UserName="auth-bound", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    assert client.list_functions()["Functions"]
    message = refusal(client.invoke, FunctionName="auth-echo")[2]
    assert "because no permissions boundary allows the lambda:InvokeFunction" in message


def test_a_functions_own_policy_lets_a_user_in(world: World) -> None:
    client = world.client("lambda", world.make_user("auth-guest"))
    assert refusal(client.invoke, FunctionName="auth-echo")[0] == "AccessDeniedException"
    world.functions.add_permission(
        FunctionName="auth-echo",
        StatementId="guest",
        Action="lambda:InvokeFunction",
        Principal=f"arn:aws:iam::{ACCOUNT}:user/auth-guest",
    )
    assert client.invoke(FunctionName="auth-echo")["StatusCode"] == 200
    assert refusal(client.get_function, FunctionName="auth-echo")[0] == "AccessDeniedException"
    world.functions.remove_permission(FunctionName="auth-echo", StatementId="guest")
    assert refusal(client.invoke, FunctionName="auth-echo")[0] == "AccessDeniedException"


def test_streaming_invokes_are_asked_for_the_same_action(world: World) -> None:
    client = world.client("lambda", world.make_user("auth-streamer"))
    refused = refusal(client.invoke_with_response_stream, FunctionName="auth-echo")
    assert refused[0] == "AccessDeniedException"
    assert "lambda:InvokeFunction" in refused[2]


def test_a_presigned_invoke_runs_until_it_expires_and_not_changed(world: World) -> None:
    url = world.functions.generate_presigned_url(
        "invoke", Params={"FunctionName": "auth-echo"}, ExpiresIn=60, HttpMethod="POST"
    )
    request = urllib.request.Request(url, b"", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(longer, b"", method="POST"), timeout=30)
    assert caught.value.code == 403
    caught.value.close()


def test_a_user_may_change_their_own_keys_without_naming_themselves(world: World) -> None:
    """Source: IAM User Guide, "Allows IAM users to manage their own … access keys"."""
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
    keys = world.make_user("auth-self", allow("iam:*AccessKey*", resource=own))
    iam = world.client("iam", keys)
    assert iam.create_access_key()["AccessKey"]["UserName"] == "auth-self"
    assert len(iam.list_access_keys()["AccessKeyMetadata"]) == 2
    refused = refusal(iam.create_access_key, UserName="auth-reader")
    assert refused[0] == "AccessDenied"
