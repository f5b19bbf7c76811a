"""Options that are not there: the default passes, everything else is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.api.code_sources import CodeSources
from lambent.api.options import refuse_unsupported
from lambent.domain.errors import LambdaError

DEFAULTS: list[dict[str, Any]] = [
    {},
    {"VpcConfig": {}},
    {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": False}},
    {"DeadLetterConfig": {"TargetArn": ""}},
    {"KMSKeyArn": ""},
    {"TracingConfig": {"Mode": "PassThrough"}},
    {"FileSystemConfigs": []},
    {"ImageConfig": {}},
    {"SnapStart": {"ApplyOn": "None"}},
    {"LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}},
    {"PackageType": "Zip"},
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "VpcConfig"),
    ({"FileSystemConfigs": [{"S3FilesConfig": {"ReadOnly": True}}]}, "S3FilesConfig"),
    ({"DurableConfig": {"ExecutionTimeout": 1}}, "DurableConfig"),
]


@pytest.mark.parametrize("params", DEFAULTS)
def test_the_default_of_an_option_passes(params: dict[str, Any]) -> None:
    refuse_unsupported(params)


@pytest.mark.parametrize(("params", "named"), REFUSED)
def test_an_option_that_would_not_be_acted_on_is_refused_by_name(
    params: dict[str, Any], named: str
) -> None:
    with pytest.raises(LambdaError, match=named) as caught:
        refuse_unsupported(params)
    assert caught.value.code == "UnsupportedOperationException"


@pytest.mark.parametrize(
    "source",
    [
        {"S3Bucket": "b", "S3Key": "k"},
        {"SourceKMSKeyArn": "k"},
        {"S3ObjectStorageMode": "REFERENCE"},
    ],
)
async def test_a_source_of_code_that_is_not_there_is_refused(source: dict[str, str]) -> None:
    with pytest.raises(LambdaError, match="Lambent does not support the option Code"):
        await CodeSources().take_code(source, where="Code.")


async def test_an_image_is_no_code_of_a_function_with_a_package() -> None:
    with pytest.raises(LambdaError, match="don't provide ImageUri") as caught:
        await CodeSources().take_code({"ImageUri": "i"}, where="Code.")
    assert caught.value.code == "InvalidParameterValueException"


async def test_no_source_of_code_is_none() -> None:
    assert await CodeSources().take_code({"ZipFile": b""}, where="") == (None, "")
