"""Wrapper scripts: AWS_LAMBDA_EXEC_WRAPPER in the languages that Lambda itself starts.

Source: Developer Guide, "Modifying the runtime environment", "Wrapper scripts": Lambda starts the
script instead of the runtime, with the interpreter's path and all of its arguments. Java's is in
test_java.py; scripts that start something else are in test_replaced_runtimes.py.
"""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from lambent.runtime.catalogue import find_runtimes
from tests.conftest import RUNTIME, RunningServer, running
from tests.execution.test_custom_runtimes import zipped
from tests.execution.test_extensions import FOLLOWER

NAME = "AWS_LAMBDA_EXEC_WRAPPER"
SCRIPT = """#!/bin/sh
echo "wraps $# of $*"
export WRAPPED="yes, $AWS_LAMBDA_FUNCTION_NAME"
exec "$@"
"""
PYTHON = """
import os

def handler(event, context):
    ours = [name for name in os.environ if "LAMBENT" in name]
    return [event, os.environ["WRAPPED"], os.getpid(), ours, context.function_name]
"""
NODE = """
exports.handler = async (event, context) => {
  const ours = Object.keys(process.env).filter((name) => name.includes("LAMBENT"));
  return [event, process.env.WRAPPED, process.pid, ours, context.functionName];
};
"""
RUBY = """
def handler(event:, context:)
  ours = ENV.keys.select { |name| name.include?("LAMBENT") }
  [event, ENV["WRAPPED"], Process.pid, ours, context.function_name]
end
"""


@dataclass(frozen=True)
class Language:
    runtime: str
    file: str
    source: str
    arguments: int
    """Of the runtime, with its program's path."""


def languages() -> Mapping[str, Language]:
    """Those of this host; of Node.js and Ruby the first."""
    found = list(find_runtimes({}, os.environ))
    every = {"python": Language(RUNTIME, "app.py", PYTHON, 2)}
    for family, file, source, count in (("nodejs", "app.js", NODE, 4), ("ruby", "app.rb", RUBY, 3)):
        for runtime in [one for one in found if one.startswith(family)][:1]:
            every[family] = Language(runtime, file, source, count)
    return every


LANGUAGES = languages()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("wrappers") / "data") as one:
        yield one


@pytest.fixture(scope="module")
def layer(server: RunningServer) -> str:
    """The ARN of a layer that holds the script, as most wrappers come."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        entry = zipfile.ZipInfo("wrapper")
        entry.external_attr = 0o755 << 16
        package.writestr(entry, SCRIPT)
    published: str = server.client("lambda").publish_layer_version(
        LayerName="wrapper", Content={"ZipFile": buffer.getvalue()}
    )["LayerVersionArn"]
    return published


def create(server: RunningServer, name: str, language: Language, **options: Any) -> Any:
    client = server.create(
        name,
        {language.file: language.source},
        Runtime=language.runtime,
        Timeout=20,
        MemorySize=256,
        **options,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return client


def wrap(path: str) -> dict[str, Any]:
    return {"Environment": {"Variables": {NAME: path}}}


@pytest.mark.parametrize("family", LANGUAGES)
def test_a_wrapper_script_starts_the_runtime(
    server: RunningServer, layer: str, family: str
) -> None:
    language, name = LANGUAGES[family], f"wrapped-{family}"
    client = create(server, name, language, Layers=[layer], **wrap("/opt/wrapper"))
    for number in range(2):
        answer = client.invoke(FunctionName=name, Payload=json.dumps(number), LogType="Tail")
        told = json.loads(answer["Payload"].read())
        assert told == [number, f"yes, {name}", 1, [], name]
        assert (b"Init Duration" in base64.b64decode(answer["LogResult"])) == (number == 0)
    events = server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    (line,) = [one["message"] for one in events if one["message"].startswith("wraps ")]
    assert line.startswith(f"wraps {language.arguments} of /")
    assert "/var/runtime/bootstrap." in line


@pytest.mark.parametrize("family", LANGUAGES)
def test_a_wrapper_script_that_cannot_be_run_ends_the_runtime(
    server: RunningServer, family: str
) -> None:
    """Words and exit codes of /var/runtime/bootstrap in AWS's images for Python 3.10 and 3.11 and
    Node.js 18, as several have published it; that the others' have the same is UNVERIFIED.
    """
    name = f"unwrapped-{family}"
    client = create(server, name, LANGUAGES[family], **wrap("/opt/nothing"))
    not_executable = f"/var/task/{LANGUAGES[family].file}"
    for path, status, text in (
        ("/opt/nothing", 127, "/opt/nothing: does not exist"),
        (not_executable, 126, f"{not_executable}: is not an executable"),
    ):
        client.update_function_configuration(FunctionName=name, **wrap(path))
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
        answer = client.invoke(FunctionName=name, Payload=b"1", LogType="Tail")
        assert answer["FunctionError"] == "Unhandled"
        error = json.loads(answer["Payload"].read())
        assert error["errorType"] == "Runtime.ExitError"
        told = f"Error: Runtime exited with error: exit status {status}"
        assert error["errorMessage"].endswith(told)
        assert text in base64.b64decode(answer["LogResult"]).decode().splitlines()


def test_snap_start_is_off_for_what_a_wrapper_script_starts(
    server: RunningServer, layer: str
) -> None:
    client = create(
        server,
        "wrapped-snap",
        LANGUAGES["python"],
        Layers=[layer],
        SnapStart={"ApplyOn": "PublishedVersions"},
        **wrap("/opt/wrapper"),
    )
    version = client.publish_version(FunctionName="wrapped-snap")["Version"]
    waiter = client.get_waiter("published_version_active")
    waiter.config.delay, waiter.config.max_attempts = 0.05, 2400
    waiter.wait(FunctionName="wrapped-snap", Qualifier=version)
    told = client.get_function_configuration(FunctionName="wrapped-snap", Qualifier=version)
    assert told["SnapStart"]["OptimizationStatus"] == "Off"
    assert NAME in told["StateReason"]
    answer = client.invoke(FunctionName="wrapped-snap", Qualifier=version, Payload=b"7")
    assert json.loads(answer["Payload"].read())[:2] == [7, "yes, wrapped-snap"]


def test_a_wrapped_runtime_runs_beside_an_extension(server: RunningServer) -> None:
    """As OpenTelemetry's and others' layers have it: a script and an external extension."""
    files = {"wrapper": SCRIPT, "extensions/follower": FOLLOWER}
    published = server.client("lambda").publish_layer_version(
        LayerName="beside", Content={"ZipFile": zipped(files)}
    )
    layers = [published["LayerVersionArn"]]
    for family, language in LANGUAGES.items():
        name = f"beside-{family}"
        client = create(server, name, language, Layers=layers, **wrap("/opt/wrapper"))
        answer = client.invoke(FunctionName=name, Payload=b"1")
        event, wrapped, pid, ours, _ = json.loads(answer["Payload"].read())
        assert (event, wrapped, ours) == (1, f"yes, {name}", [])
        assert pid != 1, "it is the only process"
