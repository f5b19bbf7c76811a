"""The command line against a running server: deploy, invoke, logs, list, bill, delete, reset."""

from __future__ import annotations

import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lambent.cli.main import INTERRUPTED, build_parser, run
from tests.conftest import RUNTIME, RunningServer, running

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ECHO = "def handler(event, context):\n    print('got', event)\n    return event\n"
FAILING = "def handler(event, context):\n    return event['absent']\n"


class Cli:
    """Runs commands in this process, as `lambent` does after parsing."""

    def __init__(self, server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.server = server
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        words = [*map(str, arguments), "--endpoint-url", self.server.endpoint]
        code = run(build_parser().parse_args(words))
        shown = self._capsys.readouterr()
        return code, shown.out, shown.err

    def json(self, *arguments: str | Path) -> Any:
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def cli(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(server, capsys)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_folder_is_deployed_with_guessed_handler_and_runtime_and_runs(
    cli: Cli, tmp_path: Path
) -> None:
    write(tmp_path / "echo" / "app.py", ECHO)
    code, out, err = cli("deploy", tmp_path / "echo", "--name", "cli-folder", "--memory", "256")
    assert (code, err) == (0, "")
    assert out.startswith("Created cli-folder\n")
    assert f"{RUNTIME} · app.handler · 256 MB · 3 s" in out
    code, out, err = cli("invoke", "cli-folder", "--payload", '{"a": 1}', "--log")
    assert (code, json.loads(out)) == (0, {"a": 1})
    assert "START RequestId" in err
    assert "got {'a': 1}" in err
    assert "REPORT RequestId" in err


def test_a_single_file_is_named_after_itself_and_its_handler_is_found(
    cli: Cli, tmp_path: Path
) -> None:
    file = write(tmp_path / "cli_single.py", ECHO.replace("handler", "lambda_handler"))
    deployed = cli.json("deploy", file)
    assert deployed["FunctionName"] == "cli_single"
    assert deployed["Handler"] == "cli_single.lambda_handler"
    assert cli.json("invoke", "cli_single")["Payload"] == {}


def test_a_second_deploy_changes_only_what_differs(cli: Cli, tmp_path: Path) -> None:
    file = write(tmp_path / "app.py", ECHO)
    deploy = ("deploy", file, "--name", "cli-again")
    assert cli.json(*deploy, "--env", "AA=1", "BB=2")["Changed"]
    code, out, _ = cli(*deploy)
    assert (code, out.splitlines()[0]) == (0, "Nothing changed in cli-again")
    _, out, _ = cli(*deploy, "--timeout", "9")
    assert out.splitlines()[0] == "Updated the configuration of cli-again"
    file.write_text("def handler(event, context):\n    return 'new'\n")
    deployed = cli.json(*deploy)
    assert (deployed["Changed"], deployed["Timeout"]) == (True, 9)
    assert deployed["Environment"]["Variables"] == {"AA": "1", "BB": "2"}
    assert cli.json("invoke", "cli-again")["Payload"] == "new"


def test_the_handler_follows_when_the_file_is_renamed(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "app.py", ECHO)
    cli.json("deploy", tmp_path, "--name", "cli-renamed")
    (tmp_path / "app.py").rename(tmp_path / "handler.py")
    assert cli.json("deploy", tmp_path, "--name", "cli-renamed")["Handler"] == "handler.handler"
    assert cli.json("invoke", "cli-renamed", "--payload", "[1]")["Payload"] == [1]


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this host")
def test_a_folder_of_javascript_is_deployed_without_a_word_and_again(
    cli: Cli, tmp_path: Path
) -> None:
    file = write(tmp_path / "script" / "index.mjs", "export const handler = async () => 1")
    deployed = cli.json("deploy", tmp_path / "script", "--name", "cli-node")
    assert (deployed["Runtime"][:6], deployed["Handler"]) == ("nodejs", "index.handler")
    file.write_text("export const handler = async () => 2")
    assert cli.json("deploy", tmp_path / "script", "--name", "cli-node")["Changed"]
    assert cli.json("invoke", "cli-node")["Payload"] == 2


def test_a_folder_is_published_as_a_layer_once(cli: Cli) -> None:
    example = EXAMPLES / "layered"
    deploy = ("deploy", example, "--name", "cli-layered", "--layer", example / "layer")
    first = cli.json(*deploy, "--env", "LANGUAGE=es")
    again = cli.json(*deploy)
    assert [layer["Arn"].rpartition(":")[2] for layer in again["Layers"]] == ["1"]
    assert again["Layers"] == first["Layers"]
    assert cli.json("invoke", "cli-layered")["Payload"] == {
        "message": "Hola, world!",
        "from": "/opt/python/greetings.py",
    }


def test_a_layer_is_named_by_its_arn_too(cli: Cli, tmp_path: Path) -> None:
    layer = cli.json(
        *("deploy", EXAMPLES / "layered", "--name", "cli-by-arn"),
        *("--layer", EXAMPLES / "layered" / "layer"),
    )["Layers"][0]["Arn"]
    file = write(tmp_path / "app.py", "from greetings import greet as handler")
    deployed = cli.json("deploy", file, "--name", "cli-by-arn-2", "--layer", layer)
    assert deployed["Layers"][0]["Arn"] == layer


def test_a_function_that_fails_ends_the_command_with_1_and_shows_the_stack(
    cli: Cli, tmp_path: Path
) -> None:
    cli.json("deploy", write(tmp_path / "app.py", FAILING), "--name", "cli-failing")
    code, out, err = cli("invoke", "cli-failing")
    assert (code, out) == (1, "")
    assert err.startswith("KeyError: 'absent'\n")
    assert 'File "/var/task/app.py", line 2, in handler' in err
    code, out, _ = cli("invoke", "cli-failing", "--json")
    assert code == 1
    assert json.loads(out)["FunctionError"] == "Unhandled"


def test_the_payload_comes_from_a_file_or_from_standard_input(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.json("deploy", write(tmp_path / "app.py", ECHO), "--name", "cli-payload")
    event = write(tmp_path / "event.json", '{"from": "file"}')
    assert cli("invoke", "cli-payload", "--payload", f"@{event}")[1] == '{"from": "file"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'"piped"')))
    assert cli("invoke", "cli-payload", "--payload", "-")[1] == '"piped"\n'
    code, _, err = cli("invoke", "cli-payload", "--payload", "{")
    assert code == 1
    assert err.startswith("error: InvalidRequestContentException: ")


def test_the_client_context_reaches_the_function(cli: Cli, tmp_path: Path) -> None:
    code = "def handler(event, context):\n    return context.client_context.custom\n"
    cli.json("deploy", write(tmp_path / "app.py", code), "--name", "cli-context")
    context = '{"custom": {"tenant": "t1"}}'
    answer = cli.json("invoke", "cli-context", "--client-context", context)
    assert answer["Payload"] == {"tenant": "t1"}


def test_an_unknown_function_is_awss_error_in_one_line(cli: Cli) -> None:
    for command in ("invoke", "logs", "delete"):
        code, out, err = cli(command, "cli-absent")
        assert (code, out) == (1, "")
        assert "ResourceNotFoundException: Function not found: arn:aws:lambda:" in err
        assert err.count("\n") == 1


def test_a_runtime_that_lambda_does_not_have_is_refused_without_a_trace(
    cli: Cli, tmp_path: Path
) -> None:
    file = write(tmp_path / "app.py", ECHO)
    code, _, err = cli("deploy", file, "--name", "cli-runtime", "--runtime", "cobol85")
    assert code == 1
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_a_runtime_that_this_host_lacks_is_told_with_how_to_get_it(
    cli: Cli, tmp_path: Path
) -> None:
    with urllib.request.urlopen(f"{cli.server.endpoint}/_lambent/health") as answer:
        found = json.load(answer)["runtimes"]
    lacking = [name for name in (f"python3.{n}" for n in range(8, 15)) if name not in found]
    if not lacking:
        pytest.skip("this host has every runtime")
    file = write(tmp_path / "app.py", ECHO)
    code, _, err = cli("deploy", file, "--name", "cli-lacking", "--runtime", lacking[0])
    assert code == 1
    assert err.startswith("error: cli-lacking cannot run (State: Failed): ")
    assert "install" in err


def test_a_reader_that_goes_away_ends_the_command_quietly(cli: Cli) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "lambent", "list"],
        env={**os.environ, "AWS_ENDPOINT_URL": cli.server.endpoint},
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_logs_are_printed_with_their_times(cli: Cli, tmp_path: Path) -> None:
    cli.json("deploy", write(tmp_path / "app.py", ECHO), "--name", "cli-logs")
    code, out, err = cli("logs", "cli-logs")
    assert (code, out) == (0, "")
    assert "logged nothing" in err
    cli.json("invoke", "cli-logs", "--payload", '"hi"')
    _, out, _ = cli("logs", "cli-logs", "--since", "1m")
    assert "Z  START RequestId: " in out
    assert "Z  got hi" in out
    _, out, _ = cli("logs", "cli-logs", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert any(event["message"].startswith("got hi") for event in events)


def test_logs_are_followed_until_ctrl_c(cli: Cli, tmp_path: Path) -> None:
    cli.json("deploy", write(tmp_path / "app.py", ECHO), "--name", "cli-follow")
    follower = subprocess.Popen(
        [sys.executable, "-m", "lambent", "logs", "cli-follow", "--follow"],
        env={**os.environ, "AWS_ENDPOINT_URL": cli.server.endpoint, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        for word in ("first", "second"):
            cli.json("invoke", "cli-follow", "--payload", f'"{word}"')
            assert f"got {word}" in read_until(follower, f"got {word}")
        follower.send_signal(signal.SIGINT)
        _, err = follower.communicate(timeout=60)
    finally:
        follower.kill()
        follower.wait()
    assert follower.returncode == INTERRUPTED
    assert b"Traceback" not in err


def read_until(process: subprocess.Popen[bytes], text: str) -> str:
    """What `process` prints up to `text`, waiting at most a minute."""
    assert process.stdout is not None
    deadline = time.monotonic() + 60
    seen = b""
    while text.encode() not in seen:
        ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        assert ready, f"{text!r} did not come: {seen!r}"
        chunk = os.read(process.stdout.fileno(), 65_536)
        assert chunk, f"ended before {text!r} came: {seen!r}"
        seen += chunk
    return seen.decode()


def test_functions_are_listed_billed_and_deleted(cli: Cli, tmp_path: Path) -> None:
    file = write(tmp_path / "app.py", ECHO)
    for name in ("cli-one", "cli-two"):
        cli.json("deploy", file, "--name", name)
    cli.json("invoke", "cli-one")
    _, out, _ = cli("list")
    assert out.startswith("NAME ")
    assert "cli-one " in out
    assert {"cli-one", "cli-two"} <= {one["FunctionName"] for one in cli.json("list")}
    _, out, _ = cli("bill")
    assert "cli-one " in out
    assert cli.json("bill")["functions"]["cli-one"]["Invocations"] == 1
    code, out, err = cli("delete", "cli-one", "cli-absent", "cli-two")
    assert code == 1
    assert out == "Deleted cli-one\nDeleted cli-two\n"
    assert "cli-absent: ResourceNotFoundException" in err
    assert not {"cli-one", "cli-two"} & {one["FunctionName"] for one in cli.json("list")}


def test_reset_empties_a_server_that_allows_it_and_only_that(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = write(tmp_path / "app.py", ECHO)
    with running(tmp_path / "data", "--allow-reset") as server:
        cli = Cli(server, capsys)
        cli.json("deploy", file)
        assert cli("reset") == (0, "The server is empty.\n", "")
        assert cli("list")[1] == "There are no functions yet. Next: lambent deploy DIR\n"
    with running(tmp_path / "data") as server:
        code, out, err = Cli(server, capsys)("reset")
        assert (code, out) == (1, "")
        assert "--allow-reset" in err


def test_events_that_fail_are_listed_tried_again_and_dropped(cli: Cli, tmp_path: Path) -> None:
    source = write(tmp_path / "cli_events.py", FAILING)
    assert cli("deploy", source)[0] == 0
    client = cli.server.client("lambda")
    client.invoke(FunctionName="cli_events", InvocationType="Event", Payload=b"{}")
    deadline = time.monotonic() + 60
    while True:
        queues = {one["FunctionName"]: one for one in cli.json("events")["functions"]}
        if queues["cli_events"]["Failing"] or time.monotonic() > deadline:
            break
    code, out, _ = cli("events")
    assert code == 0
    assert re.search(r"^cli_events +1 +[01] +1 ", out, re.MULTILINE)
    (event,) = cli.json("events", "cli_events")["Events"]
    assert event["RequestId"] in cli("events", "cli_events")[1]
    assert cli("events", "cli_events", "--retry")[1].startswith("Tried again: ")
    assert cli("events", "cli_events", "--drop")[1].startswith("Dropped: ")
    assert "No event of cli_events waits" in cli("events", "cli_events")[1]
    assert cli("events", "--drop")[0] == 1
