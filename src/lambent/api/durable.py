"""The operations on durable executions, as AWS answers them where there are none.

Functions with a DurableConfig are refused when they are created, so no execution ever exists. The
texts of these errors are UNVERIFIED; their codes are [B].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.functions import Functions
from lambent.control.paging import take_page
from lambent.domain.arns import parse_function_ref
from lambent.domain.errors import invalid_parameter, resource_not_found
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]

_OF_AN_EXECUTION = (
    "GetDurableExecution",
    "GetDurableExecutionHistory",
    "StopDurableExecution",
    "DeleteDurableExecution",
    "PauseDurableExecution",
    "ResumeDurableExecution",
)
_BY_TOKEN = ("CheckpointDurableExecution", "GetDurableExecutionState")
"""[B] these know no ResourceNotFoundException: only the execution itself has a token."""
_OF_A_CALLBACK = (
    "SendDurableExecutionCallbackSuccess",
    "SendDurableExecutionCallbackFailure",
    "SendDurableExecutionCallbackHeartbeat",
)


class DurableOperations:
    """One answer for each group of operations."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "ListDurableExecutionsByFunction": self.list_by_function,
            **dict.fromkeys(_OF_AN_EXECUTION, self.of_an_execution),
            **dict.fromkeys(_BY_TOKEN, self.by_token),
            **dict.fromkeys(_OF_A_CALLBACK, self.of_a_callback),
        }

    async def list_by_function(self, params: Shape, context: RequestContext) -> Shape:
        ref = parse_function_ref(
            params["FunctionName"], context.account, qualifier=params.get("Qualifier")
        )
        self._functions.get_version(ref.name, ref.qualifier)
        nothing: list[str] = []
        take_page(nothing, str, marker=params.get("Marker"), items_max=1)  # checks the marker
        return {"DurableExecutions": nothing}

    async def of_an_execution(self, params: Shape, context: RequestContext) -> Shape:
        arn = params["DurableExecutionArn"]
        raise resource_not_found(f"Durable execution not found: {arn}")

    async def by_token(self, params: Shape, context: RequestContext) -> Shape:
        raise invalid_parameter("Invalid checkpoint token.")

    async def of_a_callback(self, params: Shape, context: RequestContext) -> Shape:
        raise resource_not_found(f"Callback not found: {params['CallbackId']}")
