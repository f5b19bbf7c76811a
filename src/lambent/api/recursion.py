"""The operations on recursion configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.recursion import Recursion
from lambent.domain.arns import parse_function_ref
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class RecursionOperations:
    """One method an operation."""

    def __init__(self, recursion: Recursion) -> None:
        self._recursion = recursion

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "GetFunctionRecursionConfig": self.get,
            "PutFunctionRecursionConfig": self.put,
        }

    async def get(self, params: Shape, context: RequestContext) -> Shape:
        name = parse_function_ref(params["FunctionName"], context.account).name
        return {"RecursiveLoop": self._recursion.get(name).recursive_loop}

    async def put(self, params: Shape, context: RequestContext) -> Shape:
        name = parse_function_ref(params["FunctionName"], context.account).name
        config = await self._recursion.put(name, params["RecursiveLoop"])
        return {"RecursiveLoop": config.recursive_loop}
