"""Function URL configs, against the running server; golden texts: tests/control/test_urls.py."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer

_QUEUED = "a change that comes during another waits for it instead of being refused"
CANNOT_OCCUR = {
    ("UpdateFunctionUrlConfig", "ResourceConflictException"): _QUEUED,
    ("DeleteFunctionUrlConfig", "ResourceConflictException"): _QUEUED,
}
HANDLER = "def handler(event, context): return event"
NAME = "urls-config"
QUALIFIED_OPERATIONS = (
    "create_function_url_config",
    "get_function_url_config",
    "update_function_url_config",
    "delete_function_url_config",
)


@pytest.fixture
def function(server: RunningServer) -> str:
    client = server.client("lambda")
    try:
        client.get_function(FunctionName=NAME)
    except client.exceptions.ResourceNotFoundException:
        server.create(NAME, HANDLER)
        client.publish_version(FunctionName=NAME)
        client.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
    return NAME


def test_a_function_url_config_lives_its_life(
    server: RunningServer, api: Any, function: str
) -> None:
    cors = {
        "AllowCredentials": True,
        "AllowHeaders": ["x-a", "x-b"],
        "AllowMethods": ["GET", "POST"],
        "AllowOrigins": ["https://a.example"],
        "ExposeHeaders": ["date"],
        "MaxAge": 86_400,
    }
    created = api.create_function_url_config(
        FunctionName=function, Qualifier="live", AuthType="AWS_IAM", Cors=cors
    )
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert created["FunctionUrl"].endswith(f".lambda-url.us-east-1.localhost:{server.port}/")
    assert created["Cors"] == cors
    with pytest.raises(api.exceptions.ResourceConflictException) as caught:
        api.create_function_url_config(FunctionName=f"{function}:live", AuthType="NONE")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert caught.value.response["Type"] == "User"
    plain = api.create_function_url_config(FunctionName=function, AuthType="NONE")

    changed = api.update_function_url_config(
        FunctionName=function, Qualifier="live", InvokeMode="RESPONSE_STREAM"
    )
    found = api.get_function_url_config(FunctionName=function, Qualifier="live")
    for answer in (changed, found):
        assert answer["FunctionUrl"] == created["FunctionUrl"]
        assert answer["InvokeMode"] == "RESPONSE_STREAM"
        assert answer["Cors"] == cors
        assert answer["LastModifiedTime"] >= answer["CreationTime"] == created["CreationTime"]
    pages = api.get_paginator("list_function_url_configs").paginate(
        FunctionName=function, PaginationConfig={"PageSize": 1}
    )
    listed = [one["FunctionUrl"] for page in pages for one in page["FunctionUrlConfigs"]]
    assert listed == [plain["FunctionUrl"], created["FunctionUrl"]]
    for qualifier in ({}, {"Qualifier": "live"}):
        gone = api.delete_function_url_config(FunctionName=function, **qualifier)
        assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
        with pytest.raises(api.exceptions.ResourceNotFoundException):
            api.delete_function_url_config(FunctionName=function, **qualifier)
    assert api.list_function_url_configs(FunctionName=function)["FunctionUrlConfigs"] == []


@pytest.mark.parametrize("operation", [*QUALIFIED_OPERATIONS, "list_function_url_configs"])
def test_errors_of_function_url_configs(api: Any, function: str, operation: str) -> None:
    call = getattr(api, operation)
    given = {"AuthType": "NONE"} if operation.startswith("create") else {}
    with pytest.raises(api.exceptions.ResourceNotFoundException) as caught:
        call(FunctionName="urls-missing", **given)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    wrong = {"FunctionName": f"{function}:a", "Qualifier": "b", **given}
    if operation.startswith("list"):
        wrong = {"FunctionName": function, "Marker": "?"}
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        call(**wrong)


@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "2"])
@pytest.mark.parametrize("operation", QUALIFIED_OPERATIONS)
def test_a_url_is_for_a_function_or_an_alias_only(
    api: Any, function: str, operation: str, qualifier: str
) -> None:
    """[LS] TestLambdaUrl.test_url_config_exceptions."""
    given = {"AuthType": "NONE"} if operation.startswith("create") else {}
    with pytest.raises(ClientError) as caught:
        getattr(api, operation)(FunctionName=function, Qualifier=qualifier, **given)
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to "
        "satisfy constraint: Member must satisfy regular expression pattern: "
        r"((?!^\d+$)^[0-9a-zA-Z-_]+$)",
    }
    with pytest.raises(ClientError, match="at 'functionName' failed to satisfy constraint"):
        getattr(api, operation)(FunctionName=f"{function}:{qualifier}", **given)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"AuthType": "none"},
        {"AuthType": "NONE", "InvokeMode": "UNKNOWN"},
        {"AuthType": "NONE", "Cors": {"MaxAge": 86_401}},
        {"AuthType": "NONE", "Cors": {"MaxAge": -1}},
        {"AuthType": "NONE", "Cors": {"AllowMethods": ["OPTIONS"]}},
        {"AuthType": "NONE", "Cors": {"AllowMethods": ["GET"] * 7}},
        {"AuthType": "NONE", "Cors": {"AllowOrigins": [""]}},
        {"AuthType": "NONE", "Cors": {"AllowOrigins": ["x" * 254]}},
        {"AuthType": "NONE", "Cors": {"AllowHeaders": ["x" * 1_025]}},
        {"AuthType": "NONE", "Cors": {"ExposeHeaders": ["x"] * 101}},
    ],
)
def test_settings_of_a_url_out_of_the_models_bounds_are_refused(
    api: Any, function: str, given: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="validation error detected") as caught:
        api.create_function_url_config(FunctionName=function, **given)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_function_url_config(FunctionName=function)


def test_an_unknown_invoke_mode_is_refused_in_awss_words(api: Any, function: str) -> None:
    """[LS] TestLambdaURL.test_lambda_url_invalid_invoke_mode; the order of the set is not AWS's."""
    with pytest.raises(ClientError) as caught:
        api.create_function_url_config(FunctionName=function, AuthType="NONE", InvokeMode="UNKNOWN")
    assert caught.value.response["Error"]["Message"].startswith(
        "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy "
        "constraint: Member must satisfy enum value set: ["
    )
