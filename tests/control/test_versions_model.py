"""Any sequence of operations on a function, its versions and its aliases against a small model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.control.testing import make_zip
from lambent.domain.errors import LambdaError
from tests.control.scene import Scene, play

CODES = [make_zip({"app.py": f"# {number}"}) for number in range(2)]
NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ResourceConflictException"
INVALID = "InvalidParameterValueException"

numbers = st.integers(1, 4)
targets = st.one_of(st.just("$LATEST"), numbers.map(str))
aliases = st.sampled_from(["blue", "green"])
steps = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("code"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("configure"), st.sampled_from([128, 256])),
    st.tuples(st.just("publish")),
    st.tuples(st.just("publish")),
    st.tuples(st.just("drop"), numbers),
    st.tuples(st.just("publish")),
    st.tuples(st.just("drop"), numbers),
    st.tuples(st.just("delete")),
    st.tuples(st.just("alias"), aliases, targets, st.none() | numbers.map(str)),
    st.tuples(st.just("move"), aliases, targets, st.none() | numbers.map(str)),
    st.tuples(st.just("unalias"), aliases),
    st.tuples(st.just("restart")),
)


@dataclass
class Model:
    """What should be there of the one function `f`."""

    latest: tuple[int, int] | None = None
    """Code and memory; None where the function is not there."""
    versions: dict[str, tuple[int, int]] = field(default_factory=dict)
    aliases: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    newest: int = 0

    def perform(self, step: tuple[Any, ...]) -> str | None:
        """Change, or say with which error it is refused."""
        kind, *arguments = step
        if kind == "create":
            if self.latest is not None:
                return CONFLICT
            code, publish = arguments
            self.latest = (code, 128)
            if publish:
                self.publish()
            return None
        if self.latest is None:
            return NOT_FOUND
        refusal: str | None = getattr(self, kind)(*arguments)
        return refusal

    def code(self, code: int, publish: bool) -> None:
        assert self.latest is not None
        self.latest = (code, self.latest[1])
        if publish:
            self.publish()

    def configure(self, memory_mib: int) -> None:
        assert self.latest is not None
        self.latest = (self.latest[0], memory_mib)

    def publish(self) -> None:
        assert self.latest is not None
        if self.versions.get(str(self.newest)) != self.latest:
            self.newest += 1
            self.versions[str(self.newest)] = self.latest

    def drop(self, number: int) -> str | None:
        if str(number) not in self.versions:
            return None
        if any(str(number) in used for used in self.aliases.values()):
            return CONFLICT
        del self.versions[str(number)]
        return None

    def delete(self) -> None:
        self.latest = None
        self.versions.clear()
        self.aliases.clear()

    def alias(self, name: str, target: str, second: str | None) -> str | None:
        refusal = self.check(target, second)
        if refusal is None and name in self.aliases:
            refusal = CONFLICT
        if refusal is None:
            self.aliases[name] = (target, second)
        return refusal

    def move(self, name: str, target: str, second: str | None) -> str | None:
        if name not in self.aliases:
            return NOT_FOUND
        refusal = self.check(target, second)
        if refusal is None:
            self.aliases[name] = (target, second)
        return refusal

    def check(self, target: str, second: str | None) -> str | None:
        if target != "$LATEST" and target not in self.versions:
            return NOT_FOUND
        if second is None:
            return None
        if second == target or target == "$LATEST":
            return INVALID
        return None if second in self.versions else NOT_FOUND

    def unalias(self, name: str) -> None:
        self.aliases.pop(name, None)


async def perform(scene: Scene, step: tuple[Any, ...]) -> str | None:
    """The same on Lambent; the code of its refusal."""
    kind, *arguments = step
    function = {"FunctionName": "f"}
    try:
        match kind:
            case "create":
                code, publish = arguments
                await scene.create(Code={"ZipFile": CODES[code]}, Publish=publish)
            case "code":
                code, publish = arguments
                await scene.call(
                    "UpdateFunctionCode", **function, ZipFile=CODES[code], Publish=publish
                )
            case "configure":
                (memory_mib,) = arguments
                await scene.call("UpdateFunctionConfiguration", **function, MemorySize=memory_mib)
            case "publish":
                await scene.call("PublishVersion", **function)
            case "drop":
                await scene.call("DeleteFunction", **function, Qualifier=str(arguments[0]))
            case "delete":
                await scene.call("DeleteFunction", **function)
            case "unalias":
                await scene.call("DeleteAlias", **function, Name=arguments[0])
            case _:
                name, target, second = arguments
                weights = {} if second is None else {second: 0.5}
                await scene.call(
                    "CreateAlias" if kind == "alias" else "UpdateAlias",
                    **function,
                    Name=name,
                    FunctionVersion=target,
                    RoutingConfig={"AdditionalVersionWeights": weights},
                )
    except LambdaError as error:
        return error.code
    return None


async def assert_same(scene: Scene, model: Model) -> None:
    registry, files = scene.control.registry, scene.control.files
    assert registry.version_numbers.get("f", 0) == model.newest
    if model.latest is None:
        assert "f" not in registry.functions
        assert not list(files.root.glob("code/*"))
        return
    function = registry.functions["f"]
    sizes = [len(code) for code in CODES]
    for version in function.every_version():
        found = files.zip_path(version.code.digest).read_bytes()
        expected = {"$LATEST": model.latest, **model.versions}[version.version]
        assert (CODES.index(found), version.memory_mib) == expected
        assert version.code.size_bytes == sizes[expected[0]]
    assert function.versions.keys() == model.versions.keys()
    listed = (await scene.call("ListAliases", FunctionName="f"))["Aliases"]
    assert {
        one["Name"]: (
            one["FunctionVersion"],
            next(iter(one.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})), None),
        )
        for one in listed
    } == model.aliases
    needed = {version.code.digest for version in function.every_version()}
    assert {path.name for path in files.root.glob("code/*")} == needed


BEGINNING: list[tuple[Any, ...]] = [
    ("create", 0, True),
    ("configure", 256),
    ("publish",),
    ("code", 1, True),
    ("alias", "blue", "1", "2"),
]
"""Most of what can go wrong needs some versions and an alias."""


@settings(max_examples=40)
@given(st.lists(steps, min_size=10, max_size=30))
def test_operations_do_what_the_model_says(sequence: list[tuple[Any, ...]]) -> None:
    model = Model()

    async def until_restart(scene: Scene) -> None:
        await assert_same(scene, model)
        while sequence:
            step = sequence.pop(0)
            if step[0] == "restart":
                return
            assert await perform(scene, step) == model.perform(step), step
            await assert_same(scene, model)

    with tempfile.TemporaryDirectory() as folder:
        sequence = [*BEGINNING, *sequence]
        play(Path(folder), until_restart)
        while sequence:
            play(Path(folder), until_restart)
