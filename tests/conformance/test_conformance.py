"""One function in every language: whatever the runtime, Lambda behaves the same.

Each test is a column of docs/conformance.md, each runtime found on the host a row; LAMBENT_PYTHONS,
LAMBENT_NODES, LAMBENT_RUBIES and LAMBENT_JAVAS name more of them.
Sources: facts, 'Quotas', 'Function error payloads', 'Environment', 'Logs'.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import dotnets
from tests.conformance.runtimes import Language, found
from tests.conftest import ROLE, RunningServer
from tests.javas import find_jdks

RUNTIMES = found()
LARGEST = 6_291_556


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Path:
    """AWS's client for Java; not fetched where there is no Java."""
    if not find_jdks():
        return Path("/nonexistent")
    folder: Path = request.getfixturevalue("java_client")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, client: Path) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("conformance") / "data"
    arguments = ["--java-client", str(client)]
    if dotnets.RUNTIME in RUNTIMES:
        arguments += ["--dotnet", f"{dotnets.RUNTIME}={dotnets.dotnet_root()}"]
        dotnets.get_bootstraps(data)
    running = RunningServer(data, tuple(arguments)).start()
    yield running
    running.stop()


def zip_files(files: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            package.writestr(entry, content)
    return buffer.getvalue()


class Function:
    """The suite's function in one runtime."""

    def __init__(
        self, server: RunningServer, runtime: str, language: Language, files: Mapping[str, bytes]
    ) -> None:
        self.client = server.client("lambda")
        self.name = "conformance-" + runtime.replace(".", "-")
        self.language = language
        layer = self.client.publish_layer_version(
            LayerName=self.name, Content={"ZipFile": zip_files({"layer.txt": b"from a layer"})}
        )
        self.client.create_function(
            FunctionName=self.name,
            Runtime=runtime,
            Handler=language.handler,
            Role=ROLE,
            Timeout=20,
            MemorySize=language.memory_mib,
            Code={"ZipFile": zip_files(files)},
            Layers=[layer["LayerVersionArn"]],
            Environment={"Variables": {"MINE": "yes"}},
        )
        self.client.get_waiter("function_active_v2").wait(FunctionName=self.name)

    def __call__(self, event: Any, **options: Any) -> tuple[Any, str, str]:
        """(result, FunctionError or "", the log's tail)."""
        answer = self.client.invoke(
            FunctionName=self.name,
            Payload=json.dumps(event, ensure_ascii=False).encode(),
            LogType="Tail",
            **options,
        )
        tail = base64.b64decode(answer["LogResult"]).decode()
        return json.loads(answer["Payload"].read()), answer.get("FunctionError", ""), tail

    def configure(self, **options: Any) -> None:
        self.client.update_function_configuration(FunctionName=self.name, **options)
        self.client.get_waiter("function_updated_v2").wait(FunctionName=self.name)


@pytest.fixture(scope="module", params=list(RUNTIMES))
def function(
    request: pytest.FixtureRequest,
    server: RunningServer,
    client: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Function:
    language = RUNTIMES[request.param]
    files = language.files(tmp_path_factory.mktemp(request.param), client)
    return Function(server, request.param, language, files)


def test_echo(function: Function) -> None:
    for event in ({"a": [1, 2.5, None, True, "x"]}, [], "text", 0, None, {}):
        assert function(event)[:2] == (event, "")


def test_unicode(function: Function) -> None:
    event = {"käse": "日本語 \U0001f600", "escapes": '"\\/\b\f\n\r\t\u0000'}
    assert function(event)[0] == event


def test_error_payload_and_still_warm(function: Function) -> None:
    before = function({"case": "state"})[0]["count"]
    result, error, tail = function({"case": "error"})
    assert error == "Unhandled"
    assert result["errorType"] == function.language.error_type
    assert result["errorMessage"] == "on purpose"
    assert f"Error Type: {function.language.error_type}" in tail
    assert function({"case": "state"})[0]["count"] == before + 2


def test_cold_then_warm_state(function: Function) -> None:
    function.configure(Description="a new environment")
    first, _, tail = function({"case": "state"})
    assert (first["count"], "Init Duration" in tail) == (1, True)
    second, _, tail = function({"case": "state"})
    assert (second["count"], "Init Duration" in tail) == (2, False)
    assert first["pid"] == second["pid"]


def test_tmp_is_kept_while_warm_and_empty_when_cold(function: Function) -> None:
    function.configure(Description="an empty /tmp")
    assert [function({"case": "tmp"})[0] for _ in range(3)] == [1, 2, 3]
    function.configure(Description="another")
    assert function({"case": "tmp"})[0] == 1


def test_code_is_read_only(function: Function) -> None:
    assert function({"case": "read-only"})[0] in (13, 30)  # EACCES, EROFS


def test_working_directory(function: Function) -> None:
    assert function({"case": "cwd"})[0] == "/var/task"


def test_environment_variables(function: Function) -> None:
    variables = function({"case": "env"})[0]
    assert variables["MINE"] == "yes"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert variables["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert variables["LAMBDA_TASK_ROOT"] == "/var/task"
    assert variables["_HANDLER"] == function.language.handler
    assert variables["TZ"] == ":UTC"
    assert not [name for name in variables if "LAMBENT" in name]


def test_context(function: Function) -> None:
    client = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    context, _, tail = function({"case": "context"}, ClientContext=client)
    assert context["requestId"] in tail
    assert context["name"] == function.name
    assert context["version"] == "$LATEST"
    assert context["arn"].endswith(f":function:{function.name}")
    assert context["memory"] == function.language.memory_mib
    assert context["group"] == f"/aws/lambda/{function.name}"
    assert "[$LATEST]" in context["stream"]
    assert 0 < context["left"] <= 20_000
    assert context["client"] == {"a": "b"}


def test_layers(function: Function) -> None:
    assert function({"case": "layer"})[0] == "from a layer"


def test_log_format(function: Function) -> None:
    _, _, tail = function({"case": "log"})
    lines = tail.splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert any(line.endswith("printed by the function") for line in lines)
    assert lines[-2].startswith("END RequestId: ") or lines[-1].startswith("REPORT RequestId: ")


def test_payloads_of_6_mb(function: Function) -> None:
    event = {"pad": "y" * (6 * 1024 * 1024 - 12)}
    result, error, _ = function(event)
    assert (error, result == event) == ("", True)
    assert len(function({"case": "size", "size": LARGEST - 2})[0]) == LARGEST - 2
    result, error, _ = function({"case": "size", "size": LARGEST})
    assert (error, result["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert function("after")[0] == "after"


def test_timeout(function: Function) -> None:
    function.configure(Timeout=1)
    try:
        result, error, tail = function({"case": "sleep"})
    finally:
        function.configure(Timeout=20)
    assert (error, result["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "Task timed out after 1.00 seconds" in result["errorMessage"]
    assert "Status: timeout" in tail


def test_exit(function: Function) -> None:
    result, error, _ = function({"case": "exit"})
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert result["errorMessage"].endswith("Runtime exited with error: exit status 7")
    assert function("after")[0] == "after"


def test_out_of_memory(function: Function) -> None:
    result, error, _ = function({"case": "memory"})
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.OutOfMemory")
    assert result["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert function("after")[0] == "after"
