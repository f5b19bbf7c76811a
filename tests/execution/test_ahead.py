"""Runtimes that were started before anything was invoked: what a function sees of it, and when.

A process that waits is the version's own (its variables, its log stream); the function's code runs
in it when the init begins, not before. Decision 0044.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lambent.placement.ahead import FAILURES_MAX
from lambent.runtime.catalogue import find_runtimes
from tests.conftest import RunningServer, make_zip, running
from tests.system.host import Process, descendants, get_json, wait_for

FOUND = find_runtimes({}, {"PATH": "/usr/local/bin:/usr/bin:/bin"})

# When the process began, by the kernel's clock; when the code was loaded, by the wall's.
NODEJS = """
const fs = require("node:fs");
const loaded = Date.now() / 1000;
const ticks = fs.readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ")[19];
exports.handler = async () => ({
  loaded, started: Number(ticks) / 100, said: process.env.SAID ?? null,
  stream: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
  names: Object.keys(process.env).sort(),
});
"""
RUBY = """
LOADED = Time.now.to_f
TICKS = File.read("/proc/self/stat").split(") ")[1].split[19].to_i
def handler(event:, context:)
  { loaded: LOADED, started: TICKS / 100.0, said: ENV["SAID"],
    stream: ENV["AWS_LAMBDA_LOG_STREAM_NAME"], names: ENV.keys.sort }
end
"""
PYTHON = """
import os, time
LOADED = time.time()
TICKS = int(open("/proc/self/stat").read().split(") ")[1].split()[19])
def handler(event, context):
    return {"loaded": LOADED, "started": TICKS / 100, "said": os.environ.get("SAID"),
            "stream": context.log_stream_name, "names": sorted(os.environ)}
"""
LANGUAGES = {"python": ("app.py", PYTHON), "nodejs": ("app.js", NODEJS), "ruby": ("app.rb", RUBY)}


def runtime_of(language: str) -> str:
    """One of the language that is here; else the test is skipped."""
    found = [runtime for runtime in FOUND if runtime.startswith(language)]
    if not found:
        pytest.skip(f"this host has no {language}")
    return found[-1]


def deploy(server: RunningServer, name: str, language: str = "nodejs", **options: Any) -> Any:
    file, source = LANGUAGES[language]
    return server.create(name, {file: source}, Runtime=runtime_of(language), **options)


def waiting(server: RunningServer) -> int:
    return int(get_json(server, "/_lambent/health")["environments"]["ahead"])


def wait_for_waiting(server: RunningServer, count: int) -> None:
    wait_for(lambda: waiting(server) == count, f"{count} to be started ahead")


def call(client: Any, name: str) -> Any:
    answer = client.invoke(FunctionName=name)
    value = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, value
    return value


@pytest.fixture(params=sorted(LANGUAGES))
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server of the test's own, where one process waits at most."""
    with running(tmp_path / "data", "--ahead", "1", "--allow-reset") as one:
        yield one
        assert "Traceback" not in one.log(), one.log()


def test_the_process_waits_for_the_invocation_and_only_then_loads_the_code(
    server: RunningServer, language: str
) -> None:
    client = deploy(server, "ahead-first", language, Environment={"Variables": {"SAID": "so"}})
    wait_for_waiting(server, 1)
    invoked, since_boot = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    answer = call(client, "ahead-first")
    assert answer["started"] < since_boot
    assert answer["loaded"] >= int(invoked)  # the wall clock of Node.js is cut to milliseconds
    assert answer["said"] == "so"
    streams = server.client("logs").describe_log_streams(logGroupName="/aws/lambda/ahead-first")
    assert [one["logStreamName"] for one in streams["logStreams"]] == [answer["stream"]]
    wait_for_waiting(server, 1)  # for the next


def test_it_has_the_variables_that_it_has_where_nothing_was_started_ahead(
    server: RunningServer, language: str, tmp_path: Path
) -> None:
    client = deploy(server, "ahead-variables", language)
    wait_for_waiting(server, 1)
    with running(tmp_path / "other", "--ahead", "0") as other:
        plain = call(deploy(other, "ahead-variables", language), "ahead-variables")
        assert waiting(other) == 0
    assert call(client, "ahead-variables")["names"] == plain["names"]


