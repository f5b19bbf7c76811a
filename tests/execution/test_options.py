"""Options of functions as functions meet them, on running servers and real sandboxes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, RUNTIME, RunningServer, running

ACCESS_POINT = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-" + "0" * 17
SOURCE = """
import os
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return [WORD, calls]
"""


def call(client: Any, name: str, payload: Any = None) -> Any:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload))
    return json.loads(answer["Payload"].read())


def create_hot(client: Any, name: str, folder: Path, **options: Any) -> None:
    client.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=ROLE,
        Code={"S3Bucket": "hot-reload", "S3Key": str(folder)},
        **options,
    )


def write(folder: Path, word: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(f"WORD = {word!r}\n{SOURCE}")


def test_options_hot_reload_runs_the_folder_as_it_is_now(
    server: RunningServer, tmp_path: Path
) -> None:
    folder, client = tmp_path / "code", server.client("lambda")
    write(folder, "one")
    create_hot(client, "options-hot", folder)
    assert [call(client, "options-hot") for _ in range(2)] == [["one", 1], ["one", 2]]
    write(folder, "two")
    assert [call(client, "options-hot") for _ in range(2)] == [["two", 1], ["two", 2]]
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("WORD = 'three'\n")
    (folder / "app.py").write_text(f"from package import WORD\n{SOURCE}")
    assert call(client, "options-hot") == ["three", 1]
    (folder / "package" / "__init__.py").write_text("WORD = 'four'\n")
    assert [call(client, "options-hot") for _ in range(2)] == [["four", 1], ["four", 2]]
    assert sorted(one.name for one in folder.iterdir()) == ["app.py", "package"]


def test_options_hot_reload_shows_that_folder_alone_and_read_only(
    server: RunningServer, tmp_path: Path
) -> None:
    folder, client = tmp_path / "code", server.client("lambda")
    folder.mkdir()
    (tmp_path / "secret").write_text("no")
    (folder / "app.py").write_text(
        """
import os
def handler(event, context):
    seen = {path: os.path.exists(path) for path in event}
    try:
        open("/var/task/new", "w")
    except OSError as error:
        seen["errno"] = error.errno
    seen["rapid"] = sorted(os.listdir("/var/rapid/folders/0"))
    return seen
"""
    )
    create_hot(client, "options-hot-jail", folder)
    paths = [str(tmp_path / "secret"), str(folder), "/var/task/app.py"]
    seen = call(client, "options-hot-jail", paths)
    assert seen == {paths[0]: False, paths[1]: False, paths[2]: True, "errno": 30, "rapid": []}


def test_options_hot_reload_says_what_is_wrong_with_a_folder(
    server: RunningServer, tmp_path: Path
) -> None:
    client = server.client("lambda")
    for folder in ("relative/path", str(tmp_path / "absent")):
        with pytest.raises(ClientError, match="InvalidParameterValueException"):
            create_hot(client, "options-hot-absent", Path(folder))


def test_options_hot_reload_survives_a_folder_that_goes_and_comes(
    server: RunningServer, tmp_path: Path
) -> None:
    folder, client = tmp_path / "code", server.client("lambda")
    write(folder, "one")
    create_hot(client, "options-hot-moves", folder)
    assert call(client, "options-hot-moves") == ["one", 1]
    folder.rename(tmp_path / "away")
    with pytest.raises(ClientError, match="is gone"):
        call(client, "options-hot-moves")
    write(folder, "two")
    assert call(client, "options-hot-moves") == ["two", 1]


def test_options_code_can_become_a_folder_and_a_package_again(
    server: RunningServer, tmp_path: Path
) -> None:
    folder, client = tmp_path / "code", server.client("lambda")
    write(folder, "folder")
    server.create("options-hot-update", "def handler(event, context):\n    return 'package'\n")
    assert call(client, "options-hot-update") == "package"
    client.update_function_code(
        FunctionName="options-hot-update", S3Bucket="hot-reload", S3Key=str(folder)
    )
    assert call(client, "options-hot-update") == ["folder", 1]


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Path]]:
    """A server that knows one access point, and its folder."""
    base = tmp_path_factory.mktemp("file-systems")
    shared = base / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with running(base / "data", "--file-systems", f"{ACCESS_POINT}={shared}") as one:
        yield one, shared


def test_options_a_file_system_is_a_folder_of_the_host(
    mounted: tuple[RunningServer, Path],
) -> None:
    server, shared = mounted
    source = """
import os
def handler(event, context):
    with open("/mnt/data/note", "a") as file:
        file.write(event)
    return sorted(os.listdir("/mnt")), open("/mnt/data/note").read()
