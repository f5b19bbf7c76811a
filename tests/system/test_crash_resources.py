"""`kill -9` at any instant while everything that hangs on functions is written: exactly what was
acknowledged is there.

Each writer has a function of its own and one *thing* of each kind on it, whose state is a number or
None. A step sets the number, or takes the thing away. The step that was under way at the kill may
have happened or not; every other thing must be as it was answered.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.conftest import RunningServer
from tests.system.host import Traces

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20262"))
ROUNDS = 30
WRITERS = 4
RUN_S_MAX = 0.6
TRUST = '{"Version": "2012-10-17", "Statement": []}'
ACCOUNT_ARN = "arn:aws:lambda:us-east-1:000000000000"
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:q"
NAMED_ERRORS = frozenset(
    {
        "ResourceNotFoundException",
        "ProvisionedConcurrencyConfigNotFoundException",
        "NoSuchEntity",
    }
)

Clients = dict[str, Any]
Number = int | None


@dataclass(frozen=True)
class Thing:
    """How one kind of thing is set to a number, taken away, and read."""

    kind: str
    put: Callable[[Clients, str, int, bool], Any]
    """Clients, function, number, whether it is there."""
    take_away: Callable[[Clients, str], Any] | None
    look: Callable[[Clients, str], Number]
    numbers: tuple[int, ...] = tuple(range(1, 60))


def missing_is_none(look: Callable[[Clients, str], Number]) -> Callable[[Clients, str], Number]:
    def looked(clients: Clients, name: str) -> Number:
        try:
            return look(clients, name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in NAMED_ERRORS:
                raise
            return None

    return looked


def put_alias(clients: Clients, name: str, number: int, there: bool) -> None:
    call = clients["lambda"].update_alias if there else clients["lambda"].create_alias
    call(FunctionName=name, Name="changing", FunctionVersion="1", Description=str(number))


def put_weight(clients: Clients, name: str, number: int, there: bool) -> None:
    call = clients["lambda"].update_alias if there else clients["lambda"].create_alias
    weights = {"AdditionalVersionWeights": {"2": number / 100}}
    call(FunctionName=name, Name="weighted", FunctionVersion="1", RoutingConfig=weights)


def look_at_weight(clients: Clients, name: str) -> Number:
    alias = clients["lambda"].get_alias(FunctionName=name, Name="weighted")
    return round(alias["RoutingConfig"]["AdditionalVersionWeights"]["2"] * 100)


def put_mapping(clients: Clients, name: str, number: int, there: bool) -> None:
    if there:
        uuid = mapping(clients, name)["UUID"]
        clients["lambda"].update_event_source_mapping(UUID=uuid, BatchSize=number)
        return
    clients["lambda"].create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=QUEUE_ARN,
        BatchSize=number,
        MaximumBatchingWindowInSeconds=1,
    )


def mapping(clients: Clients, name: str) -> Any:
    found = clients["lambda"].list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    return found[0] if found else None


def look_at_mapping(clients: Clients, name: str) -> Number:
    found = mapping(clients, name)
    return None if found is None else int(found["BatchSize"])


def drop_mapping(clients: Clients, name: str) -> None:
    clients["lambda"].delete_event_source_mapping(UUID=mapping(clients, name)["UUID"])


def put_url(clients: Clients, name: str, number: int, there: bool) -> None:
    call = (
        clients["lambda"].update_function_url_config
        if there
        else clients["lambda"].create_function_url_config
    )
    call(FunctionName=name, AuthType="NONE", Cors={"MaxAge": number})


def put_permission(clients: Clients, name: str, number: int, there: bool) -> None:
    if there:
        clients["lambda"].remove_permission(FunctionName=name, StatementId="changing")
        return
    clients["lambda"].add_permission(
        FunctionName=name,
        StatementId="changing",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::bucket{number}",
    )


def look_at_permission(clients: Clients, name: str) -> Number:
    policy = json.loads(clients["lambda"].get_policy(FunctionName=name)["Policy"])
    (statement,) = policy["Statement"]
    return int(
        statement["Condition"]["ArnLike"]["AWS:SourceArn"].removeprefix("arn:aws:s3:::bucket")
    )


def put_user(clients: Clients, name: str, number: int, there: bool) -> None:
    if not there:
        clients["iam"].create_user(UserName=name, Tags=[{"Key": "n", "Value": str(number)}])
    else:
        clients["iam"].tag_user(UserName=name, Tags=[{"Key": "n", "Value": str(number)}])


def look_at_user(clients: Clients, name: str) -> Number:
    tags = clients["iam"].list_user_tags(UserName=name)["Tags"]
    return int(tags[0]["Value"])


def put_provisioned(clients: Clients, name: str, number: int, there: bool) -> None:
    clients["lambda"].put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=number
    )


def put_signing(clients: Clients, name: str, number: int, there: bool) -> None:
    profile = f"arn:aws:signer:us-east-1:000000000000:/signing-profiles/{name}/AbCdEfGh12"
    if there:
        arn = signing(clients, name)["CodeSigningConfigArn"]
        clients["lambda"].update_code_signing_config(
            CodeSigningConfigArn=arn, Description=f"{name} {number}"
        )
        return
    clients["lambda"].create_code_signing_config(
        Description=f"{name} {number}", AllowedPublishers={"SigningProfileVersionArns": [profile]}
    )


def signing(clients: Clients, name: str) -> Any:
    pages = clients["lambda"].get_paginator("list_code_signing_configs").paginate()
    found = [
        one
        for page in pages
        for one in page["CodeSigningConfigs"]
        if one["Description"].startswith(f"{name} ")
    ]
    return found[0] if found else None


def look_at_signing(clients: Clients, name: str) -> Number:
    found = signing(clients, name)
    return None if found is None else int(found["Description"].partition(" ")[2])


def drop_signing(clients: Clients, name: str) -> None:
    arn = signing(clients, name)["CodeSigningConfigArn"]
    clients["lambda"].delete_code_signing_config(CodeSigningConfigArn=arn)


THINGS = (
    Thing(
        "alias",
        put_alias,
        lambda c, n: c["lambda"].delete_alias(FunctionName=n, Name="changing"),
        lambda c, n: int(c["lambda"].get_alias(FunctionName=n, Name="changing")["Description"]),
    ),
    Thing(
        "weights",
        put_weight,
        lambda c, n: c["lambda"].delete_alias(FunctionName=n, Name="weighted"),
        look_at_weight,
    ),
    Thing(
        "event-invoke config",
        lambda c, n, number, _: c["lambda"].put_function_event_invoke_config(
            FunctionName=n, MaximumEventAgeInSeconds=number + 60
        ),
        lambda c, n: c["lambda"].delete_function_event_invoke_config(FunctionName=n),
        lambda c, n: (
            c["lambda"].get_function_event_invoke_config(FunctionName=n)["MaximumEventAgeInSeconds"]
            - 60
        ),
    ),
    Thing("mapping", put_mapping, drop_mapping, look_at_mapping),
    Thing(
        "reserved concurrency",
        lambda c, n, number, _: c["lambda"].put_function_concurrency(
            FunctionName=n, ReservedConcurrentExecutions=number
        ),
        lambda c, n: c["lambda"].delete_function_concurrency(FunctionName=n),
        lambda c, n: (
            c["lambda"].get_function_concurrency(FunctionName=n).get("ReservedConcurrentExecutions")
        ),
        numbers=tuple(range(5, 60)),  # no less than what is provisioned
    ),
    Thing(
        "provisioned concurrency",
        put_provisioned,
        lambda c, n: c["lambda"].delete_provisioned_concurrency_config(
            FunctionName=n, Qualifier="1"
        ),
        lambda c, n: c["lambda"].get_provisioned_concurrency_config(FunctionName=n, Qualifier="1")[
            "RequestedProvisionedConcurrentExecutions"
        ],
        numbers=(1, 2),
    ),
    Thing(
        "url",
        put_url,
        lambda c, n: c["lambda"].delete_function_url_config(FunctionName=n),
        lambda c, n: c["lambda"].get_function_url_config(FunctionName=n)["Cors"]["MaxAge"],
    ),
    Thing(
        "permission",
        put_permission,
        lambda c, n: c["lambda"].remove_permission(FunctionName=n, StatementId="changing"),
        look_at_permission,
    ),
    Thing(
        "recursion config",
        lambda c, n, number, _: c["lambda"].put_function_recursion_config(
            FunctionName=n, RecursiveLoop=("Allow", "Terminate")[number]
        ),
        None,
        lambda c, n: ("Allow", "Terminate").index(
            c["lambda"].get_function_recursion_config(FunctionName=n)["RecursiveLoop"]
        ),
        numbers=(0, 1),
    ),
    Thing(
        "user",
        put_user,
        lambda c, n: c["iam"].delete_user(UserName=n),
        look_at_user,
    ),
    Thing("code signing config", put_signing, drop_signing, look_at_signing),
)


@dataclass
class Writer:
    """One thread and its function: the numbers as acknowledged, and the step under way."""

    name: str
    chance: random.Random
    numbers: dict[str, Number] = field(default_factory=dict)
    under_way: tuple[str, Number] | None = None
    failure: str = ""
    done: int = 0
    history: list[str] = field(default_factory=list)

    def run(self, clients: Clients) -> None:
        """Write until the server is gone."""
        while True:
            thing = self.chance.choice(THINGS)
            before = self.numbers.get(thing.kind)
            after: Number = self.chance.choice(thing.numbers)
            if before is not None and thing.take_away and self.chance.random() < 0.4:
                after = None
            if thing.kind == "permission" and before is not None:
                after = None  # a statement cannot be changed
            self.under_way = (thing.kind, after)
            self.history.append(f"{thing.kind}: {before} → {after}")
            try:
                if after is None and thing.take_away:
                    thing.take_away(clients, self.name)
                elif after is not None:
                    thing.put(clients, self.name, after, before is not None)
            except (EndpointConnectionError, HTTPClientError):
                return
            except ClientError as error:
                self.failure = f"{self.history[-1]}: {error}"
                return
            self.numbers[thing.kind] = after
            self.under_way = None
            self.done += 1

    def settle(self, clients: Clients) -> None:
        """Compare with what is there; that is what counts from now on."""
        for thing in THINGS:
            there = missing_is_none(thing.look)(clients, self.name)
            known = self.numbers.get(thing.kind)
            allowed = [known]
            if self.under_way is not None and self.under_way[0] == thing.kind:
                allowed.append(self.under_way[1])
            told = f"{thing.kind} of {self.name} is {there}, not one of {allowed}"
            assert there in allowed, f"{told}; last steps: {self.history[-8:]}"
            self.numbers[thing.kind] = there
        self.under_way = None


def make_function(server: RunningServer, writer: Writer) -> None:
    """The writer's function, with two versions, and its things as they are at first."""
    client = server.create(writer.name, "def handler(event, context):\n    return 1\n")
    client.publish_version(FunctionName=writer.name)
    client.update_function_configuration(FunctionName=writer.name, Description="second")
    client.publish_version(FunctionName=writer.name)
    server.client("sqs").create_queue(QueueName=QUEUE_ARN.rpartition(":")[2])
    clients = clients_of(server)
    for thing in THINGS:
        writer.numbers[thing.kind] = missing_is_none(thing.look)(clients, writer.name)


