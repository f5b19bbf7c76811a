"""Java functions on real Javas in real sandboxes, by AWS's own runtime interface client.

Sources: Developer Guide, "Define Lambda function handler in Java", "Deploy Java Lambda functions
with .zip or JAR file archives", "Customize Java runtime startup behavior for Lambda functions",
"Log and monitor Java Lambda functions". What the client itself makes of a call is AWS's code.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lambent.runtime.families.java_client import LAUNCHER
from tests.conftest import ROLE, RunningServer, chosen_runtime, make_zip, running
from tests.execution.test_ahead import waiting
from tests.javas import NO_JAVA, compile_java, core_jar, find_jdks, find_jres, make_jar
from tests.system.host import descendants, wait_for

SOURCES = Path(__file__).parent / "java"
JDKS = find_jdks()
OLDEST_JAVA = "11"  # that the functions here are written for
RUNTIME = chosen_runtime(find_jres())

pytestmark = pytest.mark.skipif(not JDKS, reason=NO_JAVA)


@dataclass(frozen=True)
class Answer:
    value: Any
    error: str
    log: str


@dataclass(frozen=True)
class Function:
    """One Java function to invoke."""

    client: Any
    name: str

    def __call__(self, event: Any = None, **options: Any) -> Answer:
        answer = self.client.invoke(
            FunctionName=self.name, Payload=json.dumps(event).encode(), LogType="Tail", **options
        )
        return Answer(
            value=json.loads(answer["Payload"].read()),
            error=answer.get("FunctionError", ""),
            log=base64.b64decode(answer["LogResult"]).decode(),
        )


Make = Callable[..., Function]
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, java_client: Path) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("java-server") / "data"
    with running(data, "--java-client", str(java_client)) as one:
        yield one


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory, java_client: Path) -> dict[str, bytes]:
    """All of SOURCES, compiled once."""
    folder: Path = tmp_path_factory.mktemp("classes")
    sources = sorted(SOURCES.rglob("*.java"))
    return compile_java(sources, folder, [core_jar(java_client)], OLDEST_JAVA)


@pytest.fixture
def make(server: RunningServer, classes: dict[str, bytes]) -> Make:
    """Makes a function of a handler, under a name of its own."""

    def make_one(handler: str, files: dict[str, bytes] | None = None, **options: Any) -> Function:
        name = f"java-{next(NUMBERS)}"
        settings = {"Runtime": RUNTIME, "Timeout": 30, "MemorySize": 1024, **options}
        client = server.create(name, {**(files or classes)}, Handler=handler, **settings)
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        return Function(client, name)

    return make_one


@pytest.mark.parametrize("runtime", JDKS)
def test_a_request_handler_gets_event_and_context_and_stays_warm(make: Make, runtime: str) -> None:
    echo = make("example.Handlers$Echo::handleRequest", Runtime=runtime)
    context = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    first = echo({"ü": ["✓", 1, None]}, ClientContext=context)
    assert (first.error, first.value["event"]) == ("", {"ü": ["✓", 1, None]})
    assert (first.value["count"], first.value["client"]) == (1, {"a": "b"})
    assert first.value["id"] in first.log
    assert first.value["arn"].endswith(f":function:{echo.name}")
    assert (first.value["name"], first.value["version"]) == (echo.name, "$LATEST")
    assert first.value["group"] == f"/aws/lambda/{echo.name}"
    assert (first.value["memory"], first.value["cwd"]) == (1024, "/var/task")
    assert 0 < first.value["left"] <= 30_000
    assert first.value["env"]["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{runtime}"
    assert not [name for name in first.value["env"] if "LAMBENT" in name]
    assert "Init Duration" in first.log
    lines = first.log.splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert lines[1:3] == ["by the logger", "by System.out"]  # and nothing of Java's own
    assert lines[3].startswith("END RequestId: ")
    second = echo({})
    assert (second.value["count"], "client" in second.value) == (2, False)  # nulls are left out
    assert "Init Duration" not in second.log


def test_a_handler_without_a_method_is_the_interface_that_it_implements(make: Make) -> None:
    stream = make("example.Handlers$Stream")
    assert stream({"a": "ü"}).value == [{"a": "ü"}]
    assert stream("x" * 100_000).value == ["x" * 100_000]


def test_a_bean_is_made_of_the_event_and_json_of_the_bean_that_is_answered(make: Make) -> None:
    twice = make("example.Handlers::twice")
    order = {"item": "tea", "pieces": 21, "notes": ["hot"], "unknown": 1}
    answer = {"item": "tea", "pieces": 42, "notes": ["hot"]}
    assert twice(order).value == answer


def test_a_static_method_may_leave_out_the_context(make: Make) -> None:
    describe = make("example.Handlers::describe")
    assert describe({"item": "tea", "pieces": 2}).value == "2 of tea"


def test_libraries_lie_in_lib_of_the_package_or_in_java_lib_of_a_layer(
    make: Make, classes: dict[str, bytes]
) -> None:
    library = {name: code for name, code in classes.items() if name.startswith("greeting/")}
    own = {"example/Greeter.class": classes["example/Greeter.class"]}
    packed = make("example.Greeter::greet", {**own, "lib/greeting.jar": make_jar(library)})
    assert packed("lib").value == "hello lib"
    jar_alone = make("example.Greeter::greet", {"lib/all.jar": make_jar({**own, **library})})
    assert jar_alone("jar").value == "hello jar"
    layer = packed.client.publish_layer_version(
        LayerName="greeting",
        Content={"ZipFile": make_zip({"java/lib/greeting.jar": make_jar(library)})},
    )
    layered = make("example.Greeter::greet", own, Layers=[layer["LayerVersionArn"]])
    assert layered("layer").value == "hello layer"


def test_an_exception_is_the_answer_and_the_environment_stays(make: Make) -> None:
    fail = make("example.Handlers$Fail", MemorySize=512)
    failed = fail({"how": "throw"})
    assert failed.error == "Unhandled"
    assert failed.value["errorMessage"] == "it failed"
    assert failed.value["errorType"] == "java.lang.IllegalArgumentException"
    assert failed.value["stackTrace"][0].startswith("example.Handlers$Fail.handleRequest(")
    log = failed.log.splitlines()
    assert log[1] == "it failed: java.lang.IllegalArgumentException"
    assert log[2] == "java.lang.IllegalArgumentException: it failed"
    assert log[-2].startswith("END RequestId: ")
    after = fail({"how": "not at all"})
    assert after.value == "fine"
    assert "Init Duration" not in after.log


def test_what_ends_the_virtual_machine_resets_the_environment(make: Make) -> None:
    fail = make("example.Handlers$Fail", MemorySize=512)
    assert fail({"how": "exit"}).value["errorType"] == "Runtime.ExitError"
    too_large = fail({"how": "heap"})
    assert too_large.value["errorType"] == "java.lang.OutOfMemoryError"
    assert fail({"how": "not at all"}).value == "fine"


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("example.Nothing::handleRequest", "java.lang.ClassNotFoundException", "example.Nothing"),
        ("example.Handlers$Broken", "java.lang.IllegalStateException", "not today"),
    ],
)
def test_a_handler_that_cannot_be_made_fails_the_init(
    make: Make, handler: str, error_type: str, message: str
) -> None:
    failed = make(handler)({})
    assert (failed.error, failed.value["errorType"]) == ("Unhandled", error_type)
    assert message in failed.value["errorMessage"]


def test_java_begins_from_the_archive_of_class_data_and_leaves_tmp_empty(make: Make) -> None:
    options = "-Xlog:class+load:file=/tmp/loaded"
    for runtime in JDKS:
        machine = make(
            "example.Handlers::machine",
            Runtime=runtime,
            Environment={"Variables": {"JAVA_TOOL_OPTIONS": options}},
        )
        found = machine({}).value
        assert (found["shared"], found["libraries"]) == (True, [])


def test_a_java_started_ahead_answers_and_loads_the_function_only_when_it_is_invoked(
    tmp_path: Path, java_client: Path, classes: dict[str, bytes]
) -> None:
    """All but when it was started is as where none is started ahead."""
    begun = []
    for ahead in (1, 0):
        options = ("--java-client", str(java_client), "--ahead", str(ahead))
        with running(tmp_path / str(ahead), *options) as server:
            client = server.create(
                "java-begun", {**classes}, Runtime=RUNTIME, Handler="example.Handlers$Begun"
            )
            client.get_waiter("function_active_v2").wait(FunctionName="java-begun")
            started = wait_for(partial(launched, server), "a Java to wait") if ahead else None
            asked_ms = int(time.time() * 1000)
            told = Function(client, "java-begun")({}).value
        ticks = int(told.pop("stat").rpartition(") ")[2].split()[19])
        assert started in (None, ticks)
        assert told.pop("loaded") >= asked_ms
        begun.append(told)
    assert begun[0] == begun[1]
    assert not [name for name in begun[0]["names"] if "LAMBENT" in name]


def launched(server: RunningServer) -> int | None:
    """When the launcher of Java was started that waits in a sandbox of this server, in ticks."""
    for pid, ticks in descendants(server.pid) if waiting(server) else ():
        with contextlib.suppress(OSError):
            if LAUNCHER.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return ticks
    return None


def test_java_tool_options_win_over_lambdas_own(make: Make) -> None:
    plain = make("example.Handlers::machine", MemorySize=512)({}).value
    assert plain["collectors"] == ["Copy", "MarkSweepCompact"]
    assert ("-XX:TieredStopAtLevel=1" in plain["arguments"]) == (RUNTIME != "java11")
    assert 256 << 20 < plain["heap"] < 512 << 20
    options = "-Dmine=yes -XX:+UseParallelGC -XX:TieredStopAtLevel=4 -Xmx100m"
    told = make(
        "example.Handlers::machine",
        MemorySize=512,
        Environment={"Variables": {"JAVA_TOOL_OPTIONS": options}},
    )({})
    assert told.value["property"] == "yes"
    assert told.value["collectors"] == ["PS MarkSweep", "PS Scavenge"]
    assert "-XX:TieredStopAtLevel=1" not in told.value["arguments"]
    assert told.value["heap"] <= 100 << 20


def test_a_wrapper_script_starts_java(make: Make, server: RunningServer) -> None:
    """Developer Guide, "Modifying the runtime environment", "Wrapper scripts"."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        entry = zipfile.ZipInfo("wrapper")
        entry.external_attr = 0o755 << 16
        package.writestr(entry, '#!/bin/sh\njava=$1\nshift\nexec "$java" -Dmine=wrapped "$@"\n')
    layer = server.client("lambda").publish_layer_version(
        LayerName="java-wrapper", Content={"ZipFile": buffer.getvalue()}
    )
    machine = make(
        "example.Handlers::machine",
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}},
    )
    assert machine({}).value["property"] == "wrapped"


