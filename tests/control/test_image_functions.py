"""Functions with PackageType Image, told through the API's own handlers.

Shapes and texts marked so are LocalStack's recordings of AWS (test_lambda_api.snapshot.json:
TestLambdaImages); the others are quoted from issue threads, or ours.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lambent.domain.errors import LambdaError
from tests.control.scene import ARN, CODE, LAYER_ARN, Scene, play
from tests.images.building import BuiltImage, build, digest_of, file, tar, write_layout

INVALID = "InvalidParameterValueException"


def image(text: str = "one", **options: Any) -> BuiltImage:
    return build([tar(file("app", text))], settings={"Entrypoint": ["/app"]}, **options)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    images = {"v1": image("one"), "v2": image("two"), "arm": image("arm", architecture="arm64")}
    return write_layout(tmp_path / "layout", images)


async def create(scene: Scene, uri: str, **params: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "FunctionName": "f",
        "PackageType": "Image",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": {"ImageUri": uri},
    }
    return await scene.call("CreateFunction", **{**given, **params})


async def refused(scene: Scene, uri: str, **params: Any) -> tuple[str, str]:
    with pytest.raises(LambdaError) as caught:
        await create(scene, uri, **params)
    return caught.value.code, caught.value.message


async def look(scene: Scene, **params: Any) -> dict[str, Any]:
    return await scene.call("GetFunctionConfiguration", FunctionName="f", **params)


def test_a_function_from_an_image_is_answered_as_aws_answers_it(
    tmp_path: Path, layout: Path
) -> None:
    async def act(scene: Scene) -> None:
        config = {"Command": ["-s", "x"], "EntryPoint": ["sh"], "WorkingDirectory": "/tmp"}
        answer = await create(scene, f"oci:{layout}:v1", ImageConfig=config, Timeout=30)
        assert answer.pop("RevisionId")
        digest = image().digest.removeprefix("sha256:")
        assert answer == {
            "Architectures": ["x86_64"],
            "CodeSha256": digest,
            "CodeSize": 0,
            "Description": "",
            "EphemeralStorage": {"Size": 512},
            "FunctionArn": f"{ARN}f",
            "FunctionName": "f",
            "ImageConfigResponse": {"ImageConfig": config},
            "LastModified": answer["LastModified"],
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
            "MemorySize": 128,
            "PackageType": "Image",
            "Role": "arn:aws:iam::000000000000:role/r",
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "State": "Pending",
            "StateReason": "The function is being created.",
            "StateReasonCode": "Creating",
            "Timeout": 30,
            "TracingConfig": {"Mode": "PassThrough"},
            "Version": "$LATEST",
        }
        await scene.control.background.settle()
        found = await scene.call("GetFunction", FunctionName="f")
        assert found["Code"] == {
            "ImageUri": f"oci:{layout}:v1",
            "RepositoryType": "ECR",
            "ResolvedImageUri": f"oci:{layout}@sha256:{digest}",
        }
        assert found["Configuration"]["State"] == "Active"
        assert found["Configuration"]["LastUpdateStatus"] == "Successful"
        assert scene.control.registry.images.has(f"image-{digest}")

    play(tmp_path, act)


def test_while_its_image_comes_a_function_cannot_be_changed(tmp_path: Path, layout: Path) -> None:
    async def act(scene: Scene) -> None:
        await create(scene, f"oci:{layout}:v1")
        pending = (
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the "
            "following state: Pending",
        )
        uri = f"oci:{layout}:v2"
        for operation, params in (
            ("UpdateFunctionConfiguration", {"Timeout": 9}),
            ("UpdateFunctionCode", {"ImageUri": uri}),
            ("PublishVersion", {}),
        ):
            assert await scene.refused(operation, FunctionName="f", **params) == pending
        await scene.control.background.settle()
        await scene.call("UpdateFunctionCode", FunctionName="f", ImageUri=uri)
        code, message = await scene.refused("PublishVersion", FunctionName="f")
        assert (code, message) == (
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for "
            f"resource: {ARN}f",
        )
        await scene.control.background.settle()
        await scene.call("PublishVersion", FunctionName="f")

    play(tmp_path, act)


def test_an_update_shows_the_new_image_and_runs_the_old_one_until_it_is_here(
    tmp_path: Path, layout: Path
) -> None:
    async def act(scene: Scene) -> None:
        await create(scene, f"oci:{layout}:v1")
        await scene.control.background.settle()
        answer = await scene.call(
            "UpdateFunctionCode", FunctionName="f", ImageUri=f"oci:{layout}:v2"
        )
        old, new = (image(text).digest.removeprefix("sha256:") for text in ("one", "two"))
        assert (answer["LastUpdateStatus"], answer["State"]) == ("InProgress", "Active")
        assert answer["CodeSha256"] == (await look(scene))["CodeSha256"] == new
        running = scene.control.functions.route("f", None)
        assert running.image is not None
        assert running.image.digest == old
        await scene.control.background.settle()
        assert (await look(scene))["LastUpdateStatus"] == "Successful"
        running = scene.control.functions.route("f", None)
        assert running.image is not None
        assert running.image.digest == new
        await scene.control.registry.storage.sweep()
        assert not scene.control.registry.images.has(f"image-{old}")

    play(tmp_path, act)


def test_an_update_whose_image_does_not_come_keeps_the_old_one(
    tmp_path: Path, layout: Path
) -> None:
    async def act(scene: Scene) -> None:
        await create(scene, f"oci:{layout}:v1")
        await scene.control.background.settle()
        await scene.call("UpdateFunctionCode", FunctionName="f", ImageUri=f"oci:{layout}:v2")
        layers = [digest_of(one) for one in image("two").blobs.values()]
        (layout / "blobs/sha256" / layers[-1].removeprefix("sha256:")).write_bytes(b"bad")
        await scene.control.background.settle()
        found = await look(scene)
        assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Failed")
        assert found["LastUpdateStatusReasonCode"] == "InvalidImage"
        assert found["CodeSha256"] == image("one").digest.removeprefix("sha256:")

    play(tmp_path, act)


def test_a_function_whose_image_turns_out_to_be_unsound_is_failed(
    tmp_path: Path, layout: Path
) -> None:
    async def act(scene: Scene) -> None:
        bad = build([tar(file("../escape"))])
        write_layout(tmp_path / "bad", {"v1": bad})
        await create(scene, f"oci:{tmp_path}/bad:v1")
        await scene.control.background.settle()
        found = await look(scene)
        assert (found["State"], found["StateReasonCode"]) == ("Failed", "InvalidImage")
        assert "leads out of the image" in found["StateReason"]
        await scene.call("UpdateFunctionCode", FunctionName="f", ImageUri=f"oci:{layout}:v1")
        await scene.control.background.settle()
        assert (await look(scene))["State"] == "Active"

    play(tmp_path, act)


def test_a_published_image_is_kept_whatever_becomes_of_latest(tmp_path: Path, layout: Path) -> None:
    async def act(scene: Scene) -> None:
        answer = await create(scene, f"oci:{layout}:v1", Publish=True)
        assert (answer["Version"], answer["State"]) == ("1", "Pending")
        await scene.control.background.settle()
        assert (await look(scene, Qualifier="1"))["State"] == "Active"
        uri = f"oci:{layout}:v2"
        answer = await scene.call(
            "UpdateFunctionCode", FunctionName="f", ImageUri=uri, Publish=True
        )
        assert answer["Version"] == "2"
        await scene.control.background.settle()
        first = await scene.call("GetFunction", FunctionName="f", Qualifier="1")
        assert first["Code"]["ImageUri"] == f"oci:{layout}:v1"
        second = await look(scene, Qualifier="2")
        assert (second["State"], second["CodeSha256"]) == (
            "Active",
            (await look(scene))["CodeSha256"],
        )
        await scene.control.registry.storage.sweep()
        store = scene.control.registry.images
        assert store.has(f"image-{image('one').digest.removeprefix('sha256:')}")
        await scene.call("DeleteFunction", FunctionName="f")
        await scene.control.registry.storage.sweep()
        assert list((store.root / "roots").iterdir()) == []
        assert list((store.root / "layers").iterdir()) == []

    play(tmp_path, act)


def test_what_was_under_way_goes_on_after_a_restart(tmp_path: Path, layout: Path) -> None:
    async def begin(scene: Scene) -> None:
        await create(scene, f"oci:{layout}:v1")
        await create(scene, f"oci:{layout}:v1", FunctionName="g")
        await scene.control.background.settle()
        await scene.call("UpdateFunctionCode", FunctionName="f", ImageUri=f"oci:{layout}:v2")
        await create(scene, f"oci:{layout}:v2", FunctionName="h")

    async def again(scene: Scene) -> None:
        assert (await look(scene))["LastUpdateStatus"] == "InProgress"
        scene.control.plane.image_functions.resume()
        await scene.control.background.settle()
        found = await look(scene)
        assert found["LastUpdateStatus"] == "Successful"
        assert found["CodeSha256"] == image("two").digest.removeprefix("sha256:")
        for name in ("g", "h"):
            assert (await scene.call("GetFunction", FunctionName=name))["Configuration"][
                "State"
            ] == "Active"

    play(tmp_path, begin)
    play(tmp_path, again)


def test_a_function_that_is_deleted_while_its_image_comes_leaves_nothing(
    tmp_path: Path, layout: Path
) -> None:
    async def act(scene: Scene) -> None:
        await create(scene, f"oci:{layout}:v1")
        await scene.call("DeleteFunction", FunctionName="f")
        await scene.control.background.settle()
        await scene.control.registry.storage.sweep()
        store = scene.control.registry.images
        assert list((store.root / "roots").iterdir()) == []
        assert list((store.root / "layers").iterdir()) == []

    play(tmp_path, act)


def test_an_image_config_is_changed_and_taken_back(tmp_path: Path, layout: Path) -> None:
    async def act(scene: Scene) -> None:
        await create(scene, f"oci:{layout}:v1", ImageConfig={"Command": ["a"]})
        await scene.control.background.settle()
        change = {"EntryPoint": ["/x"], "WorkingDirectory": "/w"}
        answer = await scene.call(
            "UpdateFunctionConfiguration", FunctionName="f", ImageConfig=change
        )
        assert answer["ImageConfigResponse"] == {"ImageConfig": change}
        answer = await scene.call("UpdateFunctionConfiguration", FunctionName="f", ImageConfig={})
        assert "ImageConfigResponse" not in answer

    play(tmp_path, act)


def test_a_dry_run_finds_the_image_and_changes_nothing(tmp_path: Path, layout: Path) -> None:
    async def act(scene: Scene) -> None:
        await create(scene, f"oci:{layout}:v1")
        await scene.control.background.settle()
        before = await look(scene)
        uri = f"oci:{layout}:v2"
        answer = await scene.call("UpdateFunctionCode", FunctionName="f", ImageUri=uri, DryRun=True)
        assert answer["CodeSha256"] == image("two").digest.removeprefix("sha256:")
        assert await look(scene) == before

    play(tmp_path, act)


def test_what_does_not_go_with_an_image_is_refused(tmp_path: Path, layout: Path) -> None:
    async def act(scene: Scene) -> None:
        uri = f"oci:{layout}:v1"
        missing = f"oci:{layout}:v9"
        assert await refused(scene, missing) == (
            INVALID,
            f"Source image {missing} does not exist. Provide a valid source image.",
        )
        code, message = await refused(scene, f"oci:{layout}:arm")
        assert code == INVALID
        assert "linux/arm64, not for linux/amd64 (x86_64)" in message
        assert (await refused(scene, "not a uri"))[0] == INVALID
        for params in (
            {"Runtime": "python3.12"},
            {"Handler": "a.b"},
            {"Code": {}},
            {"Code": {"ImageUri": uri, "ZipFile": CODE}},
            {"SnapStart": {"ApplyOn": "PublishedVersions"}},
            {"CodeSigningConfigArn": f"{LAYER_ARN}csc"},
        ):
            assert (await refused(scene, uri, **params))[0] == INVALID
        assert "f" not in scene.control.registry.functions

    play(tmp_path, act)


def test_a_function_keeps_its_kind_of_package(tmp_path: Path, layout: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create("zipped")
        await create(scene, f"oci:{layout}:v1")
        await scene.control.background.settle()
        assert await scene.refused("UpdateFunctionCode", FunctionName="f", ZipFile=CODE) == (
            INVALID,  # [LS]
            "Please provide ImageUri when updating a function with packageType Image.",
        )
        assert await scene.refused(
            "UpdateFunctionCode", FunctionName="zipped", ImageUri=f"oci:{layout}:v1"
        ) == (
            INVALID,  # [LS]
            "Please don't provide ImageUri when updating a function with packageType Zip.",
        )
        for name, params in (
            ("zipped", {"ImageConfig": {"Command": ["x"]}}),
            ("f", {"Handler": "a.b"}),
            ("f", {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}),
        ):
            code, _ = await scene.refused(
                "UpdateFunctionConfiguration", FunctionName=name, **params
            )
            assert code in (INVALID, "ResourceNotFoundException")

    play(tmp_path, act)


def test_two_creations_of_one_name_at_once_make_one_function(tmp_path: Path, layout: Path) -> None:
    async def act(scene: Scene) -> None:
        made = await asyncio.gather(
            *(create(scene, f"oci:{layout}:v1") for _ in range(3)), return_exceptions=True
        )
        refusals = [one for one in made if isinstance(one, LambdaError)]
        assert {one.code for one in refusals} == {"ResourceConflictException"}
        assert len(refusals) == 2

    play(tmp_path, act)
