"""Function URL configs on a control plane of their own. [LS]: recorded from AWS by LocalStack's
tests (test_lambda_api.snapshot.json TestLambdaUrl, test_lambda.snapshot.json TestLambdaURL)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lambent.clock import ManualClock
from tests.control.scene import ARN, Scene, play

MISSING = ("ResourceNotFoundException", "The resource you requested does not exist.")
NO_FUNCTION = ("ResourceNotFoundException", "Function does not exist")
OTHER_QUALIFIER = (
    "InvalidParameterValueException",
    "The derived qualifier from the function name does not match the specified qualifier.",
)


async def _with_alias(scene: Scene) -> None:
    await scene.create("f")
    await scene.call("PublishVersion", FunctionName="f")
    await scene.call("CreateAlias", FunctionName="f", Name="prod", FunctionVersion="1")


def test_a_url_is_created_read_changed_and_deleted(tmp_path: Path) -> None:
    """[LS] TestLambdaURL.test_lambda_update_function_url_config, TestLambdaUrl lifecycle."""
    clock = ManualClock()

    async def act(scene: Scene) -> None:
        await scene.create("f")
        created = await scene.call("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
        url = created["FunctionUrl"]
        url_id, rest = url.removeprefix("http://").split(".", 1)
        assert rest == "lambda-url.us-east-1.localhost:4566/"
        assert len(url_id) == 32
        assert url_id.isalnum()
        assert url_id == url_id.lower()
        assert created == {
            "FunctionUrl": url,
            "FunctionArn": f"{ARN}f",
            "AuthType": "NONE",
            "CreationTime": "2023-11-14T22:13:20.000000Z",
        }
        clock.advance(1.5)
        cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET", "*"], "MaxAge": 5}
        changed = await scene.call(
            "UpdateFunctionUrlConfig", FunctionName="f", InvokeMode="RESPONSE_STREAM", Cors=cors
        )
        assert changed == {
            **created,
            "InvokeMode": "RESPONSE_STREAM",
            "Cors": cors,
            "LastModifiedTime": "2023-11-14T22:13:21.500000Z",
        }
        # What is not given stays.
        again = await scene.call("UpdateFunctionUrlConfig", FunctionName="f", AuthType="AWS_IAM")
        assert again == {**changed, "AuthType": "AWS_IAM"}
        assert await scene.call("GetFunctionUrlConfig", FunctionName="f") == again
        # As Terraform takes CORS away.
        without = await scene.call("UpdateFunctionUrlConfig", FunctionName="f", Cors={})
        assert "Cors" not in without
        await scene.call("DeleteFunctionUrlConfig", FunctionName="f")
        assert await scene.refused("GetFunctionUrlConfig", FunctionName="f") == MISSING
        remade = await scene.call(
            "CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE", InvokeMode="BUFFERED"
        )
        assert remade["InvokeMode"] == "BUFFERED"
        assert remade["FunctionUrl"] != url

    play(tmp_path, act, clock=clock)


def test_a_second_url_is_refused_and_an_alias_has_its_own(tmp_path: Path) -> None:
    """[LS] TestLambdaUrl."""

    async def act(scene: Scene) -> None:
        await _with_alias(scene)
        given: dict[str, Any] = {"FunctionName": "f", "AuthType": "NONE"}
        plain = await scene.call("CreateFunctionUrlConfig", **given)
        alias = await scene.call("CreateFunctionUrlConfig", **given, Qualifier="prod")
        assert alias["FunctionArn"] == f"{ARN}f:prod"
        assert alias["FunctionUrl"] != plain["FunctionUrl"]
        for name, arn in (("f", f"{ARN}f"), ("f:prod", f"{ARN}f:prod")):
            assert await scene.refused(
                "CreateFunctionUrlConfig", FunctionName=name, AuthType="NONE"
            ) == (
                "ResourceConflictException",
                f"Failed to create function url config for [functionArn = {arn}]. "
                "Error message:  FunctionUrlConfig exists for this Lambda function",
            )
        listed = await scene.call("ListFunctionUrlConfigs", FunctionName="f")
        assert [one["FunctionArn"] for one in listed["FunctionUrlConfigs"]] == [
            f"{ARN}f",
            f"{ARN}f:prod",
        ]
        one = await scene.call("ListFunctionUrlConfigs", FunctionName="f", MaxItems=1)
        rest = await scene.call(
            "ListFunctionUrlConfigs", FunctionName="f", MaxItems=1, Marker=one["NextMarker"]
        )
        assert [*one["FunctionUrlConfigs"], *rest["FunctionUrlConfigs"]] == listed[
            "FunctionUrlConfigs"
        ]
        assert "NextMarker" not in rest

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("operation", "params", "missing_function", "missing_alias", "missing_config"),
    [
        ("CreateFunctionUrlConfig", {"AuthType": "NONE"}, NO_FUNCTION, NO_FUNCTION, None),
        ("GetFunctionUrlConfig", {}, MISSING, MISSING, MISSING),
        ("UpdateFunctionUrlConfig", {}, NO_FUNCTION, NO_FUNCTION, MISSING),
        ("DeleteFunctionUrlConfig", {}, MISSING, MISSING, MISSING),
    ],
)
def test_what_is_not_there_is_said_in_the_words_of_the_operation(
    tmp_path: Path,
    operation: str,
    params: dict[str, Any],
    missing_function: tuple[str, str],
    missing_alias: tuple[str, str],
    missing_config: tuple[str, str] | None,
) -> None:
    """[LS] TestLambdaUrl.test_url_config_exceptions."""

    async def act(scene: Scene) -> None:
        await scene.create("f")

        async def refused(**named: Any) -> tuple[str, str]:
            return await scene.refused(operation, **params, **named)

        assert await refused(FunctionName="g") == missing_function
        assert await refused(FunctionName="f", Qualifier="no") == missing_alias
        assert await refused(FunctionName=f"{ARN}f:a", Qualifier="b") == OTHER_QUALIFIER
        if missing_config is not None:
            assert await refused(FunctionName="f") == missing_config

    play(tmp_path, act)


def test_urls_go_with_their_function_and_their_alias(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await _with_alias(scene)
        urls = scene.control.plane.urls
        await scene.call("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
        await scene.call("CreateFunctionUrlConfig", FunctionName="f:prod", AuthType="NONE")
        ids = [config.url_id for _, config in urls.list("f", marker=None, items_max=None).items]
        assert all(urls.find(one) is not None for one in ids)
        await scene.call("DeleteAlias", FunctionName="f", Name="prod")
        assert urls.find(ids[1]) is None
        assert await scene.refused("GetFunctionUrlConfig", FunctionName="f:prod") == MISSING
        assert urls.find(ids[0]) is not None
        await scene.call("DeleteFunction", FunctionName="f")
        assert urls.find(ids[0]) is None
        await scene.create("f")
        assert await scene.refused("GetFunctionUrlConfig", FunctionName="f") == MISSING

    play(tmp_path, act)


def test_an_id_leads_to_the_same_place_after_a_restart(tmp_path: Path) -> None:
    made: list[str] = []

    async def create(scene: Scene) -> None:
        await _with_alias(scene)
        cors = {"AllowOrigins": ["*"], "AllowCredentials": True}
        created = await scene.call(
            "CreateFunctionUrlConfig", FunctionName="f:prod", AuthType="AWS_IAM", Cors=cors
        )
        made.append(created["FunctionUrl"])

    async def look(scene: Scene) -> None:
        found = await scene.call("GetFunctionUrlConfig", FunctionName="f", Qualifier="prod")
        assert found["FunctionUrl"] == made[0]
        target = scene.control.plane.urls.find(made[0][7:39])
        assert target is not None
        assert (target.name, target.qualifier) == ("f", "prod")
        assert target.cors is not None
        assert target.cors.origins == ("*",)
        assert target.cors.credentials
        assert target.config.auth_type == "AWS_IAM"

    play(tmp_path, create)
    play(tmp_path, look)


def test_a_tag_of_the_function_may_choose_the_id(tmp_path: Path) -> None:
    """LocalStack's convention `_custom_id_`; one that is no host name or taken is passed over."""

    async def act(scene: Scene) -> None:
        for name, tag in (("a", "My-Site"), ("b", "my-site"), ("c", "no_label")):
            await scene.create(name, Tags={"_custom_id_": tag})
            await scene.call("CreateFunctionUrlConfig", FunctionName=name, AuthType="NONE")
        urls = scene.control.plane.urls
        found = urls.find("my-site")
        assert found is not None
        assert found.name == "a"
        for name in ("b", "c"):
            ((_, config),) = urls.list(name, marker=None, items_max=None).items
            assert len(config.url_id) == 32

    play(tmp_path, act)


def test_a_method_that_no_page_may_ask_for_is_refused(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create("f")
        refused = await scene.refused(
            "CreateFunctionUrlConfig",
            FunctionName="f",
            AuthType="NONE",
            Cors={"AllowMethods": ["TRACE"]},
        )
        assert refused[0] == "InvalidParameterValueException"
        assert await scene.refused("GetFunctionUrlConfig", FunctionName="f") == MISSING

    play(tmp_path, act)
