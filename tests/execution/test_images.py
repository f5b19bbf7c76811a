"""Functions from container images, pulled from a registry and run on real sandboxes.

Source: Developer Guide, "Create a Lambda function using a container image".
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROLE, RunningServer
from tests.images.building import BuiltImage, build, file, tar, write_layout
from tests.images.programs import base_layer, runtime_layer
from tests.images.registry_server import Registry, running_registry
from tests.system.host import wait_for

SETTINGS = {
    "Entrypoint": ["/app/run"],
    "Cmd": ["from", "the", "image"],
    "Env": ["PATH=/usr/bin:/bin", "OWN=image", "BOTH=image", "AWS_REGION=nowhere"],
    "WorkingDir": "/app",
}


def image(greeting: str = "hello", **settings: Any) -> BuiltImage:
    layers = [base_layer(), runtime_layer(greeting)]
    return build(layers, settings={**SETTINGS, **settings}, docker=True)


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with running_registry(login="token") as one:
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("images")
    (folder / "config.json").write_text(json.dumps(registry.config_for()))
    environment = {"LAMBENT_DOCKER_CONFIG": str(folder / "config.json")}
    running = RunningServer(data_dir=folder / "data", environment=environment).start()
    yield running
    running.stop()


def create(server: RunningServer, name: str, uri: str, **options: Any) -> Any:
    client = server.client("lambda")
    answer = client.create_function(
        FunctionName=name, PackageType="Image", Role=ROLE, Code={"ImageUri": uri}, **options
    )
    assert answer["State"] == "Pending"
    wait_until(client, name, "State", "Active")
    return client


def wait_until(client: Any, name: str, member: str, value: str) -> Any:
    def reached() -> Any:
        found = client.get_function_configuration(FunctionName=name)
        return found if found[member] == value else None

    return wait_for(reached, f"{member} {value}")


def ask(client: Any, name: str, command: str) -> tuple[Any, str, str]:
    """(answer, FunctionError or "", the log's tail)."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(command), LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    return json.loads(answer["Payload"].read()), answer.get("FunctionError", ""), tail


@pytest.fixture(scope="module")
def client(server: RunningServer, registry: Registry) -> Any:
    """One with a function named `app`."""
    uri = registry.push("team/app", "v1", image())
    variables = {"OWN": "function", "MINE": "function"}
    return create(server, "app", uri, Environment={"Variables": variables})


def test_an_image_is_pulled_run_and_stays_warm(client: Any, registry: Registry) -> None:
    found = client.get_function(FunctionName="app")
    assert found["Code"]["ImageUri"] == f"{registry.host}/team/app:v1"
    assert found["Code"]["ResolvedImageUri"] == f"{registry.host}/team/app@{image().digest}"
    assert found["Configuration"]["CodeSha256"] == image().digest.removeprefix("sha256:")
    answer, error, tail = ask(client, "app", "cat greeting")
    assert (answer, error) == ("hello", "")
    assert "hello from the image" in tail
    assert "INIT_START" not in tail
    assert "Init Duration" in tail
    wait_for(lambda: "Init Duration" not in ask(client, "app", "true")[2], "a warm invocation")


def test_variables_are_the_images_then_the_functions_then_lambdas(client: Any) -> None:
    answer, _, _ = ask(client, "app", "env")
    variables = dict(line.split("=", 1) for line in answer.split("|") if "=" in line)
    wanted = {
        "PATH": "/usr/bin:/bin",
        "BOTH": "image",
        "OWN": "function",
        "MINE": "function",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "app",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "LAMBDA_TASK_ROOT": "/var/task",
    }
    assert {name: variables.get(name) for name in wanted} == wanted
    assert not {"_HANDLER", "AWS_EXECUTION_ENV", "LD_LIBRARY_PATH"} & variables.keys()


def test_of_the_host_and_of_other_functions_nothing_is_seen(
    client: Any,
) -> None:
    root = {"app", "bin", "dev", "etc", "lib", "lib64", "mnt", "proc", "tmp", "usr"}
    listed, _, _ = ask(client, "app", "ls /")
    assert set(listed.split("|")) - {""} == root
    climbed, _, _ = ask(client, "app", "cd /; cd ../../..; ls /proc/1/root/../.. .")
    assert set(climbed.split("|")) - {"", ".:", "/proc/1/root/../..:"} == root
    assert ask(client, "app", "ls /etc /mnt")[0] == "/etc:|hosts|resolv.conf||/mnt:|"
    mounts, _, _ = ask(client, "app", "cut -d\\  -f5 /proc/self/mountinfo")
    points = {one for one in mounts.split("|") if one and not one.startswith("/dev/")}
    assert points == {"/", "/dev", "/proc", "/tmp", "/etc/hosts", "/etc/resolv.conf"}
    who, _, _ = ask(client, "app", "id -u; ls -l /app/sudo")
    assert not who.startswith("0|")
    assert "rwsr" not in who


def test_an_image_can_be_written_to_nowhere_but_in_tmp(client: Any) -> None:
    command = "for p in /x /app/run /etc/hosts /dev/x /usr/bin/sh; do echo > $p; done; ls /x"
    answer, _, _ = ask(client, "app", command)
    assert answer.count("Read-only file system") + answer.count("Permission denied") == 5
    assert ask(client, "app", "echo kept > /tmp/x; cat /tmp/x")[0] == "kept|"


def test_an_image_config_takes_the_place_of_what_the_image_says(
    server: RunningServer, registry: Registry
) -> None:
    uri = registry.push("team/config", "v1", image())
    config = {
        "EntryPoint": ["sh", "/app/run"],
        "Command": ["of", "mine"],
        "WorkingDirectory": "/tmp",
    }
    client = create(server, "config", uri, ImageConfig=config)
    answer, _, tail = ask(client, "config", "pwd")
    assert answer == "/tmp|"
    assert "hello of mine" in tail


@pytest.mark.parametrize(
    ("name", "config", "kind", "text"),
    [
        (
            "gone",
            {"EntryPoint": ["/none"]},
            "Runtime.InvalidEntrypoint",
            "fork/exec /none: no such",
        ),
        ("bare", {"EntryPoint": ["none"]}, "Runtime.InvalidEntrypoint", "not found in $PATH"),
        (
            "text",
            {"EntryPoint": ["/app/greeting"]},
            "Runtime.InvalidEntrypoint",
            "permission denied",
        ),
        (
            "where",
            {"WorkingDirectory": "/none"},
            "Runtime.InvalidWorkingDir",
            "chdir /none: no such",
        ),
    ],
)
def test_an_image_that_cannot_be_started_says_why(
    server: RunningServer, registry: Registry, name: str, config: Any, kind: str, text: str
) -> None:
    client = create(server, name, registry.push("team/bad", "v1", image()), ImageConfig=config)
    answer, error, _ = ask(client, name, "true")
    assert error == "Unhandled"
    assert answer["errorType"] == kind
    assert text in answer["errorMessage"]


def test_an_update_serves_the_new_image_and_its_files_go_with_the_last_function(
    server: RunningServer, registry: Registry, client: Any
) -> None:
    store = server.data_dir / "code" / "images"
    uri = registry.push("team/moving", "latest", image("first"))
    create(server, "moving", uri)
    assert ask(client, "moving", "cat greeting")[0] == "first"
    registry.push("team/moving", "latest", image("second"))
    assert ask(client, "moving", "cat greeting")[0] == "first", "a tag that moves changes nothing"
    client.update_function_code(FunctionName="moving", ImageUri=uri)
    wait_until(client, "moving", "LastUpdateStatus", "Successful")
    assert ask(client, "moving", "cat greeting")[0] == "second"
    roots = {
        image(greeting).digest.replace("sha256:", "image-") for greeting in ("first", "second")
    }
    client.delete_function(FunctionName="moving")
    wait_for(lambda: not roots & set(os.listdir(store / "roots")), "the roots to go")
    assert ask(client, "app", "cat greeting")[0] == "hello", "whose base layer they shared"


def test_an_image_of_a_layout_of_this_host_needs_no_registry(
    server: RunningServer, tmp_path: Path
) -> None:
    write_layout(tmp_path / "layout", {"v1": image("local")})
    client = create(server, "local", f"oci:{tmp_path}/layout:v1")
    assert ask(client, "local", "cat greeting")[0] == "local"


def test_bytes_of_a_layer_that_lead_out_make_a_failed_function(
    server: RunningServer, registry: Registry
) -> None:
    client = server.client("lambda")
    uri = registry.push("team/evil", "v1", build([tar(file("../../escape"))]))
    client.create_function(
        FunctionName="evil", PackageType="Image", Role=ROLE, Code={"ImageUri": uri}
    )

    found = wait_until(client, "evil", "State", "Failed")
    assert found["StateReasonCode"] == "InvalidImage"
    with pytest.raises(client.exceptions.ResourceConflictException, match="Failed"):
        client.invoke(FunctionName="evil")


GO = """package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			os.Exit(1)
		}
		event, _ := io.ReadAll(next.Body)
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		answer, err := http.Post(api+id+"/response", "application/json", bytes.NewReader(event))
		if err == nil {
			answer.Body.Close()
		}
	}
}
"""


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
def test_a_program_of_one_file_runs_from_an_otherwise_empty_image(
    server: RunningServer, registry: Registry, tmp_path: Path
) -> None:
    """No libc, no shell, no folders: as Go's and Rust's images `FROM scratch`."""
    (tmp_path / "main.go").write_text(GO)
    (tmp_path / "go.mod").write_text("module function\n\ngo 1.20\n")
    subprocess.run(
        ["go", "build", "-o", "main", "."],
        cwd=tmp_path,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"},
        check=True,
    )
    layer = tar(file("main", (tmp_path / "main").read_bytes(), 0o755))
    uri = registry.push("team/scratch", "v1", build([layer], settings={"Entrypoint": ["/main"]}))
    client = create(server, "scratch", uri)
    assert ask(client, "scratch", "echo this")[:2] == ("echo this", "")


def test_a_server_that_is_killed_while_it_pulls_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with running_registry() as registry:
        server = RunningServer(data_dir=tmp_path / "data").start()
        try:
            uri = registry.push("team/app", "v1", image("after"))
            client = server.client("lambda")
            base = json.loads(image("after").manifest)["layers"][0]["digest"]
            registry.held = base
            registry.gate.clear()
            client.create_function(
                FunctionName="f", PackageType="Image", Role=ROLE, Code={"ImageUri": uri}
            )
            wait_for(lambda: registry.asked[-1].endswith(base), "the layer to be asked for")
            with pytest.raises(client.exceptions.ResourceConflictException, match="Pending"):
                client.invoke(FunctionName="f")
            server.kill()
            registry.gate.set()
            server = RunningServer(data_dir=tmp_path / "data").start()
            client = server.client("lambda")
            wait_until(client, "f", "State", "Active")
            assert ask(client, "f", "cat greeting")[0] == "after"
            assert os.listdir(tmp_path / "data/code/images/tmp") == []
        finally:
            server.stop()
