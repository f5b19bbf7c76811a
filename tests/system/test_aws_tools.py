"""AWS's own tools, unmodified: the command line, version 1, and boto3.

Source: the issue of step 1, "Must be shown" 2. Only the endpoint and credentials are set, in the
environment, as their manuals say.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.api.events_world import next_body, open_queue
from tests.conftest import ROLE, RUNTIME, RunningServer, make_zip, running
from tests.gate import WAIT, Gate
from tests.system.host import wait_for

ECHO = "def handler(event, context):\n    print('word', event.get('word'))\n    return event\n"
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
Aws = Callable[..., Any]


def environment(server: RunningServer, home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
        "LANG": "C.UTF-8",
    }


@pytest.fixture
def aws(server: RunningServer, tmp_path: Path) -> Aws:
    """`aws <arguments>` in an empty home; its JSON, or None where it prints nothing."""
    home = tmp_path / "home"
    home.mkdir()
    program = Path(sys.executable).parent / "aws"

    def run(*arguments: str, code: int = 0) -> Any:
        done = subprocess.run(
            [str(program), *arguments],
            env=environment(server, home),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}\n{done.stderr}"
        if code:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_the_aws_cli_takes_a_function_through_its_life(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "one.zip").write_bytes(make_zip({"app.py": ECHO}))
    (tmp_path / "two.zip").write_bytes(make_zip({"app.py": ECHO + "# two\n"}))
    name = ("--function-name", "cli-life")

    role = aws(
        "iam", "create-role", "--role-name", "cli-life", "--assume-role-policy-document", TRUST
    )
    arn = role["Role"]["Arn"]
    assert arn == "arn:aws:iam::000000000000:role/cli-life"
    managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    attach = ("attach-role-policy", "--role-name", "cli-life", "--policy-arn", managed)
    assert aws("iam", *attach) is None

    code = ("--zip-file", "fileb://one.zip")
    made = aws(
        *("lambda", "create-function", *name, "--runtime", RUNTIME, "--role", arn),
        *("--handler", "app.handler", *code, "--tags", "team=blue", "--timeout", "10"),
    )
    assert made["State"] == "Pending"
    assert made["Timeout"] == 10
    assert aws("lambda", "wait", "function-active", *name) is None
    assert aws("lambda", "wait", "function-active-v2", *name) is None
    assert aws("lambda", "wait", "function-exists", *name) is None

    payload = ("--payload", '{"word": "first"}')
    answer = aws("lambda", "invoke", *name, *payload, "--log-type", "Tail", "out.json")
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert json.loads((tmp_path / "out.json").read_text()) == {"word": "first"}
    assert_tail(base64.b64decode(answer["LogResult"]).decode(), "word first")

    updated = aws("lambda", "update-function-code", *name, "--zip-file", "fileb://two.zip")
    assert updated["LastUpdateStatus"] == "InProgress"
    assert aws("lambda", "wait", "function-updated", *name) is None
    assert aws("lambda", "wait", "function-updated-v2", *name) is None
    aws("lambda", "invoke", *name, "--payload", '{"word": "second"}', "out.json")
    found = aws("lambda", "get-function", *name)
    assert found["Configuration"]["LastUpdateStatus"] == "Successful"
    assert found["Tags"] == {"team": "blue"}
    assert found["Configuration"]["CodeSha256"] == sha256((tmp_path / "two.zip").read_bytes())

    group = ("--log-group-name", "/aws/lambda/cli-life")
    events = aws("logs", "filter-log-events", *group, "--filter-pattern", "word")["events"]
    assert [event["message"] for event in events] == ["word first\n", "word second\n"]
    streams = aws("logs", "describe-log-streams", *group, "--order-by", "LastEventTime")
    assert len(streams["logStreams"]) == 2  # the new code runs in a new environment
    stream = streams["logStreams"][0]["logStreamName"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    got = aws("logs", "get-log-events", *group, "--log-stream-name", stream, "--start-from-head")
    messages = "".join(event["message"] for event in got["events"])
    assert re.search(
        r"START RequestId: .*\nword \w+\nEND RequestId: .*\nREPORT RequestId: ", messages
    )

    assert aws("lambda", "delete-function", *name) == {"StatusCode": 204}
    assert "ResourceNotFoundException" in aws("lambda", "get-function", *name, code=255)
    detach = ("detach-role-policy", "--role-name", "cli-life", "--policy-arn", managed)
    assert aws("iam", *detach) is None
    assert aws("iam", "delete-role", "--role-name", "cli-life") is None


def assert_tail(tail: str, line: str) -> None:
    assert re.search(rf"START RequestId: .*\n{line}\nEND RequestId: .*\nREPORT RequestId: ", tail)


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_the_aws_cli_knows_who_it_is_and_what_the_account_has(aws: Aws) -> None:
    identity = aws("sts", "get-caller-identity")
    assert identity["Account"] == "000000000000"
    assert re.fullmatch(r"arn:aws:(iam|sts)::000000000000:\S+", identity["Arn"])
    settings = aws("lambda", "get-account-settings")
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000


def test_the_aws_cli_handles_layers_tags_and_configuration(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "layer.zip").write_bytes(make_zip({"python/shared.py": "VALUE = 'layered'\n"}))
    source = """
