"""`kill -9` while configurations are written: what was acknowledged is there, and nothing else is.

Event-invoke and recursion configs of one function, event source mappings and their tags. The write
that was under way at the kill may have happened or not.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import EndpointConnectionError, HTTPClientError

from tests.conftest import RunningServer

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20262"))
ROUNDS = 20
RUN_S_MAX = 0.4
FUNCTION = "configs-crash"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:configs-crash-"
SOURCES = ("a", "b", "c")
State = dict[str, Any]


@dataclass
class Writer:
    """One thread's knowledge of what is there."""

    chance: random.Random
    state: State = field(default_factory=lambda: {"recursion": "Terminate"})
    under_way: State | None = None
    """The state if the write that was not answered has happened."""
    uuids: dict[str, str] = field(default_factory=dict)
    done: int = 0
    failure: str = ""

    def run(self, client: Any) -> None:
        """Write until the server is gone."""
        try:
            while True:
                call, self.under_way = self.choose(client)
                call()
                self.state, self.under_way = self.under_way, None
                self.done += 1
        except (EndpointConnectionError, HTTPClientError):
            return
        except Exception as error:
            self.failure = repr(error)

    def choose(self, client: Any) -> tuple[Callable[[], Any], State]:
        number = self.chance.randrange(1, 11)
        kind = self.chance.choice(("recursion", "event-invoke", "mapping", "mapping", "mapping"))
        if kind == "recursion":
            value = self.chance.choice(("Allow", "Terminate"))
            return (
                lambda: client.put_function_recursion_config(
                    FunctionName=FUNCTION, RecursiveLoop=value
                ),
                {**self.state, "recursion": value},
            )
        if kind == "event-invoke":
            if "age" in self.state and number == 1:
                left = {key: value for key, value in self.state.items() if key != "age"}
                return lambda: client.delete_function_event_invoke_config(
                    FunctionName=FUNCTION
                ), left
            age_s = number * 60
            return (
                lambda: client.put_function_event_invoke_config(
                    FunctionName=FUNCTION, MaximumEventAgeInSeconds=age_s
                ),
                {**self.state, "age": age_s},
            )
        return self.mapping_step(client, self.chance.choice(SOURCES), number)

    def mapping_step(
        self, client: Any, source: str, number: int
    ) -> tuple[Callable[[], Any], State]:
        mapping = self.state.get(source)
        if mapping is None:

            def create() -> None:
                self.uuids[source] = client.create_event_source_mapping(
                    FunctionName=FUNCTION,
                    EventSourceArn=f"{QUEUE}{source}",
                    BatchSize=number,
                    Tags={"first": str(number)},
                )["UUID"]

            made = {"batch": number, "enabled": True, "tags": {"first": str(number)}}
            return create, {**self.state, source: made}
        key = self.uuids[source]
        match self.chance.choice(("size", "switch", "tag", "delete")):
            case "size":
                return (
                    lambda: client.update_event_source_mapping(UUID=key, BatchSize=number),
                    {**self.state, source: {**mapping, "batch": number}},
                )
            case "switch":
                return (
                    lambda: client.update_event_source_mapping(
                        UUID=key, Enabled=not mapping["enabled"]
                    ),
                    {**self.state, source: {**mapping, "enabled": not mapping["enabled"]}},
                )
            case "tag":
                arn = f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{key}"
                tags = {**mapping["tags"], "last": str(number)}
                return (
                    lambda: client.tag_resource(Resource=arn, Tags={"last": str(number)}),
                    {**self.state, source: {**mapping, "tags": tags}},
                )
            case _:
                left = {key: value for key, value in self.state.items() if key != source}
                return lambda: client.delete_event_source_mapping(UUID=key), left

    def settle(self, client: Any) -> None:
        """What is there is one of the two states that are allowed; it counts from now on."""
        there = look(client, self.uuids)
        allowed = [self.state] if self.under_way is None else [self.state, self.under_way]
        assert there in allowed, f"seed {SEED}: {there} is not one of {allowed}"
        self.state, self.under_way = there, None


def look(client: Any, uuids: dict[str, str]) -> State:
    """Everything that the server has; `uuids` learns the ids of the mappings."""
    found: State = {
        "recursion": client.get_function_recursion_config(FunctionName=FUNCTION)["RecursiveLoop"]
    }
    for one in client.list_function_event_invoke_configs(FunctionName=FUNCTION)[
        "FunctionEventInvokeConfigs"
    ]:
        found["age"] = one["MaximumEventAgeInSeconds"]
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        source = mapping["EventSourceArn"].removeprefix(QUEUE)
        assert source not in found, "there are two mappings of one source"
        uuids[source] = mapping["UUID"]
        found[source] = {
            "batch": mapping["BatchSize"],
            "enabled": {"Enabled": True, "Disabled": False}[mapping["State"]],
            "tags": client.list_tags(Resource=mapping["EventSourceMappingArn"])["Tags"],
        }
    return found


def test_configurations_survive_20_kills_as_they_were_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    writer = Writer(random.Random(SEED + 1))
    server = RunningServer(tmp_path / "data", ("--parked", "0"))
    try:
        server.start()
        server.create(FUNCTION, "def handler(event, context): return event")
        for source in SOURCES:
            name = f"{QUEUE}{source}".rpartition(":")[2]
            server.client("sqs").create_queue(QueueName=name)
        for _ in range(ROUNDS):
            thread = threading.Thread(target=writer.run, args=(server.client("lambda"),))
            thread.start()
            time.sleep(chance.uniform(0.02, RUN_S_MAX))
            server.kill()
            thread.join(120)
            assert not writer.failure, f"seed {SEED}: {writer.failure}"
            server.start()
            writer.settle(server.client("lambda"))
        assert writer.done > ROUNDS
        print(f"{writer.done} writes acknowledged in {ROUNDS} rounds, all there")
    finally:
        server.kill()
