"""What AWS's operations on layers and tags do.

Golden texts: LocalStack's tests/aws/services/lambda_/test_lambda_api.snapshot.json, recorded from
AWS.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lambent.control.testing import make_zip
from lambent.domain import limits
from tests.control.scene import ARN, CODE, ENDPOINT, LAYER_ARN, OTHER_CODE, Scene, play

INVALID = "InvalidParameterValueException"
NOT_THERE = ("ResourceNotFoundException", "The resource you requested does not exist.")


def test_a_published_layer_version_is_answered_as_aws_answers_it(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        answer = await scene.call(
            "PublishLayerVersion",
            LayerName="l",
            Content={"ZipFile": CODE},
            Description="d",
            CompatibleRuntimes=["python3.11"],
            CompatibleArchitectures=["x86_64"],
            LicenseInfo="MIT",
        )
        content = answer["Content"]
        path, _, query = content.pop("Location").removeprefix(ENDPOINT).partition("?")
        assert scene.control.plane.downloads.verify(path, query) is not None
        assert content["CodeSize"] == len(CODE)
        del answer["Content"]
        assert answer == {
            "LayerArn": f"{LAYER_ARN}l",
            "LayerVersionArn": f"{LAYER_ARN}l:1",
            "Description": "d",
            "CreatedDate": "2023-11-14T22:13:20.000+0000",
            "Version": 1,
            "CompatibleRuntimes": ["python3.11"],
            "CompatibleArchitectures": ["x86_64"],
            "LicenseInfo": "MIT",
        }
        for name in ("l", f"{LAYER_ARN}l"):
            got = await scene.call("GetLayerVersion", LayerName=name, VersionNumber=1)
            assert got["LayerVersionArn"] == f"{LAYER_ARN}l:1"
        by_arn = await scene.call("GetLayerVersionByArn", Arn=f"{LAYER_ARN}l:1")
        assert by_arn["Version"] == 1

    play(tmp_path, act)


def test_version_numbers_are_never_given_twice(tmp_path: Path) -> None:
    async def first(scene: Scene) -> None:
        assert await scene.publish() == f"{LAYER_ARN}l:1"
        assert await scene.publish() == f"{LAYER_ARN}l:2"
        await scene.call("DeleteLayerVersion", LayerName="l", VersionNumber=2)
        await scene.call("DeleteLayerVersion", LayerName="l", VersionNumber=2)
        assert await scene.publish() == f"{LAYER_ARN}l:3"
        await scene.call("DeleteLayerVersion", LayerName="l", VersionNumber=1)
        await scene.call("DeleteLayerVersion", LayerName="l", VersionNumber=3)
        assert (await scene.call("ListLayers"))["Layers"] == []

    async def after_restart(scene: Scene) -> None:
        assert await scene.publish() == f"{LAYER_ARN}l:4"

    play(tmp_path, first)
    play(tmp_path, after_restart)


@pytest.mark.parametrize(
    ("operation", "params", "refusal"),
    [
        ("GetLayerVersion", {"LayerName": "none", "VersionNumber": 1}, NOT_THERE),
        ("GetLayerVersion", {"LayerName": "l", "VersionNumber": 2}, NOT_THERE),
        (
            "GetLayerVersion",
            {"LayerName": "l", "VersionNumber": 0},
            (INVALID, "Layer Version Cannot be less than 1"),
        ),
        (
            "DeleteLayerVersion",
            {"LayerName": "l", "VersionNumber": 0},
            (INVALID, "Layer Version Cannot be less than 1"),
        ),
        ("GetLayerVersionByArn", {"Arn": f"{LAYER_ARN}l:7"}, NOT_THERE),
        (
            "GetLayerVersionByArn",
            {"Arn": f"{LAYER_ARN}l:1".replace("us-east-1", "eu-west-1")},
            NOT_THERE,
        ),
        (
            "PublishLayerVersion",
            {"LayerName": "l", "Content": {"ZipFile": b"x"}},
            (
                INVALID,
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            ),
        ),
    ],
)
def test_what_is_wrong_with_a_layer_is_said_as_aws_says_it(
    operation: str, params: dict[str, Any], refusal: tuple[str, str], tmp_path: Path
) -> None:
    async def act(scene: Scene) -> None:
        await scene.publish()
        assert await scene.refused(operation, **params) == refusal

    play(tmp_path, act)


def test_layers_are_listed_by_what_they_are_compatible_with(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.publish("a", CompatibleRuntimes=["python3.9"])
        await scene.publish("a", CompatibleRuntimes=["python3.11"])
        await scene.publish("b", CompatibleArchitectures=["arm64"])

        async def listed(**filters: str) -> list[str]:
            layers = (await scene.call("ListLayers", **filters))["Layers"]
            return [layer["LatestMatchingVersion"]["LayerVersionArn"] for layer in layers]

        assert await listed() == [f"{LAYER_ARN}a:2", f"{LAYER_ARN}b:1"]
        assert await listed(CompatibleRuntime="python3.9") == [f"{LAYER_ARN}a:1"]
        assert await listed(CompatibleArchitecture="arm64") == [f"{LAYER_ARN}b:1"]
        assert await listed(CompatibleRuntime="python3.8") == []

    play(tmp_path, act)


def test_the_versions_of_a_layer_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for _ in range(12):
            await scene.publish()
        numbers: list[int] = []
        params: dict[str, Any] = {"LayerName": "l", "MaxItems": 5}
        while True:
            page = await scene.call("ListLayerVersions", **params)
            numbers += [version["Version"] for version in page["LayerVersions"]]
            if "NextMarker" not in page:
                break
            params["Marker"] = page["NextMarker"]
        assert numbers == list(range(12, 0, -1))
        none = await scene.call("ListLayerVersions", LayerName="none")
        assert none == {"LayerVersions": []}

    play(tmp_path, act)


def test_a_function_keeps_a_layer_version_that_was_deleted(tmp_path: Path) -> None:
    async def first(scene: Scene) -> None:
        arns = [await scene.publish("a", OTHER_CODE), await scene.publish("b")]
        await scene.create("one", Layers=arns[:1])
        await scene.create("two", Layers=arns)
        for name in ("a", "b"):
            await scene.call("DeleteLayerVersion", LayerName=name, VersionNumber=1)
        code, message = await scene.refused("CreateFunction", name="three", Layers=arns[:1])
        assert (code, message) == (INVALID, f"Layer version {arns[0]} does not exist.")
        await check(scene)

    async def check(scene: Scene) -> None:
        for name in ("one", "two"):
            version = scene.control.functions.get_version(name)
            opt = scene.control.files.opt_dir(version)
            assert opt is not None
            assert (opt / "app.py").is_file()

    async def last(scene: Scene) -> None:
        await check(scene)
        await scene.call("DeleteFunction", FunctionName="one")
        await scene.call("DeleteFunction", FunctionName="two")
        await scene.control.files.close()
        for folder in ("code", "opt", "zips"):
            assert not list((tmp_path / "store" / folder).iterdir()), folder

    play(tmp_path, first)
    play(tmp_path, last)


def test_the_layers_of_a_function_are_shown_with_their_sizes(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        arn = await scene.publish("a", OTHER_CODE)
        answer = await scene.create(Layers=[arn])
        assert answer["Layers"] == [{"Arn": arn, "CodeSize": len(OTHER_CODE)}]
        await scene.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=4)
        kept = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert kept["Layers"] == answer["Layers"]
        removed = await scene.call("UpdateFunctionConfiguration", FunctionName="f", Layers=[])
        assert "Layers" not in removed

    play(tmp_path, act)


def test_layers_that_cannot_be_attached_are_refused(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        one, two = await scene.publish(), await scene.publish()
        elsewhere = one.replace("us-east-1", "eu-west-1")
        foreign = one.replace("000000000000", "111111111111")
        refusals = {
            (one, two): (
                INVALID,
                "Two different versions of the same layer are not allowed to be referenced in the "
                f"same function. {one} and {two} are versions of the same layer.",
            ),
            (f"{LAYER_ARN}l:9",): (INVALID, f"Layer version {LAYER_ARN}l:9 does not exist."),
            (elsewhere,): (
                INVALID,
                "Layers are not in the same region as the function. Layers are expected to be in "
                "region us-east-1.",
            ),
            (foreign,): (
                "AccessDeniedException",
                "User: arn:aws:iam::000000000000:root is not authorized to perform: "
                f"lambda:GetLayerVersion on resource: {foreign} because no resource-based policy "
                "allows the lambda:GetLayerVersion action",
            ),
            (one,) * 6: (INVALID, "Cannot reference more than 5 layers."),
        }
        for layers, refusal in refusals.items():
            assert await scene.refused("CreateFunction", Layers=list(layers)) == refusal

    play(tmp_path, act)


def test_code_and_layers_together_have_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = make_zip({"big": b"\0" * 1000})
    monkeypatch.setattr(limits, "UNZIPPED_BYTES_MAX", 1500)

    async def act(scene: Scene) -> None:
        arn = await scene.publish("a", big)
        code, message = await scene.refused(
            "CreateFunction", Layers=[arn], Code={"ZipFile": make_zip({"c": b"\0" * 501})}
        )
        assert code == INVALID
        assert message.endswith("The actual size is 1501 bytes.")
        await scene.create(Layers=[arn], Code={"ZipFile": make_zip({"c": b"\0" * 500})})

    play(tmp_path, act)


def test_tags_are_added_overwritten_and_removed(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Tags={"a": "1", "b": "2"})
        named = {"Resource": f"{ARN}f"}
        await scene.call("TagResource", **named, Tags={"b": "3", "c": "4"})
        await scene.call("UntagResource", **named, TagKeys=["a", "missing"])
        assert (await scene.call("ListTags", **named))["Tags"] == {"b": "3", "c": "4"}
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        assert (await scene.call("ListTags", **named))["Tags"] == {"b": "3", "c": "4"}

    async def again(scene: Scene) -> None:
        assert (await scene.call("ListTags", Resource=f"{ARN}f"))["Tags"] == {"b": "3", "c": "4"}
        await scene.call("DeleteFunction", FunctionName="f")
        await scene.create()
        assert (await scene.call("ListTags", Resource=f"{ARN}f"))["Tags"] == {}

    play(tmp_path, act)
    play(tmp_path, again)


def test_tags_that_aws_does_not_take_are_refused(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Tags={"a": "1"})
        assert await scene.refused(
            "TagResource", Resource=f"{ARN}f", Tags={str(number): "" for number in range(50)}
        ) == (INVALID, "Number of tags exceeds resource tag limit.")
        assert await scene.refused("TagResource", Resource=f"{ARN}f", Tags={}) == (
            INVALID,
            "An error occurred and the request cannot be processed.",
        )
        assert await scene.refused("TagResource", Resource=f"{ARN}f:$LATEST", Tags={"a": "b"}) == (
            INVALID,
            "Tagging operations are permitted on Lambda functions only. Tags on aliases and "
            "versions are not supported. Please specify either a function name or a function ARN.",
        )
        assert (await scene.call("ListTags", Resource=f"{ARN}f"))["Tags"] == {"a": "1"}

    play(tmp_path, act)
