"""A server with `--auth iam` and the people in it: what the tests of authentication share."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambent.cli.root_key import read_root_file, root_file
from tests.conftest import RUNTIME, RunningServer, make_zip

ACCOUNT = "000000000000"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:"
INVOKE_PATH = "/2015-03-31/functions/{}/invocations"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
ECHO = "def handler(event, context): return event"
CALLER = """
import boto3
from botocore.config import Config
def handler(event, context):
    config = Config(retries={"max_attempts": 0})
    if event["do"] == "who":
        return boto3.client("sts", config=config).get_caller_identity()["Arn"]
    try:
        client = boto3.client("lambda", config=config)
        return client.invoke(FunctionName=event["name"])["StatusCode"]
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"] + ": " + error.response["Error"]["Message"]
"""


def allow(*actions: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class World:
    """One server that enforces IAM, with a function and a role of it."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.root = read_root_file(root_file({}, server.data_dir))
        self.iam = self.client("iam")
        self.functions = self.client("lambda")
        self.role = self.make_role("auth-role")
        self.create("auth-echo", ECHO)

    def client(self, service: str, keys: dict[str, str] | None = None, **more: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.server.endpoint,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 0}, read_timeout=60, **more),
            **(self.root if keys is None else keys),
        )

    def make_role(self, name: str, trust: str = TRUST, policy: str | None = None) -> str:
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
        if policy is not None:
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
        return str(role["Arn"])

    def make_user(self, name: str, policy: str | None = None) -> dict[str, str]:
        """A user's first keys, as boto3's options."""
        self.iam.create_user(UserName=name)
        if policy is not None:
            self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        return as_keys(self.iam.create_access_key(UserName=name)["AccessKey"])

    def create(self, name: str, source: str, **options: Any) -> None:
        self.functions.create_function(**self.request(name, source, **options))
        self.functions.get_waiter("function_active_v2").wait(FunctionName=name)

    def request(self, name: str, source: str = ECHO, **options: Any) -> dict[str, Any]:
        return {
            "FunctionName": name,
            "Runtime": RUNTIME,
            "Handler": "app.handler",
            "Role": self.role,
            "Code": {"ZipFile": make_zip({"app.py": source})},
            **options,
        }

    def call(self, name: str, event: Any) -> Any:
        answer = self.functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read())


def as_keys(key: dict[str, Any]) -> dict[str, str]:
    keys = {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }
    if "SessionToken" in key:
        keys["aws_session_token"] = key["SessionToken"]
    return keys


def refusal(call: Any, **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], status, response["Error"]["Message"]


INVALID_TOKEN = "The security token included in the request is invalid."
MISMATCH = "The request signature we calculated does not match the signature you provided."


def send(request: AWSRequest) -> tuple[int, dict[str, Any], Message]:
    """Status, body and headers of what a signed request is answered."""
    prepared = request.prepare()
    body = prepared.body or b""
    raw = urllib.request.Request(
        prepared.url,
        body if isinstance(body, bytes) else body.encode(),
        dict(prepared.headers.items()),
        method=prepared.method,
    )
    try:
        with urllib.request.urlopen(raw, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null"), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers
