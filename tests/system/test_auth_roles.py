"""Roles on a server with `--auth iam`: passing, assuming, what functions run with; and its start.

Sources: as in test_auth.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.cli.root_key import read_root_file, root_file
from lambent.domain.credentials import Session, SessionTokens
from tests.conftest import RunningServer, running
from tests.system.auth_world import (
    ACCOUNT,
    CALLER,
    ECHO,
    FUNCTION,
    INVALID_TOKEN,
    TRUST,
    World,
    allow,
    as_keys,
    refusal,
    send,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# Roles


def test_pass_role_and_the_roles_trust_are_asked_for(world: World) -> None:
    keys = world.make_user("auth-deployer", allow("lambda:*"))
    client = world.client("lambda", keys)
    refused = refusal(client.create_function, **world.request("auth-passed"))
    assert refused[0] == "AccessDeniedException"
    assert f"iam:PassRole on resource: {world.role} because no identity-based" in refused[2]
    world.iam.attach_user_policy(
        UserName="auth-deployer", PolicyArn="arn:aws:iam::aws:policy/AWSLambda_FullAccess"
    )
    client.create_function(**world.request("auth-passed"))
    trust = json.loads(TRUST)
    trust["Statement"][0]["Principal"] = {"Service": "ec2.amazonaws.com"}
    untrusting = world.make_role("auth-untrusting", json.dumps(trust))
    for role in (untrusting, f"arn:aws:iam::{ACCOUNT}:role/auth-nobody"):
        assert refusal(client.create_function, **world.request("auth-x", Role=role)) == (
            "InvalidParameterValueException",
            400,
            "The role defined for the function cannot be assumed by Lambda.",
        )
    refused = refusal(
        client.update_function_configuration, FunctionName="auth-passed", Role=untrusting
    )
    assert refused[0] == "InvalidParameterValueException"


def test_assume_role_asks_the_roles_trust_and_the_callers_policies(world: World) -> None:
    keys = world.make_user("auth-assumer")
    sts, named = world.client("sts", keys), f"arn:aws:iam::{ACCOUNT}:user/auth-assumer"
    trust = json.loads(TRUST)
    trust["Statement"][0]["Principal"] = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    arn = world.make_role("auth-assumed", json.dumps(trust), allow("lambda:*"))
    asked = {"RoleArn": arn, "RoleSessionName": "me"}
    denied = f"User: {named} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    assert refusal(sts.assume_role, **asked) == ("AccessDenied", 403, denied)
    trust["Statement"][0]["Principal"] = {"AWS": named}
    world.iam.update_assume_role_policy(RoleName="auth-assumed", PolicyDocument=json.dumps(trust))
    session = as_keys(sts.assume_role(**asked, DurationSeconds=900)["Credentials"])
    who = world.client("sts", session).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/auth-assumed/me"
    client = world.client("lambda", session)
    assert client.invoke(FunctionName="auth-echo")["StatusCode"] == 200
    assert refusal(world.client("iam", session).list_users)[0] == "AccessDenied"
    capped = sts.assume_role(**asked, Policy=allow("lambda:Get*"))["Credentials"]
    message = refusal(world.client("lambda", as_keys(capped)).invoke, FunctionName="auth-echo")[2]
    assert "because no session policy allows the lambda:InvokeFunction action" in message
    stolen = {**session, "aws_session_token": capped["SessionToken"]}
    assert refusal(world.client("lambda", stolen).list_functions)[2] == INVALID_TOKEN
    del session["aws_session_token"]
    assert refusal(world.client("lambda", session).list_functions)[2] == INVALID_TOKEN
    root = refusal(world.client("sts").assume_role, **asked)
    assert root == ("AccessDenied", 403, "Roles may not be assumed by root accounts.")
    refused = refusal(
        sts.assume_role_with_web_identity,
        RoleArn=arn,
        RoleSessionName="me",
        WebIdentityToken="token",
    )
    assert "not support" in refused[2]


def expired(world: World, role: dict[str, Any]) -> dict[str, str]:
    """Credentials as this server issued them an hour ago: made with its own secret."""
    path = world.server.data_dir / "lambent.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        (secret,) = database.execute(
            "SELECT value FROM secrets WHERE name = 'session-tokens'"
        ).fetchone()
    database.close()
    issued = SessionTokens(secret).issue(
        Session(
            key_id="ASIAAAAAAAAAAAAAAAAA",
            kind="assumed-role",
            subject=role["RoleName"],
            subject_id=role["RoleId"],
            subject_arn=role["Arn"],
            name="me",
            expires_s=int(time.time()) - 1,
        )
    )
    return {
        "aws_access_key_id": issued.key_id,
        "aws_secret_access_key": issued.secret,
        "aws_session_token": issued.token,
    }


def test_credentials_past_their_end_are_refused(world: World) -> None:
    keys = expired(world, world.iam.get_role(RoleName="auth-role")["Role"])
    text = "The security token included in the request is expired"
    assert refusal(world.client("lambda", keys).invoke, FunctionName="auth-echo") == (
        "ExpiredTokenException",
        403,
        text,
    )
    assert refusal(world.client("sts", keys).get_caller_identity) == ("ExpiredToken", 403, text)


def test_a_function_calls_with_its_roles_credentials_and_no_further(world: World) -> None:
    role = world.make_role(
        "auth-caller", policy=allow("lambda:InvokeFunction", resource=FUNCTION + "auth-echo")
    )
    world.create("auth-calls", CALLER, Role=role, Timeout=30)
    me = f"arn:aws:sts::{ACCOUNT}:assumed-role/auth-caller/auth-calls"
    assert world.call("auth-calls", {"do": "who"}) == me
    assert world.call("auth-calls", {"do": "invoke", "name": "auth-echo"}) == 200
    assert world.call("auth-calls", {"do": "invoke", "name": "auth-calls"}) == (
        f"AccessDeniedException: User: {me} is not authorized to perform: lambda:InvokeFunction"
        f" on resource: {FUNCTION}auth-calls because no identity-based policy allows the"
        " lambda:InvokeFunction action"
    )
    world.iam.delete_role_policy(RoleName="auth-caller", PolicyName="p")
    answer = world.call("auth-calls", {"do": "invoke", "name": "auth-echo"})
    assert answer.startswith("AccessDeniedException"), "taken away while the environment lives"


# Function URLs


def test_a_functions_url_asks_signature_and_policies(world: World) -> None:
    """Source: [DG] urls-auth; both actions since October 2025."""
    world.create("auth-url", ECHO)
    client = world.functions
    kept = client.create_function_url_config(FunctionName="auth-url", AuthType="AWS_IAM")
    url = kept["FunctionUrl"]
    port = world.server.endpoint.rpartition(":")[2]
    host = url.removeprefix("http://").removeprefix("https://").partition("/")[0].partition(":")[0]

    def call(keys: dict[str, str] | None) -> int:
        request = AWSRequest("GET", f"http://127.0.0.1:{port}/", headers={"Host": f"{host}:{port}"})
        if keys is not None:
            SigV4Auth(Credentials(*keys.values()), "lambda", "us-east-1").add_auth(request)
        return send(request)[0]

    guest = world.make_user("auth-url-guest", allow("lambda:InvokeFunctionUrl"))
    assert call(world.root) == 200
    assert call(None) == 403
    assert call({**world.root, "aws_secret_access_key": "guessed"}) == 403
    assert call(guest) == 403, "lambda:InvokeFunction is not allowed"
    both = allow("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
    world.iam.put_user_policy(UserName="auth-url-guest", PolicyName="p", PolicyDocument=both)
    assert call(guest) == 200
    client.update_function_url_config(FunctionName="auth-url", AuthType="NONE")
    assert call(None) == 403, "the function's policy lets nobody in yet"
    everyone = {"FunctionName": "auth-url", "Principal": "*"}
    client.add_permission(
        **everyone,
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        FunctionUrlAuthType="NONE",
    )
    client.add_permission(
        **everyone, StatementId="via", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True
    )
    assert call(None) == 200


# The start


def test_users_keys_and_sessions_survive_sigkill(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--auth", "iam") as server:
        world = World(server)
        keys = world.make_user("auth-survivor", allow("lambda:*"))
        token = world.client("sts", keys).get_session_token()["Credentials"]
        root = dict(world.root)
        server.kill()
        server.start()
        assert read_root_file(root_file({}, server.data_dir)) == root
        for known in (root, keys, as_keys(token)):
            client = world.client("lambda", known)
            assert client.invoke(FunctionName="auth-echo")["StatusCode"] == 200
        asleep = {"UserName": "auth-survivor", "AccessKeyId": keys["aws_access_key_id"]}
        world.client("iam").update_access_key(**asleep, Status="Inactive")
        server.kill()
        server.start()
        refused = refusal(world.client("lambda", keys).list_functions)
        assert refused[0] == "UnrecognizedClientException"


def start(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "lambent", "start", "--port", "0", *arguments),
            *("--data-dir", str(tmp_path / "data")),
        ],
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_open_on_an_address_that_others_reach_is_refused_unless_told(tmp_path: Path) -> None:
    done = start(tmp_path, "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "--auth iam" in done.stderr
    assert "--allow-open-network" in done.stderr
    assert not (tmp_path / "data").exists()
    for more in (("--auth", "iam"), ("--allow-open-network",)):
        with running(tmp_path / more[-1], "--host", "0.0.0.0", *more) as server:
            assert ("no authentication" in server.banner) == (more[0] != "--auth")


def test_open_takes_any_credentials_and_knows_those_it_issued(server: RunningServer) -> None:
    assert server.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    client = server.create("auth-open-calls", CALLER, Timeout=30)
    answer = client.invoke(FunctionName="auth-open-calls", Payload=b'{"do": "who"}')
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/lambda/auth-open-calls"
    assert json.loads(answer["Payload"].read()) == who
