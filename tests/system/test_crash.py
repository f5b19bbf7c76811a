"""`kill -9` at any instant: the server finds exactly what it acknowledged, complete.

Source: the issue of step 1, "Durable". Every thread owns names of its own, so that what each of its
operations does is known; the operation that was under way at the kill may have happened or not.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.conftest import CREATED_TIMEOUT_S, ROLE, RUNTIME, RunningServer
from tests.system.host import Traces

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20260"))
ROUNDS = 50
WRITERS = 4
TIME_MAX_S = 500.0
RUN_S_MAX = 0.5
NAMES = ("a", "b")
TRUST = '{"Version": "2012-10-17", "Statement": []}'
State = dict[str, Any] | None
"""Of one resource, as `look` reads it back; None where it is not there."""


def package(value: str) -> bytes:
    """The same bytes whenever it is made: without the time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as one:
        file = zipfile.ZipInfo("app.py")
        file.external_attr = 0o644 << 16
        one.writestr(file, f"def handler(event, context):\n    return {value!r}\n")
    return buffer.getvalue()


def digest(value: str) -> str:
    return hashlib.sha256(package(value)).hexdigest()


@dataclass
class Step:
    """One write: the call, and what it makes of the resource's state."""

    key: str
    call: Callable[[], Any]
    after: State
    text: str