import os, shared
def handler(event, context):
    return [shared.VALUE, os.environ["WORD"]]
"""
    (tmp_path / "code.zip").write_bytes(make_zip({"app.py": source}))
    layer = aws(
        *("lambda", "publish-layer-version", "--layer-name", "awscli-layer"),
        *("--zip-file", "fileb://layer.zip", "--compatible-runtimes", RUNTIME),
    )
    assert layer["Version"] == 1
    name = ("--function-name", "awscli-layered")
    aws(
        *("lambda", "create-function", *name, "--runtime", RUNTIME, "--role", ROLE),
        *("--handler", "app.handler", "--zip-file", "fileb://code.zip"),
        *("--layers", layer["LayerVersionArn"], "--environment", "Variables={WORD=one}"),
    )
    aws("lambda", "wait", "function-active-v2", *name)
    aws("lambda", "invoke", *name, "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == ["layered", "one"]
    aws(
        *("lambda", "update-function-configuration", *name),
        *("--environment", "Variables={WORD=two}", "--memory-size", "256"),
    )
    aws("lambda", "wait", "function-updated-v2", *name)
    aws("lambda", "invoke", *name, "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == ["layered", "two"]
    found = aws("lambda", "get-function-configuration", *name)
    assert found["MemorySize"] == 256
    arn = found["FunctionArn"]
    aws("lambda", "tag-resource", "--resource", arn, "--tags", "a=1,b=2")
    aws("lambda", "untag-resource", "--resource", arn, "--tag-keys", "a")
    assert aws("lambda", "list-tags", "--resource", arn)["Tags"] == {"b": "2"}
    versions = aws("lambda", "list-layer-versions", "--layer-name", "awscli-layer")
    assert [one["Version"] for one in versions["LayerVersions"]] == [1]
    number = ("--layer-name", "awscli-layer", "--version-number", "1")
    assert aws("lambda", "delete-layer-version", *number) is None
    aws("lambda", "invoke", *name, "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == ["layered", "two"]


def test_the_aws_cli_sends_receives_and_deletes_messages(server: RunningServer, aws: Aws) -> None:
    """Version 1 takes SQS's endpoint from the option alone: its `overridesslcommonname`."""

    def sqs(*arguments: str, code: int = 0) -> Any:
        return aws("--endpoint-url", server.endpoint, "sqs", *arguments, code=code)

    url = sqs("create-queue", "--queue-name", "cli-queue", "--tags", "a=b")["QueueUrl"]
    queue = ("--queue-url", url)
    assert url in sqs("list-queues")["QueueUrls"]
    attributes = '{"n": {"DataType": "Number", "StringValue": "1"}}'
    sent = sqs(
        *("send-message", *queue, "--message-body", "hello"),
        *("--message-attributes", attributes),
    )
    got = sqs(
        *("receive-message", *queue, "--message-attribute-names", "All"),
        *("--attribute-names", "All", "--wait-time-seconds", "5"),
    )
    [message] = got["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["MessageAttributes"]["n"]["StringValue"] == "1"
    handle = ("--receipt-handle", message["ReceiptHandle"])
    assert sqs("delete-message", *queue, *handle) is None
    shown = sqs("get-queue-attributes", *queue, "--attribute-names", "All")["Attributes"]
    assert shown["ApproximateNumberOfMessages"] == "0"
    assert sqs("delete-queue", *queue) is None
    refused = sqs("get-queue-url", "--queue-name", "cli-queue", code=255)
    assert "AWS.SimpleQueueService.NonExistentQueue" in refused


def test_logs_can_be_followed_while_the_function_runs(server: RunningServer) -> None:
    """Version 1 of the CLI has no `logs tail`; this is its loop: filter from the last event on.

    The function prints a line only when the one before was seen.
    """
    source = f"""{WAIT}
def handler(event, context):
    for number in range(3):
        print("line", number)
        wait_at(event)
"""
    gate = Gate(server)
    client = server.create("followed", source, Timeout=120)
    logs = server.client("logs")
    seen: dict[str, str] = {}

    def follow() -> None:
        start = max([0, *stamps])
        try:
            page = logs.filter_log_events(logGroupName="/aws/lambda/followed", startTime=start)
        except logs.exceptions.ResourceNotFoundException:
            return
        for event in page["events"]:
            seen.setdefault(event["eventId"], event["message"])
            stamps.add(event["timestamp"])

    def has_seen(text: str) -> bool:
        follow()
        return any(message.startswith(text) for message in seen.values())

    stamps: set[int] = set()
    with ThreadPoolExecutor(1) as pool:
        payload = json.dumps(gate.url)
        running_call = pool.submit(client.invoke, FunctionName="followed", Payload=payload)
        try:
            for number in range(3):
                wait_for(lambda number=number: has_seen(f"line {number}\n"), f"line {number}")
                assert not running_call.done()
                gate.open(1)
        finally:
            gate.open(3)
        assert "FunctionError" not in running_call.result()
        wait_for(lambda: has_seen("REPORT"), "the report")
    lines = [text for text in seen.values() if text.startswith("line")]
    assert lines == [f"line {number}\n" for number in range(3)]


def test_boto3s_waiters_wait_for_what_they_say(server: RunningServer) -> None:
    client = server.create("waits", ECHO)
    for waiter in ("function_exists", "function_active", "function_active_v2", "function_updated"):
        client.get_waiter(waiter).wait(FunctionName="waits", WaiterConfig={"Delay": 1})
    client.update_function_configuration(FunctionName="waits", Timeout=9)
    client.get_waiter("function_updated_v2").wait(
        FunctionName="waits", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert client.get_function_configuration(FunctionName="waits")["Timeout"] == 9


def test_the_codes_location_is_the_very_package_and_no_other_link_is(server: RunningServer) -> None:
    package = make_zip({"app.py": ECHO, "data.bin": os.urandom(300_000)})
    client = server.create("located", {"app.py": ECHO})
    client.update_function_code(FunctionName="located", ZipFile=package)
    found = client.get_function(FunctionName="located")
    location = found["Code"]["Location"]
    with urllib.request.urlopen(location, timeout=60) as answer:
        assert answer.read() == package
    assert found["Configuration"]["CodeSha256"] == sha256(package)
    assert found["Configuration"]["CodeSize"] == len(package)
    # A HEAD has no body: one that was sent would be taken for the answer to the GET behind it.
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for method in ("HEAD", "GET"):
        kept.request(method, location.removeprefix(server.endpoint))
        answer = kept.getresponse()
        assert answer.status == 200
        assert answer.getheader("content-length") == str(len(package))
        assert answer.read() == (package if method == "GET" else b"")
    kept.close()
    other = "0" if location[-1] != "0" else "1"
    digest = re.search(r"/code/([0-9a-f]+)", location)
    assert digest is not None
    for wrong in (
        location[:-1] + other,
        re.sub(r"expires=\d+", "expires=99999999999", location),
        location.replace(digest[1], "0" * 64),
        location.partition("?")[0],
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(wrong, timeout=60)
        assert caught.value.code == 403
        caught.value.close()


def test_boto3_pages_through_120_functions_and_their_layers(tmp_path: Path) -> None:
    names = [f"many-{number:03}" for number in range(120)]
    code = make_zip({"app.py": ECHO})
    with running(tmp_path / "data", "--parked", "0") as server:
        client = server.client("lambda")
        for name in names:
            client.create_function(
                FunctionName=name,
                Runtime=RUNTIME,
                Handler="app.handler",
                Role=ROLE,
                Code={"ZipFile": code},
            )
        for size, pages in ((None, 3), (50, 3), (7, 18)):
            options = {} if size is None else {"PaginationConfig": {"PageSize": size}}
            found = list(client.get_paginator("list_functions").paginate(**options))
            assert len(found) == pages
            assert [one["FunctionName"] for page in found for one in page["Functions"]] == names
        assert client.get_account_settings()["AccountUsage"]["FunctionCount"] == 120

        for number in range(12):
            for _ in range(2):
                content = {"ZipFile": make_zip({"data": str(number)})}
                client.publish_layer_version(LayerName=f"layer-{number:02}", Content=content)
        small = {"PaginationConfig": {"PageSize": 5}}
        layers = [
            (one["LayerName"], one["LatestMatchingVersion"]["Version"])
            for page in client.get_paginator("list_layers").paginate(**small)
            for one in page["Layers"]
        ]
        assert layers == [(f"layer-{number:02}", 2) for number in range(12)]
        versions = [
            one["Version"]
            for page in client.get_paginator("list_layer_versions").paginate(
                LayerName="layer-00", PaginationConfig={"PageSize": 1}
            )
            for one in page["LayerVersions"]
        ]
        assert versions == [2, 1]

        iam, logs = server.client("iam"), server.client("logs")
        for number in range(12):
            iam.create_role(RoleName=f"role-{number:02}", AssumeRolePolicyDocument=TRUST)
            logs.create_log_group(logGroupName=f"group-{number:02}")
        roles = [
            role["RoleName"]
            for page in iam.get_paginator("list_roles").paginate(**small)
            for role in page["Roles"]
        ]
        assert roles == [f"role-{number:02}" for number in range(12)]
        groups = [
            group["logGroupName"]
            for page in logs.get_paginator("describe_log_groups").paginate(**small)
            for group in page["logGroups"]
        ]
        assert groups == [f"group-{number:02}" for number in range(12)]


def test_a_resource_of_boto3_and_a_session_with_a_profileless_home_work(
    server: RunningServer,
) -> None:
    """boto3.Session with explicit credentials, and iam's resource interface."""
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    role = session.resource("iam", endpoint_url=server.endpoint).create_role(
        RoleName="by-resource", AssumeRolePolicyDocument=TRUST
    )
    role.attach_policy(PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    attached = [policy.arn for policy in role.attached_policies.all()]
    assert attached == ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    role.Policy("inline").put(PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    assert [policy.name for policy in role.policies.all()] == ["inline"]


def test_the_aws_cli_puts_events_and_keeps_schedules(
    server: RunningServer, aws: Aws, tmp_path: Path
) -> None:
    arn = "arn:aws:sqs:us-east-1:000000000000:cli-events"
    sqs = server.client("sqs")
    url = open_queue(sqs, "cli-events")
    pattern = json.dumps({"source": ["cli"]})
    bus = ("--event-bus-name", "cli-bus")
    assert aws("events", "create-event-bus", "--name", "cli-bus")["EventBusArn"]
    rule = aws("events", "put-rule", "--name", "all", *bus, "--event-pattern", pattern)
    assert rule["RuleArn"].endswith(":rule/cli-bus/all")
    targets = ("--targets", f"Id=one,Arn={arn},InputPath=$.detail")
    assert aws("events", "put-targets", "--rule", "all", *bus, *targets)["FailedEntryCount"] == 0
    entry = {
        "Source": "cli",
        "DetailType": "hello",
        "Detail": json.dumps({"word": "first"}),
        "EventBusName": "cli-bus",
        "Time": "2026-01-02T03:04:05Z",
    }
    (tmp_path / "entries.json").write_text(json.dumps([entry]))
    put = aws("events", "put-events", "--entries", "file://entries.json")
    assert put["FailedEntryCount"] == 0
    assert next_body(sqs, url) == {"word": "first"}
    [found] = aws("events", "list-rules", *bus)["Rules"]
    assert json.loads(found["EventPattern"]) == {"source": ["cli"]}
    aws("events", "remove-targets", "--rule", "all", *bus, "--ids", "one")
    aws("events", "delete-rule", "--name", "all", *bus)
    aws("events", "delete-event-bus", "--name", "cli-bus")
    text = aws("events", "describe-event-bus", "--name", "cli-bus", code=255)
    assert "(ResourceNotFoundException)" in text

    role = "arn:aws:iam::000000000000:role/scheduler"
    target = json.dumps({"Arn": arn, "RoleArn": role, "Input": '"<aws.scheduler.schedule-arn>"'})
    group = ("--group-name", "cli-group")
    aws("scheduler", "create-schedule-group", "--name", "cli-group")
    made = aws(
        *("scheduler", "create-schedule", "--name", "often", *group, "--target", target),
        *("--schedule-expression", "rate(5 minutes)", "--flexible-time-window", "Mode=OFF"),
    )
    assert next_body(sqs, url) == made["ScheduleArn"]
    shown = aws("scheduler", "get-schedule", "--name", "often", *group)
    assert (shown["ScheduleExpression"], shown["State"]) == ("rate(5 minutes)", "ENABLED")
    [listed] = aws("scheduler", "list-schedules", *group)["Schedules"]
    assert listed["Name"] == "often"
    aws("scheduler", "delete-schedule", "--name", "often", *group)
    aws("scheduler", "delete-schedule-group", "--name", "cli-group")
    text = aws("scheduler", "get-schedule-group", "--name", "cli-group", code=255)
    assert "(ResourceNotFoundException)" in text
    sqs.delete_queue(QueueUrl=url)