def clients_of(server: RunningServer) -> Clients:
    return {name: server.client(name) for name in ("lambda", "iam")}


@pytest.mark.timeout(600)
def test_what_hangs_on_functions_is_after_30_kills_as_it_was_acknowledged(tmp_path: Path) -> None:
    print(f"seed {SEED}: run with LAMBENT_TEST_SEED={SEED} to have it again")
    chance = random.Random(SEED)
    traces = Traces(tmp_path)
    writers = [Writer(f"things{n}", random.Random(SEED + 1 + n)) for n in range(WRITERS)]
    server = RunningServer(tmp_path / "data", ("--parked", "1")).start()
    try:
        for writer in writers:
            make_function(server, writer)
        for _ in range(ROUNDS):
            clients = clients_of(server)
            threads = [threading.Thread(target=one.run, args=(clients,)) for one in writers]
            for thread in threads:
                thread.start()
            time.sleep(chance.random() * RUN_S_MAX)  # the random instant is what is tested
            traces.watch(server)
            server.kill()
            for thread in threads:
                thread.join(120)
            for writer in writers:
                assert not writer.failure, writer.failure
            server.start()
            for writer in writers:
                writer.settle(clients_of(server))
        traces.watch(server)
        assert server.stop() == 0, server.log()
    finally:
        server.kill()
        print(f"{sum(writer.done for writer in writers)} writes acknowledged")
    assert "fault" not in server.log(), server.log()[-3_000:]
    traces.assert_none()