@dataclass
class Writer:
    """One thread's resources: their states as acknowledged, and the write under way."""

    number: int
    chance: random.Random
    states: dict[str, State] = field(default_factory=dict)
    open_step: Step | None = None
    history: list[str] = field(default_factory=list)
    failure: str = ""
    done: int = 0
    layer_versions_max: dict[str, int] = field(default_factory=dict)
    versions_max: dict[str, int] = field(default_factory=dict)

    def run(self, clients: dict[str, Any]) -> None:
        """Write until the server is gone."""
        while True:
            step = self.choose(clients)
            self.open_step = step
            self.history.append(step.text)
            try:
                answer = step.call()
            except (EndpointConnectionError, HTTPClientError):
                return  # killed: this step is left open
            except ClientError as error:
                self.failure = f"{step.text}: {error}"
                return
            if step.key.startswith("layer/") and step.after and "adding" in step.after:
                step = self.published(step, answer["Version"])
            self.states[step.key] = step.after
            self.count_versions(step.key, step.after)
            self.open_step = None
            self.done += 1

    def published(self, step: Step, version: int) -> Step:
        """The step, now that the layer version's number is known."""
        before = self.states.get(step.key) or {}
        assert step.after is not None
        assert version > self.layer_versions_max.get(step.key, 0), "a number was given out twice"
        self.layer_versions_max[step.key] = version
        return Step(step.key, step.call, {**before, str(version): step.after["adding"]}, step.text)

    def choose(self, clients: dict[str, Any]) -> Step:
        name = f"{self.chance.choice(NAMES)}{self.number}"
        kind = self.chance.choices(
            (self.function_step, self.layer_step, self.role_step, self.group_step), (6, 2, 2, 1)
        )[0]
        return kind(clients, name, f"{self.chance.getrandbits(40):x}")

    def function_step(self, clients: dict[str, Any], name: str, value: str) -> Step:
        client, key = clients["lambda"], f"function/{name}"
        state = self.states.get(key)
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
        if state is None:
            return Step(
                key,
                lambda: client.create_function(
                    FunctionName=name,
                    Runtime=RUNTIME,
                    Handler="app.handler",
                    Role=ROLE,
                    Timeout=CREATED_TIMEOUT_S,
                    Code={"ZipFile": package(value)},
                    Description=value,
                    Tags={"created": value},
                ),
                {
                    "code": digest(value),
                    "description": value,
                    "tags": {"created": value},
                    "versions": {},
                    "aliases": {},
                },
                f"create {name} {value}",
            )
        if self.chance.random() < 0.4:
            return self.version_step(client, name, state)
        match self.chance.choice(("code", "code", "configuration", "tag", "untag", "delete")):
            case "code":
                return Step(
                    key,
                    lambda: client.update_function_code(FunctionName=name, ZipFile=package(value)),
                    {**state, "code": digest(value)},
                    f"code of {name} {value}",
                )
            case "configuration":
                return Step(
                    key,
                    lambda: client.update_function_configuration(
                        FunctionName=name, Description=value
                    ),
                    {**state, "description": value},
                    f"configure {name} {value}",
                )
            case "tag":
                return Step(
                    key,
                    lambda: client.tag_resource(Resource=arn, Tags={"tag": value}),
                    {**state, "tags": {**state["tags"], "tag": value}},
                    f"tag {name} {value}",
                )
            case "untag":
                return Step(
                    key,
                    lambda: client.untag_resource(Resource=arn, TagKeys=["tag"]),
                    {**state, "tags": {k: v for k, v in state["tags"].items() if k != "tag"}},
                    f"untag {name}",
                )
            case _:
                return Step(
                    key, lambda: client.delete_function(FunctionName=name), None, f"delete {name}"
                )

    def version_step(self, client: Any, name: str, state: dict[str, Any]) -> Step:
        """Publish $LATEST, delete a version that no alias uses, or change the function's alias."""
        key, versions, aliases = f"function/{name}", state["versions"], state["aliases"]
        unused = [one for one in versions if one not in aliases.values()]
        kind = self.chance.choice(("publish", "publish", "alias", "unalias", "drop"))
        if kind == "drop" and unused:
            number = self.chance.choice(unused)
            left = {one: content for one, content in versions.items() if one != number}
            return Step(
                key,
                lambda: client.delete_function(FunctionName=name, Qualifier=number),
                {**state, "versions": left},
                f"delete {name}:{number}",
            )
        if kind == "alias":
            number = self.chance.choice(["$LATEST", *versions])
            change = client.update_alias if aliases else client.create_alias
            return Step(
                key,
                lambda: change(FunctionName=name, Name="live", FunctionVersion=number),
                {**state, "aliases": {"live": number}},
                f"alias of {name} to {number}",
            )
        if kind == "unalias":
            return Step(
                key,
                lambda: client.delete_alias(FunctionName=name, Name="live"),
                {**state, "aliases": {}},
                f"no alias of {name}",
            )
        newest, content = self.versions_max.get(key, 0), [state["code"], state["description"]]
        if versions.get(str(newest)) != content:
            versions = {**versions, str(newest + 1): content}
        return Step(
            key,
            lambda: client.publish_version(FunctionName=name),
            {**state, "versions": versions},
            f"publish {name}",
        )

    def count_versions(self, key: str, state: State) -> None:
        """No number may be given out again, not even once its function was deleted."""
        if key.startswith("function/") and state:
            known = self.versions_max.get(key, 0)
            self.versions_max[key] = max([known, *(int(one) for one in state["versions"])])

    def layer_step(self, clients: dict[str, Any], name: str, value: str) -> Step:
        client, key = clients["lambda"], f"layer/{name}"
        state = self.states.get(key) or {}
        if not state or self.chance.random() < 0.6:
            return Step(
                key,
                lambda: client.publish_layer_version(
                    LayerName=name, Content={"ZipFile": package(value)}
                ),
                {**state, "adding": digest(value)},
                f"publish {name} {value}",
            )
        version = self.chance.choice(list(state))
        left = {one: content for one, content in state.items() if one != version}
        return Step(
            key,
            lambda: client.delete_layer_version(LayerName=name, VersionNumber=int(version)),
            left or None,
            f"delete layer {name}:{version}",
        )

    def role_step(self, clients: dict[str, Any], name: str, value: str) -> Step:
        client, key = clients["iam"], f"role/{name}"
        state = self.states.get(key)
        if state is None:
            return Step(
                key,
                lambda: client.create_role(
                    RoleName=name, AssumeRolePolicyDocument=TRUST, Description=value
                ),
                {"description": value, "policies": {}},
                f"create role {name} {value}",
            )
        if state["policies"]:
            return Step(
                key,
                lambda: client.delete_role_policy(RoleName=name, PolicyName="inline"),
                {**state, "policies": {}},
                f"delete policy of {name}",
            )
        if self.chance.random() < 0.5:
            document = {"Version": "2012-10-17", "Statement": [], "Id": value}
            return Step(
                key,
                lambda: client.put_role_policy(
                    RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(document)
                ),
                {**state, "policies": {"inline": document}},
                f"put policy of {name} {value}",
            )
        return Step(key, lambda: client.delete_role(RoleName=name), None, f"delete role {name}")

    def group_step(self, clients: dict[str, Any], name: str, value: str) -> Step:
        client, key = clients["logs"], f"group/{name}"
        if self.states.get(key) is None:
            return Step(
                key,
                lambda: client.create_log_group(logGroupName=name),
                {"there": True},
                f"create group {name}",
            )
        return Step(
            key, lambda: client.delete_log_group(logGroupName=name), None, f"delete group {name}"
        )

    def settle(self, found: dict[str, State]) -> None:
        """Compare with what the restarted server has; what it has is what counts from now on."""
        step, self.open_step = self.open_step, None
        for key in self.resources():
            state = self.states.get(key)
            there = found.get(key)
            if step is None or step.key != key:
                assert there == state, self.report(key, there, [state])
            else:
                allowed = self.allowed(step, state, there)
                assert there in allowed, self.report(key, there, allowed)
            self.states[key] = there
            self.count_versions(key, there)
            if key.startswith("layer/"):
                known = self.layer_versions_max.get(key, 0)
                self.layer_versions_max[key] = max([known, *(int(one) for one in there or {})])

    def allowed(self, step: Step, state: State, there: State) -> list[State]:
        """Before or after; a layer's new number is known only from what is there."""
        if not (step.after and "adding" in step.after):
            return [state, step.after]
        new = [one for one in there or {} if one not in (state or {})]
        if len(new) != 1 or int(new[0]) <= self.layer_versions_max.get(step.key, 0):
            return [state]
        return [state, {**(state or {}), new[0]: step.after["adding"]}]

    def resources(self) -> list[str]:
        kinds = ("function", "layer", "role", "group")
        return [f"{kind}/{name}{self.number}" for kind in kinds for name in NAMES]

    def report(self, key: str, there: State, allowed: list[State]) -> str:
        return f"{key} is {there}, not one of {allowed}; last steps: {self.history[-8:]}"


