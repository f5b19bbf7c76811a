"""The operations on runtime management."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.runtime_management import RuntimeManagements
from lambent.domain.arns import Account, FunctionRef, parse_function_ref
from lambent.domain.request import Handler, RequestContext
from lambent.domain.runtime_management import RuntimeManagement

Shape = dict[str, Any]


class RuntimeManagementOperations:
    """One method an operation."""

    def __init__(self, managements: RuntimeManagements) -> None:
        self._managements = managements

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "PutRuntimeManagementConfig": self.put_runtime_management_config,
            "GetRuntimeManagementConfig": self.get_runtime_management_config,
        }

    async def put_runtime_management_config(self, params: Shape, context: RequestContext) -> Shape:
        ref = _ref(params, context.account)
        config = await self._managements.put(
            ref,
            update_on=params["UpdateRuntimeOn"],
            runtime_version_arn=params.get("RuntimeVersionArn"),
        )
        return _format(ref, config, context.account)

    async def get_runtime_management_config(self, params: Shape, context: RequestContext) -> Shape:
        ref = _ref(params, context.account)
        return _format(ref, self._managements.get(ref), context.account)


def _ref(params: Shape, account: Account) -> FunctionRef:
    return parse_function_ref(params["FunctionName"], account, qualifier=params.get("Qualifier"))


def _format(ref: FunctionRef, config: RuntimeManagement, account: Account) -> Shape:
    shape: Shape = {
        "UpdateRuntimeOn": config.update_on,
        "FunctionArn": account.function_arn(ref.name, ref.qualifier),
    }
    if config.runtime_version_arn is not None:
        shape["RuntimeVersionArn"] = config.runtime_version_arn
    return shape
