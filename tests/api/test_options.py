"""Options of functions by boto3."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, RUNTIME, make_zip

CODE = make_zip({"app.py": "def handler(event, context):\n    return event\n"})


def create(api: Any, name: str, **options: Any) -> Any:
    return api.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": CODE},
        **options,
    )


def test_options_logging_config_defaults_and_refusal(api: Any) -> None:
    made = create(api, "options-api-logging", LoggingConfig={"LogFormat": "JSON"})
    assert made["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": "/aws/lambda/options-api-logging",
    }
    with pytest.raises(ClientError, match="LogLevel is not supported when LogFormat"):
        create(api, "options-api-text", LoggingConfig={"SystemLogLevel": "DEBUG"})


def test_options_tenant_isolation_is_for_creation_and_excludes_urls(api: Any) -> None:
    made = create(api, "options-api-tenants", TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    assert made["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        api.create_function_url_config(FunctionName="options-api-tenants", AuthType="NONE")
