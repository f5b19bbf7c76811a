""".NET functions on a real .NET Core 3.1 in real sandboxes, in C# that is compiled here.

Sources: Developer Guide, "Building Lambda functions with C#", "Define Lambda function handler in
C#", "Using the Lambda context object to retrieve C# function information"; texts and payloads as of
aws-lambda-dotnet (Errors.cs, LambdaJsonExceptionWriter.cs, bootstrap.sh).
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import dotnets
from tests.conftest import ROLE, RunningServer, running
from tests.system.host import get_json, wait_for

pytestmark = dotnets.needs_dotnet

HEALTH = "/_lambent/health"
SOURCES = Path(__file__).parent / "dotnet"
Package = Mapping[str, bytes]
Answered = tuple[Any, str, str]
"""(result, FunctionError or "", the log's tail)"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("dotnet") / "data"
    host = ("--dotnet", f"{dotnets.RUNTIME}={dotnets.dotnet_root()}")
    dotnets.get_bootstraps(data)
    running = RunningServer(data, host).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The functions of Functions.cs, as `dotnet publish` leaves them."""
    folder = tmp_path_factory.mktemp("functions")
    core = folder / "Amazon.Lambda.Core.dll"
    files = {core.name: dotnets.compile_library([SOURCES / "Core.cs"], core)}
    sources = [SOURCES / "Functions.cs", SOURCES / "Serializer.cs"]
    target = folder / "Functions.dll"
    files[target.name] = dotnets.compile_library(sources, target, core)
    return {**files, **dotnets.published("Functions")}


def create(server: RunningServer, name: str, package: Package, handler: str, **options: Any) -> Any:
    settings = {"Runtime": dotnets.RUNTIME, "Handler": handler, "Timeout": 20, **options}
    client = server.create(name, {**package}, **settings)
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return client


def invoke(client: Any, name: str, event: Any = None, **options: Any) -> Answered:
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    answer = client.invoke(FunctionName=name, Payload=payload, LogType="Tail", **options)
    raw = answer["Payload"].read()
    tail = base64.b64decode(answer["LogResult"]).decode()
    return json.loads(raw) if raw else None, answer.get("FunctionError", ""), tail


@pytest.fixture
def call(server: RunningServer, package: Package) -> Callable[..., Answered]:
    """Invokes a method of Functions.Instance, as a function that is created where it is not."""

    def call(method: str, event: Any = None, **options: Any) -> Answered:
        client = server.client("lambda")
        listed = {one["FunctionName"] for one in client.list_functions()["Functions"]}
        if method not in listed:
            create(server, method, package, f"Functions::Functions.Instance::{method}")
        return invoke(client, method, event, **options)

    return call


def test_objects_are_read_and_written_by_the_packages_serializer_and_the_instance_stays(
    call: Callable[..., Answered],
) -> None:
    for number in (1, 2, 3):
        result, error, tail = call("Objects", {"Name": "käse", "Count": 10})
        assert (error, result) == ("", {"Name": "KÄSE", "Count": 10 + number}), tail


def test_a_task_is_awaited_and_its_error_told_with_its_cause(
    call: Callable[..., Answered],
) -> None:
    assert call("Tasks", {"Name": "x", "Count": 1})[0] == {"Name": "x", "Count": 1}
    result, error, tail = call("Tasks", {"Name": "x", "Count": -1})
    assert error == "Unhandled"
    assert (result["errorType"], result["errorMessage"]) == (
        "ArgumentException",
        "less than nothing",
    )
    assert "Functions.Instance" in result["stackTrace"][0]
    assert not [line for line in result["stackTrace"] if "Lambent" in line]
    assert result["cause"]["errorType"] == "InvalidOperationException"
    assert "System.ArgumentException: less than nothing" in tail
    assert "Error Type: ArgumentException" in tail


def test_streams_and_text_pass_and_no_result_is_nothing(
    call: Callable[..., Answered],
) -> None:
    assert call("Streams", b'{"any":  "bytes"}')[0] == {"any": "bytes"}
    assert call("Static", "text")[0] == "text!"
    assert call("Nothing", {"not": "read"})[:2] == (None, "")
    assert call("NothingLater", 1)[:2] == (None, "")


def test_an_event_that_does_not_fit_is_the_serializers_error(
    call: Callable[..., Answered],
) -> None:
    result, error, _ = call("Objects", "no order")
    assert (error, result["errorType"]) == ("Unhandled", "JsonException")


def test_a_result_of_6_mb_passes_and_a_larger_one_does_not(
    call: Callable[..., Answered],
) -> None:
    largest = 6_291_556 - 2
    assert len(call("Size", largest)[0]) == largest
    result, error, _ = call("Size", largest + 1)
    assert (error, result["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_the_context_has_what_awss_has(call: Callable[..., Answered]) -> None:
    context = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    result, error, tail = call("Tell", None, ClientContext=context)
    assert error == "", tail
    assert result["id"] in tail
    assert (result["name"], result["version"], result["memory"]) == ("Tell", "$LATEST", 128)
    assert result["arn"].endswith(":function:Tell")
    assert result["group"] == "/aws/lambda/Tell"
    assert "[$LATEST]" in result["stream"]
    assert 0 < result["left"] <= 20_000
    assert result["custom"] == {"a": "b"}
    assert result["identity"] == ""
    assert result["execution"] == "AWS_Lambda_dotnetcore3.1"
    assert call("Tell")[0]["custom"] is None


def test_what_is_printed_and_logged_is_in_the_log(call: Callable[..., Answered]) -> None:
    """.NET Core 3.1 wrote its lines as they are; times and levels came with .NET 6."""
    _, error, tail = call("Logs", {})
    assert error == ""
    lines = tail.splitlines()
    assert {"out", "of two lines", "err", "no end of line", "line", "level", "3 of ff"} <= {*lines}


def test_lines_are_objects_in_the_json_format(server: RunningServer, package: Package) -> None:
    client = create(
        server,
        "json",
        package,
        "Functions::Functions.Instance::Logs",
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"},
    )
    _, error, tail = invoke(client, "json", {})
    assert error == ""
    logged = [json.loads(line) for line in tail.splitlines()]
    found = {(one["level"], one["message"]) for one in logged if "level" in one}
    assert found == {("Error", "err"), ("Error", "level"), ("Warning", "3 of ff")}
    assert all(one["requestId"] for one in logged if "level" in one)


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        ("Functions::One", "The valid format is 'ASSEMBLY::TYPE::METHOD'."),
        (
            "Missing::A.B::C",
            "Could not find the specified handler assembly with the file name 'Missing'.",
        ),
        ("Functions::No.Type::C", "Unable to load type 'No.Type' from assembly 'Functions'."),
        ("Functions::Functions.Instance::No", "Found no methods matching method name 'No'."),
        ("Functions::Functions.Instance::Overloaded", "appears to have a number of overloads"),
        ("Functions::Functions.Instance::AsyncVoid", "it is an 'async void' method"),
        ("Functions::Functions.Instance::Many", "the method has more than 2 parameters."),
    ],
)
def test_a_handler_that_cannot_be_called_is_told_in_awss_words(
    server: RunningServer, package: Package, handler: str, text: str
) -> None:
    name = handler.replace(":", "").replace(".", "")
    client = create(server, name, package, handler)
    result, error, _ = invoke(client, name)
    assert (error, result["errorType"]) == ("Unhandled", "LambdaValidationException")
    assert text in result["errorMessage"]


def test_an_overload_is_chosen_by_its_signature(server: RunningServer, package: Package) -> None:
    handler = "Functions::Functions.Instance::System.String Overloaded(Int32)"
    client = server.client("lambda")
    with pytest.raises(client.exceptions.ClientError):  # Lambda's handlers hold no blanks
        create(server, "overload", package, handler)


def test_an_error_of_the_constructor_is_an_init_error(
    server: RunningServer, package: Package
) -> None:
    client = create(server, "broken", package, "Functions::Functions.Broken::Handle")
    result, error, tail = invoke(client, "broken")
    assert error == "Unhandled"
    assert (result["errorType"], result["errorMessage"]) == (
        "InvalidOperationException",
        "not today",
    )
    assert "Phase: invoke" in tail


def test_without_a_serializer_only_streams_pass(server: RunningServer, tmp_path: Path) -> None:
    source = tmp_path / "Bare.cs"
    source.write_text("public class Bare { public string Text(string text) { return text; } }")
    files = {"Bare.dll": dotnets.compile_library([source], tmp_path / "Bare.dll")}
    client = create(server, "bare", {**files, **dotnets.published("Bare")}, "Bare::Bare::Text")
    result, error, _ = invoke(client, "bare", "x")
    assert (error, result["errorType"]) == ("Unhandled", "LambdaValidationException")
    assert result["errorMessage"].startswith("Could not find the LambdaSerializerAttribute")


def test_an_error_on_another_thread_ends_the_process_and_the_next_invocation_is_cold(
    call: Callable[..., Answered],
) -> None:
    for _ in range(2):
        result, error, tail = call("OnAnotherThread")
        assert (error, result["errorType"]) == ("Unhandled", "Runtime.ExitError")
        assert "nobody catches this" in tail


def test_a_program_speaks_the_runtime_api_itself(server: RunningServer, tmp_path: Path) -> None:
    program = dotnets.compile_program([SOURCES / "Program.cs"], tmp_path / "Program.dll")
    package = {"Program.dll": program, **dotnets.published("Program")}
    for handler in ("Program", "Program.dll"):
        name = handler.replace(".", "-")
        client = create(server, name, package, handler, MemorySize=256)
        result, error, tail = invoke(client, name, {"n": 1})
        assert (error, result) == ("", {"event": {"n": 1}}), tail
        assert "an event came" in tail


@pytest.mark.parametrize(
    ("handler", "left_out", "code"),
    [
        ("Functions::Functions.Instance::Nothing", ".deps.json", 105),
        ("Functions::Functions.Instance::Nothing", ".runtimeconfig.json", 106),
        ("NoProgram", "", 104),
    ],
)
def test_a_package_that_was_not_published_says_what_it_lacks(
    server: RunningServer, package: Package, handler: str, left_out: str, code: int
) -> None:
    """Exit codes: those of aws-lambda-dotnet's bootstrap.sh."""
    kept = {
        name: content
        for name, content in package.items()
        if not left_out or not name.endswith(left_out)
    }
    name = f"unpublished-{code}"
    client = create(server, name, kept, handler)
    result, error, tail = invoke(client, name)
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert result["errorMessage"].endswith(f"exit status {code}")
    assert "Error: " in tail


def test_a_wrapper_script_starts_dotnet_as_it_likes(
    server: RunningServer, package: Package
) -> None:
    """Source: Developer Guide, "Modifying the runtime environment"; the script is a layer's."""
    client = server.client("lambda")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as layer:
        entry = zipfile.ZipInfo("wrapper")
        entry.external_attr = 0o755 << 16
        layer.writestr(entry, '#!/bin/sh\nexport DOTNET_ROOT="$2"\nexec "$@"\n')
    content = {"ZipFile": buffer.getvalue()}
    version = client.publish_layer_version(LayerName="wrapper", Content=content)
    create(
        server,
        "wrapped",
        package,
        "Functions::Functions.Instance::Tell",
        Layers=[version["LayerVersionArn"]],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}},
    )
    result, error, tail = invoke(client, "wrapped")
    assert (error, result["root"]) == ("", "exec"), tail


