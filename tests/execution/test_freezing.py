"""Between invocations nothing of a function runs, on real sandboxes.

Source: Developer Guide, "Understanding the Lambda execution environment lifecycle": background
processes and callbacks resume when the environment is used again.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.conftest import RunningServer, running

TICKING = """
import subprocess, sys, threading, time
counted = 0
def count():
    global counted
    while True:
        counted += 1
        print("thread", flush=True)
        time.sleep(0.01)
threading.Thread(target=count, daemon=True).start()
CHILD = "import time\\nwhile True:\\n    print('child', flush=True)\\n    time.sleep(0.01)"
subprocess.Popen([sys.executable, "-ISc", CHILD])
def handler(event, context):
    until = counted + event
    while counted < until:
        time.sleep(0.005)
    return counted
"""
LOOKS_MAX = 60
LOOK_S = 0.25


def ticks(server: RunningServer) -> tuple[int, int]:
    """How often the thread and the child have run so far, by the log."""
    logs = server.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/ticking")
    said = [event["message"].strip() for page in pages for event in page["events"]]
    return said.count("thread"), said.count("child")


def invoke_ticking(client: Any, event: int) -> int:
    answer = client.invoke(FunctionName="ticking", Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()
    counted: int = json.loads(answer["Payload"].read())
    return counted


def test_threads_and_processes_stand_still_between_invocations(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        client = server.create("ticking", TICKING)
        before = invoke_ticking(client, 3)
        seen = [ticks(server)]
        while len(seen) < 2 or seen[-1] != seen[-2]:
            assert len(seen) < LOOKS_MAX, f"they never stood still: {seen}"
            time.sleep(LOOK_S)
            seen.append(ticks(server))
        assert invoke_ticking(client, 5) >= before + 5, "it was not the same environment"


def test_they_go_on_where_the_operator_says_so(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--freeze", "off") as server:
        client = server.create("ticking", TICKING)
        invoke_ticking(client, 1)
        first = now = ticks(server)
        for _ in range(LOOKS_MAX):
            if min(now[0] - first[0], now[1] - first[1]) > 20:
                break
            time.sleep(LOOK_S)
            now = ticks(server)
        else:
            raise AssertionError(f"from {first} to {now} only")
