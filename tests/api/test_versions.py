"""Versions through unmodified boto3: published code that runs as it was, and every modelled error.

Shapes and texts are pinned in tests/control/test_versions.py; here it is real functions.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import ROLE, RUNTIME, RunningServer, make_zip

CANNOT_OCCUR: dict[tuple[str, str], str] = {}

HANDLER = """
import os
CODE = {code!r}
def handler(event, context):
    return {{
        "code": CODE,
        "version": context.function_version,
        "variable": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        "stream": context.log_stream_name,
        "setting": os.environ.get("SETTING"),
    }}
"""


def package(code: str) -> bytes:
    return make_zip({"app.py": HANDLER.format(code=code)})


def create(api: Any, name: str, code: str = "first", **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = api.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": package(code)},
        **options,
    )
    return answer


def run(api: Any, name: str, qualifier: str | None = None) -> tuple[dict[str, Any], str]:
    """What the function says and the version that the answer names."""
    answer = api.invoke(FunctionName=name, **({"Qualifier": qualifier} if qualifier else {}))
    assert "FunctionError" not in answer
    return json.loads(answer["Payload"].read()), answer["ExecutedVersion"]


def test_each_version_runs_as_it_was_published(api: Any) -> None:
    name = "versions-run"
    create(api, name, Environment={"Variables": {"SETTING": "one"}}, Publish=True)
    api.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="1")
    api.update_function_code(FunctionName=name, ZipFile=package("second"))
    api.get_waiter("function_updated_v2").wait(FunctionName=name)
    api.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"SETTING": "two"}}
    )
    assert api.publish_version(FunctionName=name)["Version"] == "2"
    api.update_function_code(FunctionName=name, ZipFile=package("third"))
    for qualifier, code, setting in (
        ("1", "first", "one"),
        ("2", "second", "two"),
        ("$LATEST", "third", "two"),
        ("1", "first", "one"),
    ):
        said, executed = run(api, name, qualifier)
        assert executed == said["version"] == said["variable"] == qualifier
        assert (said["code"], said["setting"]) == (code, setting)
        assert f"[{qualifier}]" in said["stream"]
    assert run(api, name)[1] == "$LATEST"
    assert run(api, f"{name}:1")[0]["code"] == "first"
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}:2"
    assert run(api, arn)[0]["code"] == "second"
    assert run(api, f"000000000000:function:{name}:2")[0]["code"] == "second"


def test_a_version_keeps_a_deleted_layer(api: Any) -> None:
    name = "versions-layer"
    layer = api.publish_layer_version(
        LayerName="versions-layer",
        Content={"ZipFile": make_zip({"python/versions_layered.py": "VALUE = 'kept'"})},
    )
    source = "from versions_layered import VALUE\ndef handler(event, context): return VALUE"
    api.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": make_zip({"app.py": source})},
        Layers=[layer["LayerVersionArn"]],
        Publish=True,
    )
    api.delete_layer_version(LayerName="versions-layer", VersionNumber=layer["Version"])
    api.delete_function(FunctionName=f"{name}:99")
    api.update_function_configuration(FunctionName=name, Layers=[])
    answer = api.invoke(FunctionName=name, Qualifier="1")
    assert json.loads(answer["Payload"].read()) == "kept"


def test_the_waiters_find_what_was_published(api: Any) -> None:
    name = "versions-waiters"
    create(api, name, Publish=True)
    api.get_waiter("function_exists").wait(FunctionName=name)
    api.get_waiter("function_active_v2").wait(FunctionName=name)
    api.get_waiter("function_updated_v2").wait(FunctionName=name)
    api.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="1")


def test_a_function_can_be_named_with_its_version_in_every_way(api: Any) -> None:
    name = "versions-names"
    create(api, name, Publish=True)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    for named in (name, f"function:{name}", f"000000000000:function:{name}", arn):
        for given in (
            {"FunctionName": f"{named}:1"},
            {"FunctionName": named, "Qualifier": "1"},
            {"FunctionName": f"{named}:1", "Qualifier": "1"},
        ):
            for found in (
                api.get_function(**given)["Configuration"],
                api.get_function_configuration(**given),
            ):
                assert (found["FunctionArn"], found["Version"]) == (f"{arn}:1", "1")
        for operation in (api.get_function, api.get_function_configuration, api.invoke):
            with pytest.raises(api.exceptions.InvalidParameterValueException) as caught:
                operation(FunctionName=f"{named}:1", Qualifier="2")
            assert caught.value.response["Error"]["Message"] == (
                "The derived qualifier from the function name does not match the specified "
                "qualifier."
            )


def test_listings_of_versions_come_in_pages(api: Any) -> None:
    name = "versions-pages"
    create(api, name)
    for memory_mib in (129, 130, 131):
        api.update_function_configuration(FunctionName=name, MemorySize=memory_mib)
        api.publish_version(FunctionName=name)
    paginator = api.get_paginator("list_versions_by_function")
    pages = list(paginator.paginate(FunctionName=name, PaginationConfig={"PageSize": 2}))
    assert [[one["Version"] for one in page["Versions"]] for page in pages] == [
        ["$LATEST", "1"],
        ["2", "3"],
    ]
    paginator = api.get_paginator("list_functions")
    pages = list(paginator.paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 2}))
    found = [
        one["Version"] for page in pages for one in page["Functions"] if one["FunctionName"] == name
    ]
    assert found == ["$LATEST", "1", "2", "3"]


def on_provider(api: Any, name: str, code: str, **options: Any) -> dict[str, Any]:
    provider = api.create_capacity_provider(
        CapacityProviderName=name,
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        PermissionsConfig={
            "CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/operator"
        },
    )["CapacityProvider"]
    on_it = {"CapacityProviderArn": provider["CapacityProviderArn"]}
    return create(
        api,
        name,
        code,
        MemorySize=2048,
        CapacityProviderConfig={"LambdaManagedInstancesCapacityProviderConfig": on_it},
        **options,
    )


def test_latest_published_is_published_over_and_over(api: Any) -> None:
    """[DG] "$LATEST.PUBLISHED version in Lambda Managed Instances"."""
    name, number = "versions-over", "$LATEST.PUBLISHED"
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}:{number}"
    on_provider(api, name, "first")
    to = {"PublishTo": "LATEST_PUBLISHED"}
    published = api.publish_version(FunctionName=name, **to)
    assert (published["Version"], published["FunctionArn"]) == (number, arn)
    again = api.publish_version(FunctionName=name, **to)
    assert again["RevisionId"] == published["RevisionId"], "nothing changed"
    api.update_function_code(FunctionName=name, ZipFile=package("second"))
    assert run(api, name)[0]["code"] == "first", "an unqualified call runs what was published"
    said, executed = run(api, name, number)
    assert said["version"] == executed == number
    assert run(api, name, "$LATEST")[0]["code"] == "second"
    assert api.publish_version(FunctionName=name, **to)["CodeSha256"] != published["CodeSha256"]
    assert run(api, name)[0]["code"] == "second"
    answer = api.update_function_code(FunctionName=name, ZipFile=package("third"), **to)
    assert (answer["Version"], answer["State"]) == (number, "Pending")
    assert run(api, name)[0]["code"] == "third"
    assert api.publish_version(FunctionName=name)["Version"] == "1"
    listed = api.list_versions_by_function(FunctionName=name)["Versions"]
    assert [one["Version"] for one in listed] == ["$LATEST", number, "1"]
    found = api.get_function_configuration(FunctionName=arn)
    assert (found["FunctionArn"], found["Version"]) == (arn, number)
    api.create_alias(FunctionName=name, Name="live", FunctionVersion=number)
    assert run(api, name, "live")[1] == number
    with pytest.raises(api.exceptions.ResourceConflictException):
        api.delete_function(FunctionName=name, Qualifier=number)
    api.delete_alias(FunctionName=name, Name="live")
    api.delete_function(FunctionName=name, Qualifier=number)
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_function(FunctionName=name, Qualifier=number)
    created = on_provider(api, f"{name}-created", "first", Publish=True, **to)
    assert created["Version"] == number


def test_every_error_of_versions(api: Any, server: RunningServer) -> None:
    """What the model lists for PublishVersion and ListVersionsByFunction."""
    name = "versions-errors"
    create(api, name)
    errors = api.exceptions
    refused: list[tuple[Any, type[Exception], dict[str, Any]]] = [
        (api.publish_version, errors.ResourceNotFoundException, {"FunctionName": "versions-none"}),
        (
            api.publish_version,
            errors.InvalidParameterValueException,
            {"FunctionName": name, "CodeSha256": "wrong"},
        ),
        (
            api.publish_version,
            errors.InvalidParameterValueException,
            {"FunctionName": name, "PublishTo": "LATEST_PUBLISHED"},
        ),
        (
            api.publish_version,
            errors.PreconditionFailedException,
            {"FunctionName": name, "RevisionId": "stale"},
        ),
        (
            api.list_versions_by_function,
            errors.ResourceNotFoundException,
            {"FunctionName": "versions-none"},
        ),
        (
            api.list_versions_by_function,
            errors.InvalidParameterValueException,
            {"FunctionName": name, "Marker": "no marker"},
        ),
    ]
    for operation, error, params in refused:
        with pytest.raises(error):
            operation(**params)
    assert [
        one["Version"] for one in api.list_versions_by_function(FunctionName=name)["Versions"]
    ] == ["$LATEST"]


def test_a_function_without_an_interpreter_is_not_published(
    api: Any, server: RunningServer
) -> None:
    """State Failed: no runtime of its own on this host. Skipped where every runtime is there."""
    name = "versions-failed"
    missing = next(
        (f"python3.{minor}" for minor in range(8, 15) if f"3.{minor}" not in server.banner), None
    )
    if missing is None:
        pytest.skip("this host has every runtime")
    create(api, name)
    api.update_function_configuration(FunctionName=name, Runtime=missing)
    found = api.get_function_configuration(FunctionName=name)
    assert (found["LastUpdateStatus"], found["State"]) == ("Failed", "Failed")
    for operation in (api.publish_version, api.invoke):
        with pytest.raises(api.exceptions.ResourceConflictException):
            operation(FunctionName=name)
