"""Aliases through unmodified boto3: routing by weight, and every modelled error.

Shapes and texts are pinned in tests/control/test_aliases.py.
"""

from __future__ import annotations

import http.client
import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambent.domain import limits
from tests.api.test_versions import create, run
from tests.conftest import RunningServer

CANNOT_OCCUR: dict[tuple[str, str], str] = {}

CHANCE_OF_A_WRONG_ALARM = 1e-9


def publish_two(api: Any, name: str) -> None:
    create(api, name, "first", Publish=True)
    api.update_function_configuration(FunctionName=name, Description="second")
    assert api.publish_version(FunctionName=name)["Version"] == "2"


def log_tail(count: int, probability: float, low: int, high: int) -> float:
    """Chance that so many tries succeed less than `low` or more than `high` times: exact."""
    total = 0.0
    for k in [*range(low), *range(high + 1, count + 1)]:
        log = (
            math.lgamma(count + 1)
            - math.lgamma(k + 1)
            - math.lgamma(count - k + 1)
            + k * math.log(probability)
            + (count - k) * math.log(1 - probability)
        )
        total += math.exp(log)
    return total


def bounds(count: int, probability: float) -> tuple[int, int]:
    """The narrowest symmetric range that a right server leaves with less than that chance."""
    mean, width = round(count * probability), 0
    while log_tail(count, probability, mean - width, mean + width) > CHANCE_OF_A_WRONG_ALARM:
        width += 1
    return mean - width, mean + width


def executed_versions(server: RunningServer, path: str, count: int) -> Counter[str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    seen: Counter[str] = Counter()
    for _ in range(count):
        connection.request("POST", path, b"{}")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        seen[answer.headers["x-amz-executed-version"]] += 1
    connection.close()
    return seen


@pytest.mark.parametrize("weight", [0.2, 0.5])
def test_calls_are_shared_out_by_weight(api: Any, server: RunningServer, weight: float) -> None:
    name, count = f"aliases-weights-{int(weight * 10)}", 2000
    publish_two(api, name)
    api.create_alias(
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": weight}},
    )
    path = f"/2015-03-31/functions/{name}/invocations?Qualifier=live"
    seen = executed_versions(server, path, count)
    low, high = bounds(count, weight)
    assert seen["1"] + seen["2"] == count
    assert low <= seen["2"] <= high, (low, high, seen)


def test_an_alias_leads_to_its_version(api: Any) -> None:
    name = "aliases-lead"
    publish_two(api, name)
    for alias, version in (("one", "1"), ("two", "2"), ("newest", "$LATEST")):
        api.create_alias(FunctionName=name, Name=alias, FunctionVersion=version)
        assert run(api, name, alias)[1] == version
        assert run(api, f"{name}:{alias}")[1] == version
    for weight, executed in ((0.0, "1"), (1.0, "2")):
        api.update_alias(
            FunctionName=name,
            Name="one",
            RoutingConfig={"AdditionalVersionWeights": {"2": weight}},
        )
        assert {run(api, name, "one")[1] for _ in range(20)} == {executed}
    api.update_alias(FunctionName=name, Name="one", RoutingConfig={}, FunctionVersion="2")
    assert run(api, name, "one")[1] == "2"
    assert api.get_alias(FunctionName=name, Name="one")["FunctionVersion"] == "2"
    with pytest.raises(api.exceptions.ResourceConflictException):
        api.delete_function(FunctionName=name, Qualifier="2")
    api.delete_alias(FunctionName=name, Name="one")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        run(api, name, "one")


def test_listings_of_aliases_come_in_pages(api: Any) -> None:
    name = "aliases-pages"
    publish_two(api, name)
    for number in range(5):
        api.create_alias(FunctionName=name, Name=f"a{number}", FunctionVersion="1")
    pages = api.get_paginator("list_aliases").paginate(
        FunctionName=name, FunctionVersion="1", PaginationConfig={"PageSize": 2}
    )
    assert [[one["Name"] for one in page["Aliases"]] for page in pages] == [
        ["a0", "a1"],
        ["a2", "a3"],
        ["a4"],
    ]


def test_every_error_of_aliases(api: Any) -> None:
    name = "aliases-errors"
    publish_two(api, name)
    named = {"FunctionName": name, "Name": "live"}
    api.create_alias(**named, FunctionVersion="1")
    before = api.get_alias(**named)
    none = {"FunctionName": "aliases-none", "Name": "live"}
    contradictory = {**named, "FunctionName": f"{name}:1"}
    weights = {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}}
    refused: list[tuple[Callable[..., Any], str, dict[str, Any]]] = [
        (api.create_alias, "ResourceNotFoundException", {**none, "FunctionVersion": "1"}),
        (api.create_alias, "ResourceConflictException", {**named, "FunctionVersion": "1"}),
        (
            api.create_alias,
            "InvalidParameterValueException",
            {**named, "Name": "other", "FunctionVersion": "1", **weights},
        ),
        (api.get_alias, "ResourceNotFoundException", none),
        (api.get_alias, "ResourceNotFoundException", {**named, "Name": "other"}),
        (api.get_alias, "InvalidParameterValueException", contradictory),
        (api.list_aliases, "ResourceNotFoundException", {"FunctionName": "aliases-none"}),
        (
            api.list_aliases,
            "InvalidParameterValueException",
            {"FunctionName": name, "Marker": "no marker"},
        ),
        (api.update_alias, "ResourceNotFoundException", none),
        (api.update_alias, "ResourceNotFoundException", {**named, "Name": "other"}),
        (api.update_alias, "InvalidParameterValueException", {**named, **weights}),
        (api.update_alias, "PreconditionFailedException", {**named, "RevisionId": "stale"}),
        (api.delete_alias, "ResourceNotFoundException", none),
        (api.delete_alias, "InvalidParameterValueException", contradictory),
    ]
    for operation, code, params in refused:
        with pytest.raises(ClientError) as caught:
            operation(**params)
        assert caught.value.response["Error"]["Code"] == code
    assert api.list_aliases(FunctionName=name)["Aliases"] == [
        {key: value for key, value in before.items() if key != "ResponseMetadata"}
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Name", "123"),
        ("Name", ""),
        ("Name", "a" * 129),
        ("Name", "a.b"),
        ("FunctionVersion", "live"),
        ("RoutingConfig", {"AdditionalVersionWeights": {"2": 1.5}}),
        ("RoutingConfig", {"AdditionalVersionWeights": {"2": -0.1}}),
        ("RoutingConfig", {"AdditionalVersionWeights": {"$LATEST": 0.1}}),
    ],
)
def test_what_the_model_excludes_is_a_validation_exception(
    api: Any, field: str, value: object
) -> None:
    params = {"FunctionName": "aliases-invalid", "Name": "live", "FunctionVersion": "1"}
    with pytest.raises(ClientError) as caught:
        api.create_alias(**{**params, field: value})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert " detected: Value " in caught.value.response["Error"]["Message"]


