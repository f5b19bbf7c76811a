"""Runtime management through unmodified boto3: the three modes, and every modelled error."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.test_versions import create
from tests.conftest import ROLE, make_zip

CANNOT_OCCUR: dict[tuple[str, str], str] = {}

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def said(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def test_a_version_has_a_mode_of_its_own(api: Any) -> None:
    name = "management-modes"
    runtime_arn = create(api, name, Publish=True)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    default = api.get_runtime_management_config(FunctionName=name)
    assert said(default) == {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}{name}"}
    put = api.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="FunctionUpdate")
    assert said(put) == {"UpdateRuntimeOn": "FunctionUpdate", "FunctionArn": f"{ARN}{name}"}
    one = {"FunctionName": name, "Qualifier": "1"}
    assert api.get_runtime_management_config(**one)["UpdateRuntimeOn"] == "Auto"
    pinned = api.put_runtime_management_config(
        **one, UpdateRuntimeOn="Manual", RuntimeVersionArn=runtime_arn
    )
    assert said(pinned) == {
        "UpdateRuntimeOn": "Manual",
        "FunctionArn": f"{ARN}{name}:1",
        "RuntimeVersionArn": runtime_arn,
    }
    assert said(api.get_runtime_management_config(FunctionName=f"{name}:1")) == said(pinned)
    found = api.get_function_configuration(**one)
    assert found["RuntimeVersionConfig"]["RuntimeVersionArn"] == runtime_arn
    latest = api.get_runtime_management_config(FunctionName=name, Qualifier="$LATEST")
    assert latest["UpdateRuntimeOn"] == "FunctionUpdate"


def test_another_runtime_ends_the_binding_to_the_old_one(api: Any) -> None:
    name = "management-new-runtime"
    created = create(api, name)
    api.put_runtime_management_config(
        FunctionName=name,
        UpdateRuntimeOn="Manual",
        RuntimeVersionArn=created["RuntimeVersionConfig"]["RuntimeVersionArn"],
    )
    api.update_function_configuration(FunctionName=name, Description="the same runtime")
    assert api.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Manual"
    other = "python3.12" if created["Runtime"] != "python3.12" else "python3.13"
    api.update_function_configuration(FunctionName=name, Runtime=other)
    assert api.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Auto"


def test_what_is_set_goes_with_the_version(api: Any) -> None:
    name = "management-gone"
    create(api, name, Publish=True)
    api.put_runtime_management_config(
        FunctionName=name, Qualifier="1", UpdateRuntimeOn="FunctionUpdate"
    )
    api.delete_function(FunctionName=name, Qualifier="1")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_runtime_management_config(FunctionName=name, Qualifier="1")


def test_every_error_of_runtime_management(api: Any) -> None:
    name = "management-errors"
    runtime_arn = create(api, name, Publish=True)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    api.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    put, get = api.put_runtime_management_config, api.get_runtime_management_config
    auto = {"UpdateRuntimeOn": "Auto"}
    other = f"{runtime_arn[:-64]}{'0' * 64}"
    invalid, missing = "InvalidParameterValueException", "ResourceNotFoundException"
    refused: list[tuple[Callable[..., Any], str, dict[str, Any]]] = [
        (put, missing, {"FunctionName": "management-none", **auto}),
        (put, missing, {"FunctionName": f"{name}:9", **auto}),
        (put, invalid, {"FunctionName": f"{name}:live", **auto}),
        (put, invalid, {"FunctionName": f"{name}:1", "Qualifier": "2", **auto}),
        (put, invalid, {"FunctionName": name, "UpdateRuntimeOn": "Manual"}),
        (put, invalid, {"FunctionName": name, **auto, "RuntimeVersionArn": runtime_arn}),
        (
            put,
            invalid,
            {"FunctionName": name, "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": other},
        ),
        (put, "ValidationException", {"FunctionName": name, "UpdateRuntimeOn": "Never"}),
        (get, missing, {"FunctionName": "management-none"}),
        (get, missing, {"FunctionName": f"{name}:9"}),
        (get, invalid, {"FunctionName": f"{name}:live"}),
    ]
    for operation, code, params in refused:
        with pytest.raises(ClientError) as caught:
            operation(**params)
        assert caught.value.response["Error"]["Code"] == code
    with pytest.raises(ClientError, match=f"{ARN}{name}:live is invalid. Aliases are not allowed"):
        get(FunctionName=name, Qualifier="live")
    assert get(FunctionName=name)["UpdateRuntimeOn"] == "Auto"


def test_a_change_of_the_function_that_is_under_way_is_waited_for(api: Any) -> None:
    """ResourceConflictException: an update is in progress."""
    name = "management-conflict"
    create(api, name)

    def change(number: int) -> str:
        try:
            if number % 4:
                api.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="Auto")
            else:
                api.update_function_code(
                    FunctionName=name, ZipFile=make_zip({"app.py": f"{number} # {ROLE}"})
                )
        except ClientError as error:
            return f"{error.operation_name}: {error.response['Error']['Code']}"
        return "done"

    seen: set[str] = set()
    wanted = "PutRuntimeManagementConfig: ResourceConflictException"
    with ThreadPoolExecutor(16) as threads:
        for _ in range(100):
            seen |= set(threads.map(change, range(16)))
            if wanted in seen:
                break
    assert wanted in seen
