"""Layers and the account's settings, against the running server. Golden texts: tests/control."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambent.domain import limits
from tests.conftest import RUNTIME, RunningServer, make_zip

ELSEWHERE = "arn:aws:lambda:eu-west-1:000000000000:layer:configs-layer"
CONTENT = make_zip({"python/configs_layer.py": "VALUE = 'from the layer'\n"})


def publish(api: Any, name: str, content: bytes = CONTENT, **params: Any) -> Any:
    return api.publish_layer_version(LayerName=name, Content={"ZipFile": content}, **params)


def test_a_layer_is_published_read_used_and_deleted(api: Any, server: RunningServer) -> None:
    name = "configs-layer"
    made = publish(
        api,
        name,
        Description="d",
        CompatibleRuntimes=[RUNTIME],
        CompatibleArchitectures=["x86_64"],
        LicenseInfo="MIT",
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert publish(api, name)["Version"] == made["Version"] + 1  # never the same version again
    found = api.get_layer_version(LayerName=name, VersionNumber=made["Version"])
    by_arn = api.get_layer_version_by_arn(Arn=made["LayerVersionArn"])
    for answer in (found, by_arn):
        assert answer["LayerArn"] == made["LayerArn"]
        assert (answer["Description"], answer["LicenseInfo"]) == ("d", "MIT")
        with urllib.request.urlopen(answer["Content"]["Location"]) as package:
            assert package.read() == CONTENT
    source = "import configs_layer\ndef handler(event, context): return configs_layer.VALUE\n"
    client = server.create("configs-layer-user", source, Layers=[made["LayerVersionArn"]])
    for _ in range(2):
        api.delete_layer_version(LayerName=name, VersionNumber=made["Version"])
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_layer_version(LayerName=name, VersionNumber=made["Version"])
    # A function keeps the layer version that it has.
    answer = client.invoke(FunctionName="configs-layer-user")
    assert answer["Payload"].read() == b'"from the layer"'


def test_layers_and_their_versions_come_in_pages(api: Any) -> None:
    names = [f"configs-pages-{number}" for number in range(3)]
    for name in names:
        publish(api, name, CompatibleRuntimes=["python3.8"])
    versions = [publish(api, names[0])["Version"] for _ in range(4)]
    pages = list(
        api.get_paginator("list_layer_versions").paginate(
            LayerName=names[0], PaginationConfig={"PageSize": 2}
        )
    )
    assert [[one["Version"] for one in page["LayerVersions"]] for page in pages] == [
        versions[:1:-1],
        versions[1::-1],
        [versions[0] - 1],
    ]
    listed = [
        layer["LayerName"]
        for page in api.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1})
        for layer in page["Layers"]
    ]
    assert listed == sorted(set(listed))
    assert set(names) <= set(listed)
    fitting = api.list_layers(CompatibleRuntime="python3.8")["Layers"]
    assert {one["LayerName"]: one["LatestMatchingVersion"]["Version"] for one in fitting}[
        names[0]
    ] == versions[0] - 1


def test_errors_of_layers(api: Any) -> None:
    invalid = api.exceptions.InvalidParameterValueException
    gone = api.exceptions.ResourceNotFoundException
    content = {"ZipFile": CONTENT}
    refusals: list[tuple[type[Exception], Callable[..., Any], dict[str, Any]]] = [
        (invalid, api.publish_layer_version, {"LayerName": "l", "Content": {"ZipFile": b"no"}}),
        (gone, api.publish_layer_version, {"LayerName": ELSEWHERE, "Content": content}),
        (invalid, api.get_layer_version, {"LayerName": "l", "VersionNumber": 0}),
        (gone, api.get_layer_version, {"LayerName": "configs-no", "VersionNumber": 1}),
        (invalid, api.get_layer_version_by_arn, {"Arn": f"{ELSEWHERE}:0"}),
        (gone, api.get_layer_version_by_arn, {"Arn": f"{ELSEWHERE}:1"}),
        (invalid, api.list_layer_versions, {"LayerName": "l", "Marker": "?"}),
        (gone, api.list_layer_versions, {"LayerName": ELSEWHERE}),
        (invalid, api.list_layers, {"Marker": "?"}),
        (invalid, api.delete_layer_version, {"LayerName": "l", "VersionNumber": 0}),
        (gone, api.delete_layer_version, {"LayerName": ELSEWHERE, "VersionNumber": 1}),
    ]
    for error, call, params in refusals:
        with pytest.raises(error):
            call(**params)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("publish_layer_version", {"LayerName": "no name", "Content": {}}),
        ("publish_layer_version", {"LayerName": "l", "Content": {}, "Description": "d" * 257}),
        ("get_layer_version_by_arn", {"Arn": "x"}),
        ("list_layers", {"MaxItems": 51}),
        ("list_layers", {"CompatibleRuntime": "x"}),
        ("list_layer_versions", {"LayerName": "l", "CompatibleArchitecture": "x"}),
    ],
)
def test_values_out_of_the_models_bounds_are_refused_for_layers(
    api: Any, operation: str, params: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="validation error detected") as caught:
        getattr(api, operation)(**params)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_the_accounts_settings_are_its_limits_and_its_use(api: Any, server: RunningServer) -> None:
    before = api.get_account_settings()
    server.create("configs-account", {"app.py": "x = 1\n"})
    after = api.get_account_settings()
    added = after["AccountUsage"]["TotalCodeSize"] - before["AccountUsage"]["TotalCodeSize"]
    found = api.get_function(FunctionName="configs-account")["Configuration"]
    assert added == found["CodeSize"]
    assert after["AccountUsage"]["FunctionCount"] == before["AccountUsage"]["FunctionCount"] + 1
    limit = after["AccountLimit"]
    assert limit["TotalCodeSize"] == limits.CODE_STORAGE_BYTES_MAX
    assert (limit["CodeSizeUnzipped"], limit["CodeSizeZipped"]) == (
        limits.UNZIPPED_BYTES_MAX,
        limits.ZIP_BYTES_MAX,
    )
    assert limit["UnreservedConcurrentExecutions"] <= limit["ConcurrentExecutions"]
