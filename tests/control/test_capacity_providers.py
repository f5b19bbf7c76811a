"""Functions on capacity providers, and what may be said of their scaling."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from lambent.domain.limits import VERSIONS_PER_PROVIDER_MAX
from tests.control.scene import ARN, CODE, OTHER_CODE, Scene, play

PROVIDER = "arn:aws:lambda:us-east-1:000000000000:capacity-provider:p"
ON_IT: dict[str, Any] = {
    "MemorySize": 2048,
    "CapacityProviderConfig": {
        "LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": PROVIDER}
    },
}
ROLE = {"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/operator"}
VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}


async def provide(scene: Scene, name: str = "p") -> None:
    await scene.call(
        "CreateCapacityProvider",
        CapacityProviderName=name,
        VpcConfig=VPC,
        PermissionsConfig=ROLE,
    )


def test_a_function_on_a_provider_keeps_it_from_being_deleted(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await provide(scene)
        created = await scene.create(**ON_IT, Publish=True)
        assert created["CapacityProviderConfig"] == ON_IT["CapacityProviderConfig"]
        code, _ = await scene.refused("DeleteCapacityProvider", CapacityProviderName="p")
        assert code == "ResourceConflictException"
        listed = await scene.call(
            "ListFunctionVersionsByCapacityProvider", CapacityProviderName=PROVIDER
        )
        assert listed["FunctionVersions"] == [{"FunctionArn": f"{ARN}f:1", "State": "Active"}]
        await scene.call("DeleteFunction", FunctionName="f")
        await scene.call("DeleteCapacityProvider", CapacityProviderName="p")

    play(tmp_path, act)


def test_a_provider_is_not_deleted_while_a_function_is_being_put_on_it(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await provide(scene)
        created, deleted = await asyncio.gather(
            scene.create(**ON_IT),
            scene.call("DeleteCapacityProvider", CapacityProviderName="p"),
            return_exceptions=True,
        )
        assert isinstance(created, BaseException) != isinstance(deleted, BaseException)
        there = (await scene.call("ListCapacityProviders"))["CapacityProviders"]
        assert bool(there) == isinstance(deleted, BaseException)

    play(tmp_path, act)


def test_what_cannot_be_on_a_provider_is_refused(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.refused("CreateFunction", **ON_IT) == (
            "ResourceNotFoundException",
            f"Capacity provider not found: {PROVIDER}",
        )
        await provide(scene)
        code, _ = await scene.refused("CreateFunction", **{**ON_IT, "MemorySize": 1024})
        assert code == "InvalidParameterValueException"
        await scene.create()
        code, _ = await scene.refused("UpdateFunctionConfiguration", FunctionName="f", **ON_IT)
        assert code == "InvalidParameterValueException"
        await scene.create("g", **ON_IT)
        code, _ = await scene.refused(
            "UpdateFunctionConfiguration", FunctionName="g", MemorySize=512
        )
        assert code == "InvalidParameterValueException"

    play(tmp_path, act)


def test_a_function_can_move_to_another_provider(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await provide(scene)
        await provide(scene, "q")
        await scene.create(**ON_IT)
        moved = {
            "LambdaManagedInstancesCapacityProviderConfig": {
                "CapacityProviderArn": PROVIDER[:-1] + "q",
                "PerExecutionEnvironmentMaxConcurrency": 4,
            }
        }
        answer = await scene.call(
            "UpdateFunctionConfiguration", FunctionName="f", CapacityProviderConfig=moved
        )
        assert answer["CapacityProviderConfig"] == moved
        await scene.call("DeleteCapacityProvider", CapacityProviderName="p")

    play(tmp_path, act)


def test_a_provider_holds_100_versions(tmp_path: Path) -> None:
    """[DG] Lambda Managed Instances quotas."""

    async def act(scene: Scene) -> None:
        await provide(scene)
        await scene.create(**ON_IT)
        for number in range(VERSIONS_PER_PROVIDER_MAX):
            code = CODE if number % 2 else OTHER_CODE
            await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=code)
            await scene.call("PublishVersion", FunctionName="f")
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        limit = "FunctionVersionsPerCapacityProviderLimitExceededException"
        assert (await scene.refused("PublishVersion", FunctionName="f"))[0] == limit
        given = {**ON_IT, "Publish": True, "name": "g"}
        assert (await scene.refused("CreateFunction", **given))[0] == limit
        assert (await scene.refused("GetFunction", FunctionName="g"))[0] == (
            "ResourceNotFoundException"
        )
        first = await scene.call("ListFunctionVersionsByCapacityProvider", CapacityProviderName="p")
        rest = await scene.call(
            "ListFunctionVersionsByCapacityProvider",
            CapacityProviderName="p",
            Marker=first["NextMarker"],
        )
        arns = [one["FunctionArn"] for page in (first, rest) for one in page["FunctionVersions"]]
        assert arns == [f"{ARN}f:{number}" for number in range(1, 101)]
        refused, _ = await scene.refused(
            "PublishVersion", FunctionName="f", PublishTo="LATEST_PUBLISHED"
        )
        assert refused == limit

    play(tmp_path, act)


def test_scaling_is_set_for_published_versions_on_a_provider(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await provide(scene)
        await scene.create(**ON_IT, Publish=True)
        config = {"MinExecutionEnvironments": 0, "MaxExecutionEnvironments": 7}
        where = {"FunctionName": "f", "Qualifier": "1"}
        assert await scene.call("GetFunctionScalingConfig", **where) == {"FunctionArn": f"{ARN}f:1"}
        put = await scene.call("PutFunctionScalingConfig", **where, FunctionScalingConfig=config)
        assert put == {"FunctionState": "Active"}
        found = await scene.call("GetFunctionScalingConfig", **where)
        assert found["AppliedFunctionScalingConfig"] == config
        scalings = scene.control.plane.function_scalings
        version = scene.control.functions.get_version("f", "1")
        assert scalings.environments_max(version) == 7
        await scene.call("PutFunctionScalingConfig", **where)
        assert scalings.environments_max(version) is None

    play(tmp_path, act)


def test_scaling_that_cannot_be_is_refused(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await provide(scene)
        await scene.create(**ON_IT, Publish=True)
        await scene.create("plain", Publish=True)
        for where, config, code in (
            ({"FunctionName": "none", "Qualifier": "1"}, {}, "ResourceNotFoundException"),
            ({"FunctionName": "f", "Qualifier": "2"}, {}, "ResourceNotFoundException"),
            (
                {"FunctionName": "plain", "Qualifier": "$LATEST.PUBLISHED"},
                {},
                "ResourceNotFoundException",
            ),
            ({"FunctionName": "plain", "Qualifier": "1"}, {}, "InvalidParameterValueException"),
            (
                {"FunctionName": "f", "Qualifier": "1"},
                {"MinExecutionEnvironments": 3, "MaxExecutionEnvironments": 2},
                "InvalidParameterValueException",
            ),
            (
                {"FunctionName": "f", "Qualifier": "1"},
                {"MinExecutionEnvironments": 901},
                "InvalidParameterValueException",
            ),
        ):
            refused, _ = await scene.refused(
                "PutFunctionScalingConfig", **where, FunctionScalingConfig=config
            )
            assert refused == code

    play(tmp_path, act)


def test_latest_published_is_a_version_like_the_others(tmp_path: Path) -> None:
    """It has room, scaling and a policy of its own, and keeps them when it is published again."""

    async def act(scene: Scene) -> None:
        await provide(scene)
        await scene.create(**ON_IT, PublishTo="LATEST_PUBLISHED")
        where = {"FunctionName": "f", "Qualifier": "$LATEST.PUBLISHED"}
        config = {"MaxExecutionEnvironments": 2}
        await scene.call("PutFunctionScalingConfig", **where, FunctionScalingConfig=config)
        added = await scene.call(
            "AddPermission",
            **where,
            StatementId="s3",
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
        )
        assert ":f:$LATEST.PUBLISHED" in added["Statement"]
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        await scene.call("PublishVersion", FunctionName="f", PublishTo="LATEST_PUBLISHED")
        await scene.call("PublishVersion", FunctionName="f")
        found = await scene.call("GetFunctionScalingConfig", **where)
        assert found["AppliedFunctionScalingConfig"] == config
        assert (await scene.call("GetPolicy", **where))["Policy"]
        listed = await scene.call(
            "ListFunctionVersionsByCapacityProvider", CapacityProviderName="p"
        )
        arns = [one["FunctionArn"] for one in listed["FunctionVersions"]]
        assert arns == [f"{ARN}f:1", f"{ARN}f:$LATEST.PUBLISHED"]
        await scene.call("DeleteFunction", FunctionName="f", Qualifier="$LATEST.PUBLISHED")
        assert not scene.control.plane.permissions.documents("f", "$LATEST.PUBLISHED")

    play(tmp_path, act)
