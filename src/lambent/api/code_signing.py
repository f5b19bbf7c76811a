"""The operations on code signing configs and on the functions that have one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.functions import unqualified
from lambent.api.pages import with_marker
from lambent.control.code_signing import CodeSigning
from lambent.domain.arns import Account
from lambent.domain.request import Handler, RequestContext
from lambent.domain.signing import CodeSigningConfig

Shape = dict[str, Any]


class CodeSigningOperations:
    """One method an operation."""

    def __init__(self, code_signing: CodeSigning) -> None:
        self._code_signing = code_signing

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CreateCodeSigningConfig": self.create_code_signing_config,
            "GetCodeSigningConfig": self.get_code_signing_config,
            "ListCodeSigningConfigs": self.list_code_signing_configs,
            "UpdateCodeSigningConfig": self.update_code_signing_config,
            "DeleteCodeSigningConfig": self.delete_code_signing_config,
            "ListFunctionsByCodeSigningConfig": self.list_functions_by_code_signing_config,
            "PutFunctionCodeSigningConfig": self.put_function_code_signing_config,
            "GetFunctionCodeSigningConfig": self.get_function_code_signing_config,
            "DeleteFunctionCodeSigningConfig": self.delete_function_code_signing_config,
        }

    async def create_code_signing_config(self, params: Shape, context: RequestContext) -> Shape:
        config = await self._code_signing.create(
            description=params.get("Description") or "",
            publishers=params["AllowedPublishers"]["SigningProfileVersionArns"],
            policy=_policy(params),
            tags=params.get("Tags") or {},
        )
        return {"CodeSigningConfig": format_config(config, context.account)}

    async def get_code_signing_config(self, params: Shape, context: RequestContext) -> Shape:
        config = self._code_signing.get(params["CodeSigningConfigArn"])
        return {"CodeSigningConfig": format_config(config, context.account)}

    async def list_code_signing_configs(self, params: Shape, context: RequestContext) -> Shape:
        page = self._code_signing.list(
            marker=params.get("Marker"), items_max=params.get("MaxItems")
        )
        configs = [format_config(config, context.account) for config in page.items]
        return with_marker({"CodeSigningConfigs": configs}, page.next_marker)

    async def update_code_signing_config(self, params: Shape, context: RequestContext) -> Shape:
        publishers = params.get("AllowedPublishers")
        config = await self._code_signing.update(
            params["CodeSigningConfigArn"],
            description=params.get("Description"),
            publishers=publishers["SigningProfileVersionArns"] if publishers else None,
            policy=_policy(params),
        )
        return {"CodeSigningConfig": format_config(config, context.account)}

    async def delete_code_signing_config(self, params: Shape, context: RequestContext) -> Shape:
        await self._code_signing.delete(params["CodeSigningConfigArn"])
        return {}

    async def list_functions_by_code_signing_config(
        self, params: Shape, context: RequestContext
    ) -> Shape:
        page = self._code_signing.functions(
            params["CodeSigningConfigArn"],
            marker=params.get("Marker"),
            items_max=params.get("MaxItems"),
        )
        return with_marker({"FunctionArns": [*page.items]}, page.next_marker)

    async def put_function_code_signing_config(
        self, params: Shape, context: RequestContext
    ) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        arn = params["CodeSigningConfigArn"]
        await self._code_signing.attach(name, arn)
        return {"CodeSigningConfigArn": arn, "FunctionName": name}

    async def get_function_code_signing_config(
        self, params: Shape, context: RequestContext
    ) -> Shape:
        """Empty for a function without one [LS]."""
        name = unqualified(params["FunctionName"], context.account)
        config = self._code_signing.of_function(name)
        if config is None:
            return {}
        arn = context.account.code_signing_arn(config.key)
        return {"CodeSigningConfigArn": arn, "FunctionName": name}

    async def delete_function_code_signing_config(
        self, params: Shape, context: RequestContext
    ) -> Shape:
        await self._code_signing.detach(unqualified(params["FunctionName"], context.account))
        return {}


def format_config(config: CodeSigningConfig, account: Account) -> Shape:
    return {
        "CodeSigningConfigId": config.key,
        "CodeSigningConfigArn": account.code_signing_arn(config.key),
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.publishers)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.policy},
        "LastModified": config.last_modified,
    }


def _policy(params: Shape) -> str | None:
    policy: str | None = (params.get("CodeSigningPolicies") or {}).get(
        "UntrustedArtifactOnDeployment"
    )
    return policy