def test_changes_of_one_alias_do_not_overlap(api: Any) -> None:
    """Many at once: some are refused, and the alias is what the last accepted one made of it."""
    name = "aliases-overlap"
    publish_two(api, name)
    named = {"FunctionName": name, "Name": "live"}
    api.create_alias(**named, FunctionVersion="1")

    def change(number: int) -> tuple[str, str]:
        deletes = number % 4 == 0
        operation = api.delete_alias if deletes else api.update_alias
        try:
            operation(**named)
        except ClientError as error:
            return operation.__name__, str(error.response["Error"]["Code"])
        return operation.__name__, "done"

    seen: set[tuple[str, str]] = set()
    conflict = "ResourceConflictException"
    wanted = {("update_alias", conflict), ("delete_alias", conflict)}
    with ThreadPoolExecutor(16) as threads:
        for _ in range(100):
            seen |= set(threads.map(change, range(16)))
            if wanted <= seen:
                break
            api.delete_alias(**named)
            api.create_alias(**named, FunctionVersion="1")
    assert {code for _, code in seen} <= {"done", conflict, "ResourceNotFoundException"}
    assert wanted <= seen


def test_a_function_has_a_largest_number_of_aliases(api: Any) -> None:
    name = "aliases-limit"
    publish_two(api, name)
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda number: api.create_alias(
                    FunctionName=name, Name=f"a{number}", FunctionVersion="1"
                ),
                range(limits.ALIASES_MAX),
            )
        )
    with pytest.raises(api.exceptions.AliasLimitExceededException):
        api.create_alias(FunctionName=name, Name="one-more", FunctionVersion="1")
    api.delete_alias(FunctionName=name, Name="a0")
    api.create_alias(FunctionName=name, Name="one-more", FunctionVersion="1")