def test_logs_in_json_have_the_level_that_the_function_gave(make: Make) -> None:
    log = make("example.Handlers::log", LoggingConfig={"LogFormat": "JSON"})
    answer = log("late")
    lines = [json.loads(line) for line in answer.log.splitlines()]
    (own,) = [line for line in lines if line.get("message") == "it is late"]
    assert own["level"] == "WARN"
    assert own["AWSRequestId"]
    assert "not to be seen" not in answer.log


def test_a_function_without_the_client_is_failed_and_names_the_command(
    tmp_path: Path, classes: dict[str, bytes]
) -> None:
    with running(tmp_path / "data") as without:
        client = without.create(
            "java-without", {**classes}, Runtime=RUNTIME, Handler="example.Handlers::describe"
        )
        told = client.get_function_configuration(FunctionName="java-without")
        assert told["State"] == "Failed"
        assert "`lambent runtimes get java`" in told["StateReason"]
        with pytest.raises(client.exceptions.ClientError, match="lambent runtimes get java"):
            client.invoke(FunctionName="java-without")


def test_hot_reload_serves_changed_classes_and_jars_at_the_next_invoke(
    server: RunningServer, classes: dict[str, bytes], tmp_path: Path
) -> None:
    """As a build leaves them: classes below the folder are written over, a jar takes a name."""
    folder, client = tmp_path / "code", server.client("lambda")
    (folder / "example").mkdir(parents=True)
    (folder / "lib").mkdir()
    tmp_path.chmod(0o755)
    main = "example/Handlers.class"
    for name, content in classes.items():
        if name.startswith("example/"):
            (folder / name).write_bytes(content)
    client.create_function(
        FunctionName="java-hot-reload",
        Runtime=RUNTIME,
        Handler="example.Handlers::word",
        Role=ROLE,
        Timeout=30,
        Code={"S3Bucket": "hot-reload", "S3Key": str(folder)},
    )
    client.get_waiter("function_active_v2").wait(FunctionName="java-hot-reload")
    word = Function(client, "java-hot-reload")
    assert [word({}).value for _ in range(2)] == [["one", 1], ["one", 2]]
    (folder / main).write_bytes(say(classes[main], "two"))
    assert [word({}).value for _ in range(2)] == [["two", 1], ["two", 2]]
    (folder / "new").write_bytes(make_jar({main: say(classes[main], "six")}))
    (folder / main).unlink()
    (folder / "new").replace(folder / "lib" / "function.jar")
    assert [word({}).value for _ in range(2)] == [["six", 1], ["six", 2]]


def say(main: bytes, word: str) -> bytes:
    """The class with another word in the place of "one": a constant of three bytes."""
    constant = b"\x01\x00\x03"
    assert main.count(constant + b"one") == 1
    return main.replace(constant + b"one", constant + word.encode())