def look(server: RunningServer) -> dict[str, State]:
    """Everything that the server has, by kind and name; each package downloaded and hashed."""
    client, iam, logs = server.client("lambda"), server.client("iam"), server.client("logs")
    found: dict[str, State] = {}
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            got = client.get_function(FunctionName=name)
            assert got["Configuration"]["State"] == "Active", got
            found[f"function/{name}"] = {
                "code": fetch_digest(got["Code"]["Location"]),
                "description": function["Description"],
                "tags": got.get("Tags", {}),
                "versions": look_at_versions(client, name),
                "aliases": {
                    one["Name"]: one["FunctionVersion"]
                    for one in client.list_aliases(FunctionName=name)["Aliases"]
                },
            }
    for layer in client.list_layers()["Layers"]:
        name = layer["LayerName"]
        versions = client.list_layer_versions(LayerName=name)["LayerVersions"]
        state = {}
        for one in versions:
            got = client.get_layer_version(LayerName=name, VersionNumber=one["Version"])
            state[str(one["Version"])] = fetch_digest(got["Content"]["Location"])
        found[f"layer/{name}"] = state
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        policies = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        found[f"role/{name}"] = {"description": role["Description"], "policies": policies}
    for group in logs.describe_log_groups()["logGroups"]:
        if not group["logGroupName"].startswith("/aws/lambda/"):
            found[f"group/{group['logGroupName']}"] = {"there": True}
    return found


def look_at_versions(client: Any, name: str) -> dict[str, list[str]]:
    """Each published version's code and description."""
    found = {}
    for one in client.list_versions_by_function(FunctionName=name)["Versions"]:
        if one["Version"] != "$LATEST":
            got = client.get_function(FunctionName=name, Qualifier=one["Version"])
            code = fetch_digest(got["Code"]["Location"])
            found[one["Version"]] = [code, got["Configuration"]["Description"]]
    return found


def fetch_digest(location: str) -> str:
    with urllib.request.urlopen(location, timeout=60) as answer:
        return hashlib.sha256(answer.read()).hexdigest()


