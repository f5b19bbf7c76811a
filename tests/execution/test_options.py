"""Options of functions as functions meet them, on running servers and real sandboxes."""

from __future__ import annotations

import json
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
