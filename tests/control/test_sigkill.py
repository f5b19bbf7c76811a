"""A kill at any instant: what was acknowledged is there, complete; nothing else but what ran."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.control.scene import ARN, Scene, play

CHILD = """
import asyncio, json, random, sys
from pathlib import Path
from lambent.control.testing import make_zip
from tests.control.scene import ARN, play

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(seed)

def say(**fields):
    sys.stdout.write(json.dumps(fields) + "\\n")
    sys.stdout.flush()

async def step(scene, name):
    kind = chance.choice(["create", "code", "tag", "delete"])
    value = str(chance.random())
    code = make_zip({"app.py": value})
    say(name=name, kind=kind, value=value, done=False)
    try:
        if kind == "create":
            await scene.create(name, Code={"ZipFile": code}, Tags={"value": "new"})
        elif kind == "code":
            await scene.call("UpdateFunctionCode", FunctionName=name, ZipFile=code)
        elif kind == "tag":
            await scene.call("TagResource", Resource=ARN + name, Tags={"value": value})
        else:
            await scene.call("DeleteFunction", FunctionName=name)
        say(name=name, kind=kind, value=value, done=True)
    except Exception as error:
        say(name=name, kind="nothing", value=type(error).__name__, done=True)

async def client(scene, name):
    while True:
        await step(scene, name)

async def act(scene):
    say(name="", kind="nothing", value="", done=True)
    await asyncio.gather(*(client(scene, f"f{number}") for number in range(3)))

play(folder, act)
"""

State = dict[str, str] | None
"""Of one function: its code and its tag; None where it is not there."""


def after(state: State, event: dict[str, Any]) -> State:
    """What one finished operation makes of a function."""
    kind, value = event["kind"], event["value"]
    match kind:
        case "create" if state is None:
            return {"code": value, "tag": "new"}
        case "code" if state is not None:
            return {**state, "code": value}
        case "tag" if state is not None:
            return {**state, "tag": value}
        case "delete":
            return None
        case _:
            return state


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_server_finds_exactly_what_it_acknowledged(seed: int, tmp_path: Path) -> None:
    """Three clients change a function each, killed a few times; one operation each may be open."""
    chance = random.Random(seed)
    states: dict[str, State] = {}
    for round_number in range(3):
        events = run_and_kill(tmp_path, seed * 100 + round_number, chance.randint(5, 80))
        possible: dict[str, list[State]] = {}
        for name in ("f0", "f1", "f2"):
            state, open_event = states.get(name), None
            for event in events:
                if event["name"] != name:
                    continue
                open_event = None if event["done"] else event
                if event["done"]:
                    state = after(state, event)
            possible[name] = [state] + ([after(state, open_event)] if open_event else [])

        async def check(scene: Scene) -> None:
            for name, allowed in possible.items():  # noqa: B023 - run before the next round
                states[name] = await look(scene, name)
                assert states[name] in allowed

        play(tmp_path, check)


def run_and_kill(folder: Path, seed: int, lines: int) -> list[dict[str, Any]]:
    """What the child said until it was killed, whole lines only."""
    command = [sys.executable, "-c", CHILD, str(folder), str(seed)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(lines))
        process.kill()
        said += process.stdout.read()
    return [json.loads(line) for line in said[: said.rfind("\n")].splitlines()]


async def look(scene: Scene, name: str) -> State:
    function = scene.control.registry.functions.get(name)
    if function is None:
        return None
    code = scene.control.files.task_dir(function.latest) / "app.py"
    assert scene.control.files.zip_path(function.latest.code.digest).is_file()
    tags = (await scene.call("ListTags", Resource=f"{ARN}{name}"))["Tags"]
    return {"code": code.read_text(), "tag": tags["value"]}