def test_without_a_compiled_bootstrap_the_runtime_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lambent", "runtimes", "--data-dir", str(tmp_path / "data")]
    command += ["--dotnet", f"{dotnets.RUNTIME}={dotnets.dotnet_root()}"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    line = next(one for one in listed.splitlines() if one.startswith(dotnets.RUNTIME))
    assert "not found" in line
    assert "lambent runtimes get dotnet" in line
    nowhere = {**os.environ, "PATH": "/nowhere"}
    command.insert(4, "get")
    command.insert(5, "dotnet")
    got = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=nowhere
    )
    assert got.returncode == 1
    assert "there is no C# compiler on this host" in got.stderr


def test_hot_reload_serves_a_changed_assembly_at_the_next_invoke(
    server: RunningServer, package: Package, tmp_path: Path
) -> None:
    """As compilers do: the assembly is written over, or a new one takes its name."""
    folder, client = tmp_path / "code", server.client("lambda")
    folder.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    for name, content in package.items():
        (folder / name).write_bytes(content)
    client.create_function(
        FunctionName="dotnet-hot-reload",
        Runtime=dotnets.RUNTIME,
        Handler="Functions::Functions.Instance::Word",
        Role=ROLE,
        Timeout=20,
        Code={"S3Bucket": "hot-reload", "S3Key": str(folder)},
    )
    client.get_waiter("function_active_v2").wait(FunctionName="dotnet-hot-reload")
    words = [invoke(client, "dotnet-hot-reload")[0] for _ in range(2)]
    assert words == ["one 1", "one 2"]
    (folder / "Functions.dll").write_bytes(say(package["Functions.dll"], "two"))
    words = [invoke(client, "dotnet-hot-reload")[0] for _ in range(2)]
    assert words == ["two 1", "two 2"]
    (folder / "new").write_bytes(say(package["Functions.dll"], "six"))
    (folder / "new").replace(folder / "Functions.dll")
    words = [invoke(client, "dotnet-hot-reload")[0] for _ in range(2)]
    assert words == ["six 1", "six 2"]


def test_a_net_started_ahead_makes_the_instance_once_it_is_invoked_and_is_as_any_other(
    server: RunningServer, package: Package, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(server.data_dir / "runtimes", data / "runtimes")
    with running(data, *server.arguments, "--ahead", "1") as other:
        client = create(other, "dotnet-ahead", package, "Functions::Functions.Instance::Began")
        wait_for(lambda: get_json(other, HEALTH)["environments"]["ahead"], "it to be started ahead")
        invoked, since_boot = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
        began, _, _ = invoke(client, "dotnet-ahead")
    assert (began["started"] < since_boot, began["made"] > invoked) == (True, True)
    assert "_HANDLER" in began["variables"]
    assert not [name for name in began["variables"] if "LAMBENT" in name]


def say(assembly: bytes, word: str) -> bytes:
    """The assembly with another word in the place of "one ", as long: text is UTF-16 in there."""
    one, other = (f"{text} ".encode("utf-16-le") for text in ("one", word))
    assert assembly.count(one) == 1
    return assembly.replace(one, other)
