"""What AWS's operations on aliases do, told through the API's own handlers.

Golden texts and shapes: LocalStack's tests/aws/services/lambda_/test_lambda_api.snapshot.json
(TestLambdaAlias of 20-11-2023), recorded from AWS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lambent.domain.errors import LambdaError
from tests.control.scene import ARN, Scene, play

INVALID = "InvalidParameterValueException"
CONFLICT = "ResourceConflictException"
NOT_FOUND = "ResourceNotFoundException"


async def prepare(scene: Scene, versions: int = 2) -> None:
    """A function `f` with that many versions."""
    await scene.create()
    for number in range(versions):
        await scene.call("UpdateFunctionConfiguration", FunctionName="f", MemorySize=200 + number)
        await scene.call("PublishVersion", FunctionName="f")


async def alias(
    scene: Scene, name: str, version: str = "1", weights: Mapping[str, float] | None = None
) -> dict[str, Any]:
    more = {} if weights is None else {"RoutingConfig": {"AdditionalVersionWeights": weights}}
    return await scene.call(
        "CreateAlias", FunctionName="f", Name=name, FunctionVersion=version, **more
    )


def test_an_alias_lives_as_on_aws(tmp_path: Path) -> None:
    named = {"FunctionName": "f", "Name": "live"}

    async def act(scene: Scene) -> None:
        await prepare(scene)
        created = await alias(scene, "live", "1", {"2": 0.2})
        revision = created["RevisionId"]
        assert created == {
            "AliasArn": f"{ARN}f:live",
            "Name": "live",
            "FunctionVersion": "1",
            "Description": "",
            "RevisionId": revision,
            "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2}},
        }
        assert await scene.call("GetAlias", **named) == created
        found = await scene.call("GetFunction", FunctionName="f", Qualifier="live")
        assert found["Configuration"]["FunctionArn"] == f"{ARN}f:live"
        assert found["Configuration"]["Version"] == "1"
        by_arn = await scene.call("GetFunctionConfiguration", FunctionName=f"{ARN}f:live")
        assert by_arn == found["Configuration"]
        kept = await scene.call("UpdateAlias", **named, Description="new")
        assert kept["RoutingConfig"] == created["RoutingConfig"], "what is not given stays"
        assert kept["RevisionId"] != revision
        plain = await scene.call(
            "UpdateAlias", **named, FunctionVersion="2", RoutingConfig={}, Description=""
        )
        assert "RoutingConfig" not in plain
        assert plain["FunctionVersion"] == "2"

    async def after_restart(scene: Scene) -> None:
        assert (await scene.call("GetAlias", **named))["FunctionVersion"] == "2"
        await scene.call("DeleteAlias", **named)
        await scene.call("DeleteAlias", **named)  # 204 on AWS
        assert await scene.refused("GetAlias", **named) == (
            NOT_FOUND,
            f"Cannot find alias arn: {ARN}f:live",
        )
        assert await scene.refused("GetFunction", FunctionName="f:live") == (
            NOT_FOUND,
            f"Function not found: {ARN}f:live",
        )

    play(tmp_path, act)
    play(tmp_path, after_restart)


CREATE_REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (
        {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1, "2": 0.1}}},
        INVALID,
        "Number of items in AdditionalVersionWeights cannot be greater than 1",
    ),
    (
        {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1}}},
        INVALID,
        "Invalid function version 1. Function version 1 is already included in routing "
        "configuration.",
    ),
    ({"FunctionVersion": "10"}, NOT_FOUND, f"Function not found: {ARN}f:10"),
    (
        {"RoutingConfig": {"AdditionalVersionWeights": {"10": 0.1}}},
        NOT_FOUND,
        f"Function not found: {ARN}f:10",
    ),
    (
        {"FunctionVersion": "$LATEST", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1}}},
        INVALID,
        "$LATEST is not supported for an alias pointing to more than 1 version",
    ),
    ({"FunctionName": "g"}, NOT_FOUND, f"Function not found: {ARN}g:1"),
    ({"Name": "taken"}, CONFLICT, f"Alias already exists: {ARN}f:taken"),
]


@pytest.mark.parametrize(("params", "code", "text"), CREATE_REFUSED)
def test_an_alias_that_is_refused_is_not_there(
    params: dict[str, Any], code: str, text: str, tmp_path: Path
) -> None:
    async def act(scene: Scene) -> None:
        await prepare(scene)
        taken = await alias(scene, "taken")
        given = {"FunctionName": "f", "Name": "live", "FunctionVersion": "1", **params}
        assert await scene.refused("CreateAlias", **given) == (code, text)
        listed = await scene.call("ListAliases", FunctionName="f")
        assert listed["Aliases"] == [taken]

    play(tmp_path, act)


@pytest.mark.parametrize(("params", "code", "text"), CREATE_REFUSED[:5])
def test_a_change_that_is_refused_changes_nothing(
    params: dict[str, Any], code: str, text: str, tmp_path: Path
) -> None:
    async def act(scene: Scene) -> None:
        await prepare(scene)
        before = await alias(scene, "live")
        named = {"FunctionName": "f", "Name": "live"}
        assert await scene.refused("UpdateAlias", **named, **params) == (code, text)
        assert await scene.call("GetAlias", **named) == before

    play(tmp_path, act)


def test_changes_of_an_alias_can_be_bound_to_its_revision(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await prepare(scene)
        first = await alias(scene, "live")
        change = {"FunctionName": "f", "Name": "live", "RevisionId": first["RevisionId"]}
        await scene.call("UpdateAlias", **change)
        assert await scene.refused("UpdateAlias", **change) == (
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id",
        )
        assert await scene.refused("UpdateAlias", FunctionName="f", Name="none") == (
            NOT_FOUND,
            f"Alias not found: {ARN}f:none",
        )

    play(tmp_path, act)


def test_aliases_are_listed_by_name_and_version_in_pages(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await prepare(scene)
        for number in range(7):
            await alias(scene, f"a{number}", "1" if number % 2 else "2")
        found, marker = [], None
        while True:
            more = {"Marker": marker} if marker else {}
            page = await scene.call("ListAliases", FunctionName="f", MaxItems=3, **more)
            assert len(page["Aliases"]) <= 3
            found += [one["Name"] for one in page["Aliases"]]
            marker = page.get("NextMarker")
            if marker is None:
                break
        assert found == [f"a{number}" for number in range(7)]
        of_one = await scene.call("ListAliases", FunctionName="f", FunctionVersion="1")
        assert [one["Name"] for one in of_one["Aliases"]] == ["a1", "a3", "a5"]

    play(tmp_path, act)


def test_a_version_that_an_alias_uses_cannot_go(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await prepare(scene, 3)
        await alias(scene, "live", "1", {"2": 0.5})
        await alias(scene, "also", "1")
        for number, using in (("1", "also, live"), ("2", "live")):
            assert await scene.refused("DeleteFunction", FunctionName=f"f:{number}") == (
                CONFLICT,
                f"Unable to delete version because the following aliases reference it: [{using}]",
            )
        await scene.call("DeleteFunction", FunctionName="f:3")
        await scene.call("DeleteFunction", FunctionName="f")
        await scene.create()
        assert (await scene.call("ListAliases", FunctionName="f"))["Aliases"] == []

    play(tmp_path, act)


def test_one_change_of_an_alias_at_a_time(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await prepare(scene)
        await alias(scene, "live")
        named = {"FunctionName": "f", "Name": "live"}
        first = asyncio.ensure_future(scene.call("UpdateAlias", **named, Description="a"))
        await asyncio.sleep(0)
        for operation in ("UpdateAlias", "DeleteAlias"):
            with pytest.raises(LambdaError) as caught:
                await scene.call(operation, **named)
            assert caught.value.code == CONFLICT
        await first
        await scene.call("DeleteAlias", **named)

    play(tmp_path, act)
