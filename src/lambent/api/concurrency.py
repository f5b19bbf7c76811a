"""The operations on reserved and provisioned concurrency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.pages import with_marker
from lambent.control.concurrency import Concurrency, Provisioned
from lambent.domain.arns import Account, FunctionRef, parse_function_ref
from lambent.domain.errors import invalid_parameter
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]

FUNCTIONS_ONLY = (  # [LS]
    "This operation is permitted on Lambda functions only. Aliases and versions do not support "
    "this operation. Please specify either a function name or an unqualified function ARN."
)


class ConcurrencyOperations:
    """One method an operation."""

    def __init__(self, concurrency: Concurrency) -> None:
        self._concurrency = concurrency

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "PutFunctionConcurrency": self.put_reserved,
            "GetFunctionConcurrency": self.get_reserved,
            "DeleteFunctionConcurrency": self.delete_reserved,
            "PutProvisionedConcurrencyConfig": self.put_provisioned,
            "GetProvisionedConcurrencyConfig": self.get_provisioned,
            "ListProvisionedConcurrencyConfigs": self.list_provisioned,
            "DeleteProvisionedConcurrencyConfig": self.delete_provisioned,
        }

    async def put_reserved(self, params: Shape, context: RequestContext) -> Shape:
        name = _function_name(params, context.account)
        units = await self._concurrency.put_reserved(name, params["ReservedConcurrentExecutions"])
        return {"ReservedConcurrentExecutions": units}

    async def get_reserved(self, params: Shape, context: RequestContext) -> Shape:
        name = _function_name(params, context.account)
        units = self._concurrency.get_reserved(name)
        return {} if units is None else {"ReservedConcurrentExecutions": units}

    async def delete_reserved(self, params: Shape, context: RequestContext) -> Shape:
        await self._concurrency.delete_reserved(_function_name(params, context.account))
        return {}

    async def put_provisioned(self, params: Shape, context: RequestContext) -> Shape:
        ref = _qualified(params, context.account)
        config = await self._concurrency.put_provisioned(
            ref, params["ProvisionedConcurrentExecutions"]
        )
        return {
            "RequestedProvisionedConcurrentExecutions": config.units,
            "AvailableProvisionedConcurrentExecutions": 0,
            "AllocatedProvisionedConcurrentExecutions": 0,
            "Status": "IN_PROGRESS",
            "LastModified": config.modified,
        }

    async def get_provisioned(self, params: Shape, context: RequestContext) -> Shape:
        return describe(self._concurrency.get_provisioned(_qualified(params, context.account)))

    async def list_provisioned(self, params: Shape, context: RequestContext) -> Shape:
        name = _function_name(params, context.account)
        page = self._concurrency.list_provisioned(
            name, marker=params.get("Marker"), items_max=params.get("MaxItems")
        )
        configs = [
            {"FunctionArn": context.account.function_arn(name, one.qualifier), **describe(one)}
            for one in page.items
        ]
        result: Shape = {"ProvisionedConcurrencyConfigs": configs}
        return with_marker(result, page.next_marker)

    async def delete_provisioned(self, params: Shape, context: RequestContext) -> Shape:
        await self._concurrency.delete_provisioned(_qualified(params, context.account))
        return {}


def describe(provisioned: Provisioned) -> Shape:
    shape: Shape = {
        "RequestedProvisionedConcurrentExecutions": provisioned.config.units,
        "AvailableProvisionedConcurrentExecutions": provisioned.allocated,
        "AllocatedProvisionedConcurrentExecutions": provisioned.allocated,
        "Status": provisioned.status,
        "LastModified": provisioned.config.modified,
    }
    if provisioned.reason:
        shape["StatusReason"] = provisioned.reason
    return shape


def _function_name(params: Shape, account: Account) -> str:
    ref = parse_function_ref(params["FunctionName"], account)
    if ref.qualifier is not None:
        raise invalid_parameter(FUNCTIONS_ONLY)
    return ref.name


def _qualified(params: Shape, account: Account) -> FunctionRef:
    return parse_function_ref(params["FunctionName"], account, qualifier=params["Qualifier"])