def assert_no_stray_files(data_dir: Path, found: dict[str, State]) -> None:
    """The store has one folder and one zip for each package that a row needs, and no other."""
    needed = set()
    for key, state in found.items():
        if key.startswith("function/") and state:
            needed.add(state["code"])
            needed.update(code for code, _ in state["versions"].values())
        elif key.startswith("layer/") and state:
            needed.update(state.values())
    code = data_dir / "code"
    zips = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (code / "zips").iterdir()}
    assert zips == needed
    folders = {path.name for path in (code / "code").iterdir()}
    assert folders == {path.stem for path in (code / "zips").iterdir()}
    for path in (code / "code").iterdir():
        assert (path / "app.py").is_file(), f"{path} is not complete"
    assert not list((code / "opt").iterdir())
    assert not list((code / "tmp").iterdir())


def invoke_one(server: RunningServer, found: dict[str, State], chance: random.Random) -> None:
    """Run one of the functions and see that it is the code that was acknowledged."""
    names = [key.partition("/")[2] for key in found if key.startswith("function/")]
    if names:
        name = chance.choice(names)
        state = found[f"function/{name}"]
        assert state is not None
        qualifier = chance.choice(["$LATEST", *state["versions"], *state["aliases"]])
        answer = server.client("lambda").invoke(FunctionName=name, Qualifier=qualifier)
        value = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, value
        number = state["aliases"].get(qualifier, qualifier)
        assert answer["ExecutedVersion"] == number
        code = state["code"] if number == "$LATEST" else state["versions"][number][0]
        assert digest(value) == code


@pytest.mark.timeout(600)
def test_what_was_acknowledged_survives_50_kills_and_nothing_else_is_there(
    tmp_path: Path,
) -> None:
    print(f"seed {SEED}: run with LAMBENT_TEST_SEED={SEED} to have it again")
    chance = random.Random(SEED)
    traces = Traces(tmp_path)
    writers = [Writer(number, random.Random(SEED + 1 + number)) for number in range(WRITERS)]
    server = RunningServer(tmp_path / "data", ("--parked", "1")).start()
    began = time.monotonic()
    rounds = 0
    try:
        for rounds in range(1, ROUNDS + 1):
            assert time.monotonic() - began < TIME_MAX_S, f"only {rounds} rounds in time"
            threads = begin_writing(server, writers, chance)
            traces.watch(server)
            server.kill()
            end_writing(writers, threads)
            server.start()
            found = look(server)
            for writer in writers:
                writer.settle(found)
            known = {key for writer in writers for key in writer.resources()}
            assert set(found) <= known, set(found) - known
            assert_no_stray_files(server.data_dir, found)
            if rounds % 2 == 0:
                invoke_one(server, found, chance)
        traces.watch(server)
        assert server.stop() == 0, server.log()
    finally:
        server.kill()
        print(f"{rounds} rounds, {sum(writer.done for writer in writers)} writes acknowledged")
    assert "fault" not in server.log(), server.log()[-3_000:]
    traces.assert_none()


def begin_writing(
    server: RunningServer, writers: list[Writer], chance: random.Random
) -> list[threading.Thread]:
    """Returns at a random instant of what the writers do."""
    clients = {name: server.client(name) for name in ("lambda", "iam", "logs")}
    threads = [threading.Thread(target=writer.run, args=(clients,)) for writer in writers]
    for thread in threads:
        thread.start()
    # The random instant itself: this wait is what is tested.
    time.sleep(chance.random() ** 2 * RUN_S_MAX)
    return threads


def end_writing(writers: list[Writer], threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a client still waits for a server that is gone"
    for writer in writers:
        assert not writer.failure, writer.failure


def test_sigterm_amid_writes_ends_well_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """Writes under way are finished or refused; nothing is logged as a fault."""
    chance = random.Random(SEED)
    traces = Traces(tmp_path)
    writers = [Writer(number, random.Random(SEED + 1 + number)) for number in range(WRITERS)]
    server = RunningServer(tmp_path / "data", ("--parked", "1")).start()
    try:
        for _ in range(8):
            threads = begin_writing(server, writers, chance)
            traces.watch(server)
            assert server.stop() == 0, server.log()
            end_writing(writers, threads)
            server.start()
            found = look(server)
            for writer in writers:
                writer.settle(found)
            assert_no_stray_files(server.data_dir, found)
        assert server.stop() == 0
    finally:
        server.kill()
    assert "fault" not in server.log(), server.log()[-3_000:]
    assert "Traceback" not in server.log(), server.log()[-3_000:]
    traces.assert_none()