def test_a_change_of_the_function_is_seen_by_the_next_cold_start(server: RunningServer) -> None:
    client = deploy(server, "ahead-changed")
    for number in range(5):
        wait_for_waiting(server, 1)
        client.update_function_configuration(
            FunctionName="ahead-changed", Environment={"Variables": {"SAID": str(number)}}
        )
        assert call(client, "ahead-changed")["said"] == str(number)
    source = "exports.handler = async () => 'new';\n"
    wait_for_waiting(server, 1)
    client.update_function_code(FunctionName="ahead-changed", ZipFile=make_zip({"app.js": source}))
    wait_for_waiting(server, 1)
    assert call(client, "ahead-changed") == "new"


def test_a_published_version_has_its_own(server: RunningServer) -> None:
    client = deploy(server, "ahead-version", Environment={"Variables": {"SAID": "first"}})
    client.publish_version(FunctionName="ahead-version")
    client.update_function_configuration(
        FunctionName="ahead-version", Environment={"Variables": {"SAID": "second"}}
    )
    for _ in range(2):
        wait_for_waiting(server, 1)
        assert call(client, "ahead-version:1")["said"] == "first"
        assert call(client, "ahead-version")["said"] == "second"


def test_what_waits_for_a_function_goes_with_it(server: RunningServer) -> None:
    client = deploy(server, "ahead-deleted")
    wait_for_waiting(server, 1)
    waits = wait_for(lambda: bootstraps(server), "it to be node")
    client.delete_function(FunctionName="ahead-deleted")
    wait_for(lambda: not waits & descendants(server.pid), "its end")
    assert waiting(server) == 0
    call(deploy(server, "ahead-after"), "ahead-after")


def test_what_waits_goes_with_a_reset(server: RunningServer) -> None:
    deploy(server, "ahead-reset")
    wait_for_waiting(server, 1)
    get_json(server, "/_lambent/reset", method="POST")
    wait_for_waiting(server, 0)


def test_one_that_ends_while_it_waits_is_replaced(server: RunningServer) -> None:
    client = deploy(server, "ahead-killed")
    kill_what_waits(server, 1)
    wait_for_waiting(server, 1)
    assert call(client, "ahead-killed")["said"] is None


def test_a_version_whose_processes_keep_ending_has_no_more_and_runs_all_the_same(
    server: RunningServer,
) -> None:
    client = deploy(server, "ahead-dying")
    kill_what_waits(server, FAILURES_MAX)
    wait_for_waiting(server, 0)
    assert call(client, "ahead-dying")["said"] is None


def test_options_for_the_interpreter_keep_it_from_being_started_ahead(
    server: RunningServer,
) -> None:
    variables = {"NODE_OPTIONS": "--require /var/task/early.js"}
    file, source = LANGUAGES["nodejs"]
    early = "require('node:fs').writeFileSync('/tmp/early', '');"
    client = server.create(
        "ahead-options",
        {file: source, "early.js": early},
        Runtime=runtime_of("nodejs"),
        Environment={"Variables": variables},
    )
    deploy(server, "ahead-other")
    wait_for_waiting(server, 1)
    call(client, "ahead-options")
    call(client, "ahead-other")


def test_many_at_once_share_one_that_waits_and_all_answer(server: RunningServer) -> None:
    client = deploy(server, "ahead-burst")
    wait_for_waiting(server, 1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: call(client, "ahead-burst"), range(16)))
    assert all(answer["said"] is None for answer in answers)


def bootstraps(server: RunningServer) -> set[Process]:
    """The processes of node that the server has started."""
    found = set()
    for process in descendants(server.pid):
        with contextlib.suppress(OSError):
            if is_bootstrap(process[0]):
                found.add(process)
    return found


def kill_what_waits(server: RunningServer, count: int) -> None:
    """So many of the processes of node that the server starts, one after another."""
    killed: set[int] = set()

    def kill() -> bool:
        for pid, _ in bootstraps(server):
            with contextlib.suppress(OSError):
                if len(killed) < count:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
        return len(killed) == count

    wait_for(kill, f"{count} to be started and killed")


def is_bootstrap(pid: int) -> bool:
    return b"/var/runtime/bootstrap.js" in Path(f"/proc/{pid}/cmdline").read_bytes()