"""
    (shared / "note").write_text("host ")
    (shared / "note").chmod(0o666)
    client = server.create(
        "options-efs",
        source,
        FileSystemConfigs=[{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/data"}],
    )
    assert call(client, "options-efs", "function") == [["data"], "host function"]
    assert (shared / "note").read_text() == "host function"
    shared.rename(shared.with_name("gone"))
    try:
        client.update_function_configuration(FunctionName="options-efs", Timeout=5)
        with pytest.raises(ClientError, match="EFSMountFailureException"):
            call(client, "options-efs", "x")
    finally:
        shared.with_name("gone").rename(shared)


def test_options_a_hot_reload_function_starts_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    write(folder, "one")
    with running(tmp_path / "data") as first:
        create_hot(first.client("lambda"), "options-hot-restart", folder)
        assert call(first.client("lambda"), "options-hot-restart") == ["one", 1]
    write(folder, "two")
    with running(tmp_path / "data") as second:
        assert call(second.client("lambda"), "options-hot-restart") == ["two", 1]


def events(server: RunningServer, group: str) -> list[str]:
    """All messages of the group, oldest first; the server writes them within a moment."""
    logs = server.client("logs")
    return [one["message"] for one in logs.filter_log_events(logGroupName=group)["events"]]


ROOT = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}"
"""What an invocation that is not traced is told: aws/aws-xray-sdk-node#651, -java#409."""

LOGGING = """
import json, logging, os
logger = logging.getLogger("mine")
def handler(event, context):
    logger.info("told %s", 1)
    logger.warning("warned", extra={"more": 2})
    print("printed")
    print(json.dumps({"timestamp": "2026-01-01T00:00:00Z", "level": "DEBUG", "message": "own"}))
    return [context.log_group_name, os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
            os.environ.get("AWS_LAMBDA_LOG_LEVEL"), os.environ.get("AWS_LAMBDA_LOG_FORMAT"),
            os.environ.get("_X_AMZN_TRACE_ID", "")]
"""


def test_options_json_logs_are_records_in_the_group_that_was_chosen(server: RunningServer) -> None:
    client = server.create(
        "options-json",
        LOGGING,
        LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "DEBUG", "LogGroup": "/my/group"},
    )
    *result, trace = call(client, "options-json")
    assert result == ["/my/group", "/my/group", "INFO", "JSON"]
    assert re.fullmatch(ROOT, trace)
    messages = events(server, "/my/group")
    assert "printed\n" in messages
    records = [json.loads(one) for one in messages if one.startswith("{")]
    platform = {one["type"]: one["record"] for one in records if "type" in one}
    assert list(platform) == [
        "platform.initStart",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ]
    assert platform["platform.start"]["version"] == "$LATEST"
    report = platform["platform.report"]
    assert report["status"] == "success"
    assert set(report["metrics"]) == {
        "durationMs",
        "billedDurationMs",
        "memorySizeMB",
        "maxMemoryUsedMB",
        "initDurationMs",
    }
    told, warned = [one for one in records if "type" not in one]
    assert (told["level"], told["message"], told["logger"]) == ("INFO", "told 1", "mine")
    assert told["requestId"] == report["requestId"]
    assert (warned["level"], warned["more"]) == ("WARNING", 2)
    assert "options-json" not in str(server.client("logs").describe_log_groups())


def test_options_levels_filter_what_is_logged(server: RunningServer) -> None:
    levels = {"ApplicationLogLevel": "WARN", "SystemLogLevel": "WARN", "LogGroup": "/my/levels"}
    client = server.create("options-levels", LOGGING, LoggingConfig={"LogFormat": "JSON", **levels})
    assert call(client, "options-levels")[2] == "WARN"
    messages = events(server, "/my/levels")
    assert [one for one in messages if not one.startswith("{")] == ["printed\n"]
    (only,) = [json.loads(one) for one in messages if one.startswith("{")]
    assert only["message"] == "warned"


def test_options_init_start_is_logged_in_text(server: RunningServer) -> None:
    client = server.create("options-init-start", "def handler(event, context):\n    return 1\n")
    call(client, "options-init-start")
    first = events(server, "/aws/lambda/options-init-start")[0]
    assert first.startswith("INIT_START Runtime Version: python:3.")
    assert "\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:" in first


def test_options_active_tracing_makes_a_trace_and_reports_it(server: RunningServer) -> None:
    client = server.create("options-traced", LOGGING, TracingConfig={"Mode": "Active"})
    header = call(client, "options-traced")[4]
    fields = dict(part.split("=") for part in header.split(";"))
    assert set(fields) == {"Root", "Parent", "Sampled"}
    assert fields["Sampled"] == "1"
    message = events(server, "/aws/lambda/options-traced")[-1]
    assert message.endswith(
        f"\t\nXRAY TraceId: {fields['Root']}\tSegmentId: {fields['Parent']}\tSampled: true\t\n"
    )


def test_options_variables_are_encrypted_at_rest(tmp_path: Path) -> None:
    secret, data = "correct-horse-battery", tmp_path / "data"
    key_arn = "arn:aws:kms:us-east-1:000000000000:key/mine"
    source = "import os\ndef handler(event, context):\n    return os.environ['SECRET']\n"
    variables = {"Variables": {"SECRET": secret}}
    with running(data) as first:
        first.create("options-kms-default", source, Environment=variables)
        client = first.create("options-kms", source, Environment=variables, KMSKeyArn=key_arn)
        client.publish_version(FunctionName="options-kms")
        assert call(client, "options-kms") == secret
    for path in data.glob("lambent.db*"):
        assert secret.encode() not in path.read_bytes()
    key_file = data / "environment.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    with running(data) as second:
        client = second.client("lambda")
        shown = client.get_function_configuration(FunctionName="options-kms:1")
        assert shown["Environment"] == variables
        assert shown["KMSKeyArn"] == key_arn
        assert call(client, "options-kms") == secret
        assert call(client, "options-kms-default") == secret
