"""Whatever a function or an extension calls inside its sandbox, it harms no one but itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunningServer
from tests.execution.test_custom_runtimes import create
from tests.execution.test_extensions import EXTENSION, publish

FUZZ = (Path(__file__).parent / "api_fuzz.py").read_text()
CALLS = 250

MANAGED = """
import api_fuzz
def handler(event, context):
    return api_fuzz.Fuzz(event["seed"]).run(event["calls"])
"""

RUNTIME = """#!/usr/bin/env -S python3 -IS
import http.client, os, sys
sys.path.insert(0, "/var/task")
import api_fuzz
fuzz = api_fuzz.Fuzz(SEED)
fuzz.run(60, avoid=("/next", "/error", "register"))
while True:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    request_id = answer.getheader("Lambda-Runtime-Aws-Request-Id")
    answer.read()
    fuzz.request_ids.append(request_id or "x")
    fuzz.run(40)
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", "1")
    api.getresponse().read()
"""

EXTENSION_FUZZ = (
    EXTENSION
    + """
sys.path.insert(0, "/var/task")
import api_fuzz
import threading
fuzz = api_fuzz.Fuzz(SEED)
identifier, _ = register("INVOKE", "SHUTDOWN")
fuzz.identifiers.append(identifier)
fuzz.run(80, avoid=("/next", "/error", "register"))
while next(identifier)["eventType"] == "INVOKE":
    fuzz.identifiers.append(identifier)
    fuzz.run(30, avoid=("/next", "/error", "register"))
"""
)

BYSTANDER = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("fuzz") / "data"
    running = RunningServer(data_dir=data).start()
    running.create("bystander", BYSTANDER, Timeout=30)
    ask_bystander(running, 0)
    yield running
    assert running.stop() == 0, running.log()


def ask_bystander(server: RunningServer, event: int) -> None:
    """Another environment of the same server answers."""
    answer = server.client("lambda").invoke(FunctionName="bystander", Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read()) == event


def ask(client: Any, name: str, event: Any) -> tuple[bytes, bool]:
    """The result, and whether it is an error."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    return answer["Payload"].read(), "FunctionError" in answer


def assert_no_fault(server: RunningServer) -> None:
    log = server.log()
    assert "Traceback" not in log, log[-4000:]
    assert "fault" not in log, log[-4000:]


@pytest.mark.parametrize("seed", [1, 2])
def test_random_calls_from_a_managed_function_are_answered_or_cut(
    server: RunningServer, seed: int
) -> None:
    name = f"managed-fuzz-{seed}"
    files: dict[str, str | bytes] = {"app.py": MANAGED, "api_fuzz.py": FUZZ}
    client = server.create(name, files, Timeout=60)
    for round_seed in (seed * 100, seed * 100 + 1):
        result, failed = ask(client, name, {"seed": round_seed, "calls": CALLS})
        assert not failed, result
        statuses = json.loads(result)
        assert len(statuses) > 20
        assert max(statuses) < 500, statuses
        ask_bystander(server, round_seed)
    assert_no_fault(server)


@pytest.mark.parametrize("seed", [3, 4])
def test_a_runtime_that_calls_at_random_ends_at_worst_itself(
    server: RunningServer, seed: int
) -> None:
    name = f"runtime-fuzz-{seed}"
    bootstrap = RUNTIME.replace("SEED", str(seed))
    client = create(server, name, {"bootstrap": bootstrap, "api_fuzz.py": FUZZ}, Timeout=1)
    for number in range(3):
        ask(client, name, number)  # whatever it is, it comes
        ask_bystander(server, number)
    assert_no_fault(server)


def test_an_extension_that_calls_at_random_holds_up_only_its_own_environment(
    server: RunningServer,
) -> None:
    program = EXTENSION_FUZZ.replace("SEED", "5")
    layer = publish(server, "fuzzing", fuzzer=program)
    files: dict[str, str | bytes] = {"app.py": BYSTANDER, "api_fuzz.py": FUZZ}
    client = server.create("extension-fuzz", files, Layers=[layer], Timeout=10)
    for number in range(3):
        result, failed = ask(client, "extension-fuzz", number)
        assert failed or result == b"%d" % number
        ask_bystander(server, number)
    assert_no_fault(server)
