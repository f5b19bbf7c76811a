"""The reset of an environment after a time-out or a crash: it goes on, with its /tmp, and the next
invocation initialises it.

Source: Developer Guide, "Lambda execution environment lifecycle", failures during the invoke phase;
that it happens again and again to the same one: DataDog/datadog-lambda-extension#191.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.conftest import RunningServer
from tests.execution import test_nodejs as nodejs

PYTHON = """
import os, time
count = 0
def handler(event, context):
    global count
    count += 1
    with open("/tmp/kept", "a") as file:
        file.write("x")
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "exit" in event:
        os._exit(event["exit"])
    if "eat" in event:
        kept = []
        while True:
            kept.append(bytearray(4 * 1024 * 1024))
    return {"count": count, "kept": os.path.getsize("/tmp/kept"), "uid": os.getuid(),
            "owner": os.stat("/tmp/kept").st_uid, "stream": context.log_stream_name,
            "variable": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]}
"""
NODEJS = """
const fs = require("fs");
let count = 0;
exports.handler = async (event, context) => {
  count += 1;
  fs.appendFileSync("/tmp/kept", "x");
  if (event.sleep) await new Promise((done) => setTimeout(done, event.sleep * 1000));
  if ("exit" in event) process.exit(event.exit);
  const kept = fs.statSync("/tmp/kept");
  return {count, kept: kept.size, uid: process.getuid(), owner: kept.uid,
    stream: context.logStreamName, variable: process.env.AWS_LAMBDA_LOG_STREAM_NAME};
};
"""


INIT_S_MAX = 4
"""What no init here takes, of Node.js either: after a reset it is within the time-out."""


def call(client: Any, name: str, payload: Any = None) -> tuple[Any, str]:
    """What it answers, and its log."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload or {}), LogType="Tail")
    return json.loads(answer["Payload"].read()), base64.b64decode(answer["LogResult"]).decode()


def reset(client: Any, name: str, how: dict[str, int], error_type: str) -> None:
    """One invocation, one that breaks, one more: what the reset kept and what not."""
    before, _ = call(client, name)
    assert (before["count"], before["kept"]) == (1, 1)
    broken, _ = call(client, name, how)
    assert broken["errorType"] == error_type
    after, log = call(client, name)
    assert after == {**before, "count": 1, "kept": 3}, "all as before, but the runtime is new"
    assert after["variable"] == after["stream"]
    assert "Init Duration" not in log
    assert log.index("INIT_START") < log.index("START RequestId"), "the init is within it"
    assert call(client, name)[0] == {**before, "count": 2, "kept": 4}


@pytest.mark.parametrize(
    ("name", "how", "error_type"),
    [
        ("reset-timeout", {"sleep": 60}, "Sandbox.Timedout"),
        ("reset-exit", {"exit": 3}, "Runtime.ExitError"),
        ("reset-memory", {"eat": 1}, "Runtime.OutOfMemory"),
    ],
)
def test_a_reset_environment_keeps_tmp_user_and_log_stream(
    server: RunningServer, name: str, how: dict[str, int], error_type: str
) -> None:
    timeout_s = INIT_S_MAX if "sleep" in how else 30
    reset(server.create(name, PYTHON, Timeout=timeout_s), name, how, error_type)


@pytest.mark.skipif(not nodejs.FOUND, reason="no Node.js of Lambda's versions here")
@pytest.mark.parametrize(
    ("name", "how", "error_type"),
    [
        ("reset-node-timeout", {"sleep": 60}, "Sandbox.Timedout"),
        ("reset-node-exit", {"exit": 3}, "Runtime.ExitError"),
    ],
)
def test_a_reset_environment_of_nodejs_keeps_the_same(
    server: RunningServer, name: str, how: dict[str, int], error_type: str
) -> None:
    runtime = {"Runtime": nodejs.RUNTIME, "Timeout": INIT_S_MAX if "sleep" in how else 30}
    client = server.create(name, {"index.js": NODEJS}, Handler="index.handler", **runtime)
    reset(client, name, how, error_type)


def test_another_function_and_another_tenant_see_nothing_of_what_is_kept(
    server: RunningServer,
) -> None:
    """Source: Developer Guide, "Tenant isolation": an environment serves one tenant only."""
    client = server.create("reset-left", PYTHON)
    assert call(client, "reset-left", {"exit": 1})[0]["errorType"] == "Runtime.ExitError"
    server.create("reset-other", PYTHON)
    other, _ = call(client, "reset-other")
    assert (other["kept"], other["count"]) == (1, 1)
    left, _ = call(client, "reset-left")
    assert left["kept"] == 2
    assert left["uid"] != other["uid"] or left["uid"] == 993

    tenancy = {"TenantIsolationMode": "PER_TENANT"}
    server.create("reset-tenants", PYTHON, TenancyConfig=tenancy)

    def of(tenant: str, event: str = "{}") -> Any:
        answer = client.invoke(FunctionName="reset-tenants", TenantId=tenant, Payload=event)
        return json.loads(answer["Payload"].read())

    assert of("blue", '{"exit": 1}')["errorType"] == "Runtime.ExitError"
    assert of("red")["kept"] == 1
    assert of("blue")["kept"] == 2


def test_crash_after_crash_is_one_environment_and_nothing_starts_by_itself(
    server: RunningServer,
) -> None:
    client = server.create("reset-burst", PYTHON)
    for _ in range(10):
        assert call(client, "reset-burst", {"exit": 1})[0]["errorType"] == "Runtime.ExitError"
    assert call(client, "reset-burst")[0]["kept"] == 11
    group = "/aws/lambda/reset-burst"
    assert len(server.client("logs").describe_log_streams(logGroupName=group)["logStreams"]) == 1


def test_an_init_that_fails_is_tried_in_the_same_environment_by_each_invocation(
    server: RunningServer,
) -> None:
    source = """
import os
with open("/tmp/tries", "a") as file:
    file.write("x")
if os.path.getsize("/tmp/tries") < 3:
    os._exit(7)
def handler(event, context):
    return [os.path.getsize("/tmp/tries"), context.log_stream_name]
"""
    client = server.create("reset-init", source)
    for _ in range(2):
        failed, log = call(client, "reset-init")
        assert failed["errorType"] == "Runtime.ExitError"
        report = log.index("Phase: invoke\tStatus: error")
        assert report < log.index("START RequestId") < log.index("END RequestId")
    assert call(client, "reset-init")[0][0] == 3
