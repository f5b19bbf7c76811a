"""Any sequence of operations on configs and mappings of one function against a small model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.domain.errors import LambdaError
from tests.control.scene import Scene, play

NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ResourceConflictException"
INVALID = "InvalidParameterValueException"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:"

qualifiers = st.sampled_from(["$LATEST", "1", "live"])
queues = st.sampled_from(["a", "b"])
steps = st.one_of(
    st.tuples(st.just("create")),
    st.tuples(st.just("create")),
    st.tuples(st.just("publish")),
    st.tuples(st.just("unpublish")),
    st.tuples(st.just("alias")),
    st.tuples(st.just("unalias")),
    st.tuples(st.just("delete")),
    st.tuples(st.just("put"), qualifiers, st.integers(0, 2) | st.none(), st.integers(60, 61)),
    st.tuples(st.just("change"), qualifiers, st.integers(0, 2)),
    st.tuples(st.just("remove"), qualifiers),
    st.tuples(st.just("loop"), st.sampled_from(["Allow", "Terminate"])),
    st.tuples(st.just("map"), queues, st.none() | qualifiers, st.integers(1, 12)),
    st.tuples(st.just("resize"), queues, st.none() | qualifiers, st.integers(1, 12)),
    st.tuples(st.just("switch"), queues, st.none() | qualifiers, st.booleans()),
    st.tuples(st.just("unmap"), queues, st.none() | qualifiers),
    st.tuples(st.just("restart")),
)
Key = tuple[str, str | None]
"""Queue and qualifier of a mapping."""


@dataclass
class Model:
    """What should be there."""

    there: set[str] = field(default_factory=set)
    """The qualifiers of the function `f`; empty where there is none."""
    configs: dict[str, tuple[int | None, int]] = field(default_factory=dict)
    """Qualifier → retries and age."""
    loop: str = "Terminate"
    mappings: dict[Key, tuple[int, bool]] = field(default_factory=dict)
    """Batch size, and whether it is enabled. A mapping outlives its function."""

    def create(self) -> str | None:
        if self.there:
            return CONFLICT
        self.there = {"$LATEST"}
        return None

    def publish(self) -> str | None:
        if not self.there:
            return NOT_FOUND
        self.there.add("1")
        return None

    def unpublish(self) -> str | None:
        if not self.there:
            return NOT_FOUND
        self.there.discard("1")
        self.configs.pop("1", None)
        return None

    def alias(self) -> str | None:
        if not self.there:
            return NOT_FOUND
        if "live" in self.there:
            return CONFLICT
        self.there.add("live")
        return None

    def unalias(self) -> str | None:
        if not self.there:
            return NOT_FOUND
        self.there.discard("live")
        self.configs.pop("live", None)
        return None

    def delete(self) -> str | None:
        if not self.there:
            return NOT_FOUND
        self.there, self.configs, self.loop = set(), {}, "Terminate"
        return None

    def put(self, qualifier: str, retries: int | None, age_s: int) -> str | None:
        if qualifier not in self.there:
            return NOT_FOUND
        self.configs[qualifier] = (retries, age_s)
        return None

    def change(self, qualifier: str, retries: int) -> str | None:
        if qualifier not in self.configs:
            return NOT_FOUND
        self.configs[qualifier] = (retries, self.configs[qualifier][1])
        return None

    def remove(self, qualifier: str) -> str | None:
        return None if self.configs.pop(qualifier, None) else NOT_FOUND

    def set_loop(self, value: str) -> str | None:
        if not self.there:
            return NOT_FOUND
        self.loop = value
        return None

    def map(self, queue: str, qualifier: str | None, size: int) -> str | None:
        if (qualifier or "$LATEST") not in self.there or size > 10:
            return INVALID
        if (queue, qualifier) in self.mappings:
            return CONFLICT
        self.mappings[queue, qualifier] = (size, True)
        return None

    def resize(self, queue: str, qualifier: str | None, size: int) -> str | None:
        if size > 10:
            return INVALID
        self.mappings[queue, qualifier] = (size, self.mappings[queue, qualifier][1])
        return None

    def switch(self, queue: str, qualifier: str | None, enabled: bool) -> None:
        self.mappings[queue, qualifier] = (self.mappings[queue, qualifier][0], enabled)

    def unmap(self, queue: str, qualifier: str | None) -> None:
        del self.mappings[queue, qualifier]


async def perform(scene: Scene, step: tuple[Any, ...], uuids: dict[Key, str]) -> None:
    """The same on Lambent. Raises LambdaError."""
    kind, *arguments = step
    named: dict[str, Any] = {"FunctionName": "f"}
    match kind, arguments:
        case "create", _:
            await scene.create()
        case "publish", _:
            await scene.call("PublishVersion", **named)
        case "unpublish", _:
            await scene.call("DeleteFunction", **named, Qualifier="1")
        case "alias", _:
            await scene.call("CreateAlias", **named, Name="live", FunctionVersion="$LATEST")
        case "unalias", _:
            await scene.call("DeleteAlias", **named, Name="live")
        case "delete", _:
            await scene.call("DeleteFunction", **named)
        case "put", [qualifier, retries, age_s]:
            given = {} if retries is None else {"MaximumRetryAttempts": retries}
            await scene.call(
                "PutFunctionEventInvokeConfig",
                **named,
                Qualifier=qualifier,
                MaximumEventAgeInSeconds=age_s,
                **given,
            )
        case "change", [qualifier, retries]:
            await scene.call(
                "UpdateFunctionEventInvokeConfig",
                **named,
                Qualifier=qualifier,
                MaximumRetryAttempts=retries,
            )
        case "remove", [qualifier]:
            await scene.call("DeleteFunctionEventInvokeConfig", **named, Qualifier=qualifier)
        case "loop", [value]:
            await scene.call("PutFunctionRecursionConfig", **named, RecursiveLoop=value)
        case "map", [queue, qualifier, size]:
            answer = await scene.call(
                "CreateEventSourceMapping",
                FunctionName="f" if qualifier is None else f"f:{qualifier}",
                EventSourceArn=QUEUE + queue,
                BatchSize=size,
            )
            uuids[queue, qualifier] = answer["UUID"]
        case "resize", [queue, qualifier, size]:
            key = uuids[queue, qualifier]
            await scene.call("UpdateEventSourceMapping", UUID=key, BatchSize=size)
        case "switch", [queue, qualifier, enabled]:
            key = uuids[queue, qualifier]
            await scene.call("UpdateEventSourceMapping", UUID=key, Enabled=enabled)
        case "unmap", [queue, qualifier]:
            await scene.call("DeleteEventSourceMapping", UUID=uuids.pop((queue, qualifier)))


async def look(scene: Scene) -> Model:
    """What Lambent has."""
    found = Model()
    mappings = await scene.call("ListEventSourceMappings")
    for one in mappings["EventSourceMappings"]:
        _, _, qualifier = one["FunctionArn"].partition(":function:")[2].partition(":")
        key = (one["EventSourceArn"].removeprefix(QUEUE), qualifier or None)
        assert key not in found.mappings
        found.mappings[key] = (one["BatchSize"], one["State"] == "Enabled")
    if "f" not in scene.control.registry.functions:
        return found
    found.there = {"$LATEST", *scene.control.registry.functions["f"].versions}
    for alias in (await scene.call("ListAliases", FunctionName="f"))["Aliases"]:
        found.there.add(alias["Name"])
    configs = await scene.call("ListFunctionEventInvokeConfigs", FunctionName="f")
    for one in configs["FunctionEventInvokeConfigs"]:
        qualifier = one["FunctionArn"].rpartition(":")[2]
        age_s = one["MaximumEventAgeInSeconds"]
        found.configs[qualifier] = (one.get("MaximumRetryAttempts"), age_s)
    loop = await scene.call("GetFunctionRecursionConfig", FunctionName="f")
    found.loop = loop["RecursiveLoop"]
    return found


@settings(max_examples=60)
@given(st.lists(steps, max_size=40))
def test_configs_are_what_a_small_model_says(sequence: list[tuple[Any, ...]]) -> None:
    model, uuids = Model(), {}
    published = False

    async def act(scene: Scene) -> None:
        nonlocal published
        assert await look(scene) == model
        while sequence:
            step = sequence.pop(0)
            kind, *arguments = step
            if kind == "restart":
                return
            if kind in ("resize", "switch", "unmap") and tuple(arguments[:2]) not in uuids:
                continue
            if kind == "publish" and published:
                continue  # its number would not be 1 again
            published = published or (kind == "publish" and bool(model.there))
            expected = getattr(model, "set_loop" if kind == "loop" else kind)(*arguments)
            try:
                await perform(scene, step, uuids)
                refused = None
            except LambdaError as error:
                refused = error.code
            assert refused == expected, step
            assert await look(scene) == model, step

    with tempfile.TemporaryDirectory() as folder:
        while True:
            play(Path(folder), act)
            if not sequence:
                break
