"""What AWS's operations on versions do, told through the API's own handlers.

Golden texts and shapes: LocalStack's tests/aws/services/lambda_/test_lambda_api.snapshot.json
(TestLambdaVersions), recorded from AWS; deletions as measured by floci-io/floci#2824.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lambent.control.testing import FakePublisher, FakeRetirer
from lambent.domain import limits
from lambent.domain.errors import LambdaError
from tests.control.scene import ARN, CODE, OTHER_CODE, Scene, play

INVALID = "InvalidParameterValueException"
CONFLICT = "ResourceConflictException"


async def publish(scene: Scene, name: str = "f", **params: Any) -> dict[str, Any]:
    return await scene.call("PublishVersion", FunctionName=name, **params)


async def change(scene: Scene, memory_mib: int, name: str = "f") -> None:
    await scene.call("UpdateFunctionConfiguration", FunctionName=name, MemorySize=memory_mib)


async def numbers(scene: Scene, name: str = "f") -> list[str]:
    listed = await scene.call("ListVersionsByFunction", FunctionName=name)
    return [version["Version"] for version in listed["Versions"]]


def test_a_published_version_is_answered_active_under_its_own_arn(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Description="of the function")
        latest = await scene.call("GetFunctionConfiguration", FunctionName="f")
        answer = await publish(scene, Description="first")
        assert (answer["Version"], answer["FunctionArn"]) == ("1", f"{ARN}f:1")
        assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "Successful")
        assert answer["Description"] == "first"
        assert answer["RevisionId"] != latest["RevisionId"]
        assert await scene.call("GetFunctionConfiguration", FunctionName="f:1") == answer
        found = await scene.call("GetFunction", FunctionName="f", Qualifier="1")
        assert found["Configuration"] == answer
        now = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert now["RevisionId"] != latest["RevisionId"], "recorded: publishing changes it"
        assert {**now, "RevisionId": ""} == {**latest, "RevisionId": ""}
        assert scene.control.retirer.retired == ["f"], "its environments run on"

    play(tmp_path, act)


def test_what_did_not_change_is_not_published_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        first = await publish(scene, Description="first")
        assert await publish(scene, Description="another description alone") == first
        await change(scene, 256)
        second = await publish(scene)
        assert second["Version"] == "2"
        await change(scene, 128)
        assert (await publish(scene))["Version"] == "3", "only the newest one counts"
        await scene.call("UpdateFunctionConfiguration", FunctionName="f", Description="new")
        assert (await publish(scene))["Description"] == "new"

    play(tmp_path, act)


def test_a_version_stays_as_it_is(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        layer = await scene.publish("l", OTHER_CODE)
        await scene.create(Layers=[layer], Environment={"Variables": {"A": "1"}})
        first = await publish(scene)
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        await scene.call("UpdateFunctionConfiguration", FunctionName="f", Layers=[], Environment={})
        await scene.call("DeleteLayerVersion", LayerName="l", VersionNumber=1)
        assert await scene.call("GetFunctionConfiguration", FunctionName="f:1") == first
        version = scene.control.functions.get_version("f", "1")
        assert (scene.control.files.task_dir(version) / "app.py").is_file()
        assert scene.control.files.opt_dir(version) is not None
        assert version.environment == {"A": "1"}

    play(tmp_path, act)
    play(tmp_path, check_kept)


async def check_kept(scene: Scene) -> None:
    """After a restart, the same."""
    version = scene.control.functions.get_version("f", "1")
    assert scene.control.files.zip_path(version.code.digest).read_bytes() == CODE
    opt = scene.control.files.opt_dir(version)
    assert opt is not None
    assert (opt / "app.py").is_file()


def test_files_go_when_no_version_needs_them(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await publish(scene)
        old = scene.control.functions.get_version("f", "1")
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        assert scene.control.files.has(old.code.digest)
        await scene.call("DeleteFunction", FunctionName="f", Qualifier="1")
        assert not scene.control.files.has(old.code.digest)

    play(tmp_path, act)


def test_numbers_are_never_given_out_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Publish=True)
        await scene.call("DeleteFunction", FunctionName="f:1")
        assert (await publish(scene))["Version"] == "2", "also where nothing changed"
        await scene.call("DeleteFunction", FunctionName="f")

    async def again(scene: Scene) -> None:
        created = await scene.create(Publish=True)
        assert created["Version"] == "3", "[DG] nor after the function was deleted"

    play(tmp_path, act)
    play(tmp_path, again)


def test_a_creation_can_publish_the_first_version(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        answer = await scene.create(Publish=True)
        assert (answer["Version"], answer["FunctionArn"]) == ("1", f"{ARN}f:1")
        assert (answer["State"], answer["StateReasonCode"]) == ("Pending", "Creating")
        assert "LastUpdateStatus" not in answer
        seen = await scene.call("GetFunctionConfiguration", FunctionName="f:1")
        assert (seen["State"], seen["LastUpdateStatus"]) == ("Active", "Successful")
        latest = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert latest["Version"] == "$LATEST"
        assert await publish(scene) == seen

    play(tmp_path, act)


def test_new_code_can_be_published_at_once(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Publish=True)
        code = {"FunctionName": "f", "ZipFile": OTHER_CODE, "Publish": True}
        answer = await scene.call("UpdateFunctionCode", **code)
        assert (answer["Version"], answer["State"]) == ("2", "Pending")
        same = await scene.call("UpdateFunctionCode", **code)
        assert (same["Version"], same["State"]) == ("2", "Active")
        assert await numbers(scene) == ["$LATEST", "1", "2"]
        tried = await scene.call(
            "UpdateFunctionCode", FunctionName="f", ZipFile=CODE, Publish=True, DryRun=True
        )
        assert tried["Version"] == "$LATEST"
        assert await numbers(scene) == ["$LATEST", "1", "2"]

    play(tmp_path, act)


def test_publishing_can_be_bound_to_a_revision_and_a_hash(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        created = await scene.create()
        current = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert await scene.refused(
            "PublishVersion", FunctionName="f", RevisionId=created["RevisionId"]
        ) == (
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id",
        )
        assert await scene.refused("PublishVersion", FunctionName="f", CodeSha256="wrong") == (
            INVALID,
            "CodeSHA256 (wrong) is different from current CodeSHA256 in $LATEST "
            f"({current['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST.",
        )
        answer = await publish(
            scene, RevisionId=current["RevisionId"], CodeSha256=current["CodeSha256"]
        )
        assert answer["Version"] == "1"

    play(tmp_path, act)


def test_versions_are_listed_by_number_in_pages(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        for memory_mib in range(129, 141):
            await change(scene, memory_mib)
            await publish(scene)
        assert await numbers(scene) == ["$LATEST", *map(str, range(1, 13))]
        found, marker = [], None
        while True:
            more = {"Marker": marker} if marker else {}
            page = await scene.call("ListVersionsByFunction", FunctionName="f", MaxItems=5, **more)
            found += page["Versions"]
            marker = page.get("NextMarker")
            if marker is None:
                break
        assert [one["FunctionArn"] for one in found] == [
            f"{ARN}f:{number}" for number in ("$LATEST", *range(1, 13))
        ]
        assert all("State" not in one for one in found), "recorded: listings leave it out"
        assert await scene.refused("ListVersionsByFunction", FunctionName="g") == (
            "ResourceNotFoundException",
            f"Function not found: {ARN}g",
        )

    play(tmp_path, act)


def test_all_versions_of_all_functions_can_be_listed(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create("b", Publish=True)
        await scene.create("a", Publish=True)
        await scene.create("a-b")
        arns, marker = [], None
        while True:
            more = {"Marker": marker} if marker else {}
            page = await scene.call("ListFunctions", FunctionVersion="ALL", MaxItems=2, **more)
            arns += [one["FunctionArn"] for one in page["Functions"]]
            marker = page.get("NextMarker")
            if marker is None:
                break
        assert sorted(arns) == sorted(
            f"{ARN}{one}" for one in ("a:$LATEST", "a:1", "a-b:$LATEST", "b:$LATEST", "b:1")
        )
        latest = await scene.call("ListFunctions")
        assert [one["FunctionArn"] for one in latest["Functions"]] == [
            f"{ARN}a",
            f"{ARN}a-b",
            f"{ARN}b",
        ]

    play(tmp_path, act)


def test_one_version_can_be_deleted(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Publish=True)
        await scene.call("DeleteFunction", FunctionName="f", Qualifier="99")  # 204 on AWS
        await scene.call("DeleteFunction", FunctionName="f", Qualifier="1")
        assert await numbers(scene) == ["$LATEST"]
        gone = {"FunctionName": "f", "Qualifier": "1"}
        refusal = ("ResourceNotFoundException", f"Function not found: {ARN}f:1")
        assert await scene.refused("GetFunction", **gone) == refusal
        assert await scene.refused("GetFunctionConfiguration", **gone) == refusal
        for qualifier, text in (
            ("$LATEST", "$LATEST version cannot be deleted without deleting the function."),
            ("live", "Deletion of aliases is not currently supported."),
        ):
            named = {"FunctionName": "f", "Qualifier": qualifier}
            assert await scene.refused("DeleteFunction", **named) == (INVALID, text)
        assert await scene.refused("DeleteFunction", FunctionName="g", Qualifier="1") == (
            "ResourceNotFoundException",
            f"Function not found: {ARN}g:1",
        )

    play(tmp_path, act)


def test_only_the_deleted_version_is_retired(tmp_path: Path) -> None:
    retirer = FakeRetirer()

    async def act(scene: Scene) -> None:
        await scene.create(Publish=True)
        retirer.retired.clear()
        await scene.call("DeleteFunction", FunctionName="f:1")
        assert retirer.retired == ["f"]

    play(tmp_path, act, retirer=retirer)


def test_every_version_counts_as_code_storage(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Publish=True)
        registry = scene.control.registry
        assert registry.storage.used_bytes() == 2 * len(CODE)
        await change(scene, 256)
        with registry.storage.reserving(
            limits.CODE_STORAGE_BYTES_MAX - registry.storage.used_bytes()
        ):
            refusal = ("CodeStorageExceededException", "Code storage limit exceeded.")
            assert await scene.refused("PublishVersion", FunctionName="f") == refusal
        assert await numbers(scene) == ["$LATEST", "1"]

    play(tmp_path, act)


def test_a_function_that_cannot_run_is_not_published(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Runtime="python3.12")
        assert await scene.refused("PublishVersion", FunctionName="f") == (
            CONFLICT,
            "The operation cannot be performed at this time. "
            "The function is currently in the following state: Failed",
        )

    play(tmp_path, act, publisher=FakePublisher(missing={"python3.12"}))


def test_publishing_while_a_change_is_under_way_is_refused(tmp_path: Path) -> None:
    refusal = (
        CONFLICT,
        "The operation cannot be performed at this time. An update is in progress for resource: "
        f"{ARN}f",
    )

    async def act(scene: Scene) -> None:
        await scene.create()
        update = asyncio.ensure_future(
            scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        )
        await asyncio.sleep(0)
        seen = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert seen["LastUpdateStatus"] == "InProgress"
        for operation, params in (
            ("PublishVersion", {}),
            ("UpdateFunctionCode", {"ZipFile": CODE}),
            ("UpdateFunctionConfiguration", {"MemorySize": 256}),
            ("DeleteFunction", {}),
        ):
            with pytest.raises(LambdaError) as caught:
                await scene.call(operation, FunctionName="f", **params)
            assert (caught.value.code, caught.value.message) == refusal
        await update
        seen = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert seen["LastUpdateStatus"] == "Successful"

    play(tmp_path, act)


@pytest.mark.parametrize("operation", ["CreateFunction", "UpdateFunctionCode", "PublishVersion"])
def test_publishing_to_latest_published_needs_a_capacity_provider(
    operation: str, tmp_path: Path
) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        params: dict[str, Any] = {
            "CreateFunction": {"name": "g"},
            "UpdateFunctionCode": {"FunctionName": "f", "ZipFile": CODE},
            "PublishVersion": {"FunctionName": "f"},
        }[operation]
        code, text = await scene.refused(operation, PublishTo="LATEST_PUBLISHED", **params)
        assert code == INVALID
        assert "CapacityProviderConfig" in text

    play(tmp_path, act)


def test_latest_published_survives_a_restart_and_leaves_nothing_behind(tmp_path: Path) -> None:
    to = {"FunctionName": "f", "PublishTo": "LATEST_PUBLISHED"}

    async def act(scene: Scene) -> None:
        provider = await scene.call(
            "CreateCapacityProvider",
            CapacityProviderName="p",
            VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
            PermissionsConfig={
                "CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/operator"
            },
        )
        arn = provider["CapacityProvider"]["CapacityProviderArn"]
        on_it = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn}}
        await scene.create(MemorySize=2048, CapacityProviderConfig=on_it)
        await scene.call("PublishVersion", **to)
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        assert scene.control.functions.route("f", None).version == "$LATEST.PUBLISHED"

    async def after_restart(scene: Scene) -> None:
        old = scene.control.functions.route("f", None)
        assert scene.control.files.zip_path(old.code.digest).read_bytes() == CODE
        assert (await publish(scene))["Version"] == "1"
        await scene.call("PublishVersion", **to)
        new = scene.control.functions.route("f", None)
        assert scene.control.files.zip_path(new.code.digest).read_bytes() == OTHER_CODE
        assert not scene.control.files.has(old.code.digest), "nothing needs it any more"
        assert await numbers(scene) == ["$LATEST", "$LATEST.PUBLISHED", "1"]

    play(tmp_path, act)
    play(tmp_path, after_restart)
