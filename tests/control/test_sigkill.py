"""A kill at any instant: what was acknowledged is there, complete; nothing else but what ran."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambent.control.kinds import ALIASES
from tests.control.scene import ARN, Scene, play

CHILD = """
import asyncio, json, random, sys
from pathlib import Path
from lambent.control.kinds import ALIASES
from lambent.control.testing import make_zip
from tests.control.scene import ARN, play

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(seed)

def say(**fields):
    sys.stdout.write(json.dumps(fields) + "\\n")
    sys.stdout.flush()

async def step(scene, name):
    kind = chance.choice(["create", "code", "release", "publish", "alias", "tag", "delete"])
    value = str(chance.random())
    code = make_zip({"app.py": value})
    say(name=name, kind=kind, value=value, done=False)
    try:
        if kind == "create":
            await scene.create(name, Code={"ZipFile": code}, Tags={"value": "new"})
        elif kind == "code":
            await scene.call("UpdateFunctionCode", FunctionName=name, ZipFile=code)
        elif kind == "release":
            await scene.call(
                "UpdateFunctionCode", FunctionName=name, ZipFile=code, Publish=True
            )
        elif kind == "publish":
            await scene.call("PublishVersion", FunctionName=name)
        elif kind == "alias":
            named = {"FunctionName": name, "Name": "live", "Description": value}
            there = scene.control.registry.resources.get(ALIASES, name, "live") is not None
            change = "UpdateAlias" if there else "CreateAlias"
            await scene.call(change, **named, FunctionVersion="$LATEST")
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

State = dict[str, Any]
"""Of one function: code (None where it is not there), tag, versions by number, alias, and the
highest number that was ever given out."""

NOTHING: State = {"code": None, "tag": "", "versions": {}, "alias": "", "newest": 0}


def after(state: State, event: dict[str, Any]) -> State:
    """What one finished operation makes of a function."""
    kind, value = event["kind"], event["value"]
    if kind == "create" and state["code"] is None:
        return {**NOTHING, "code": value, "tag": "new", "newest": state["newest"]}
    if state["code"] is None:
        return state
    match kind:
        case "code":
            return {**state, "code": value}
        case "release":
            return publish({**state, "code": value})
        case "publish":
            return publish(state)
        case "alias":
            return {**state, "alias": value}
        case "tag":
            return {**state, "tag": value}
        case "delete":
            return {**NOTHING, "newest": state["newest"]}
        case _:
            return state


def publish(state: State) -> State:
    """The next number, unless the newest version is just what $LATEST is."""
    newest = state["newest"]
    if state["versions"].get(str(newest)) == state["code"]:
        return state
    versions = {**state["versions"], str(newest + 1): state["code"]}
    return {**state, "versions": versions, "newest": newest + 1}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_server_finds_exactly_what_it_acknowledged(seed: int, tmp_path: Path) -> None:
    """Three clients change a function each, killed a few times; one operation each may be open."""
    chance = random.Random(seed)
    states: dict[str, State] = {}
    for round_number in range(3):
        events = run_and_kill(tmp_path, seed * 100 + round_number, chance.randint(5, 120))
        possible: dict[str, list[State]] = {}
        for name in ("f0", "f1", "f2"):
            state, open_event = states.get(name, NOTHING), None
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
    registry = scene.control.registry
    function = registry.functions.get(name)
    newest = registry.version_numbers.get(name, 0)
    if function is None:
        assert not registry.resources.of(ALIASES, name)
        return {**NOTHING, "newest": newest}
    codes = {}
    for version in function.every_version():
        assert scene.control.files.zip_path(version.code.digest).is_file()
        codes[version.version] = (scene.control.files.task_dir(version) / "app.py").read_text()
    alias = registry.resources.get(ALIASES, name, "live")
    return {
        "code": codes.pop("$LATEST"),
        "tag": (await scene.call("ListTags", Resource=f"{ARN}{name}"))["Tags"]["value"],
        "versions": codes,
        "alias": "" if alias is None else alias.description,
        "newest": newest,
    }
