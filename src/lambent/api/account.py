"""GetAccountSettings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.account import get_account_settings
from lambent.control.concurrency import Concurrency
from lambent.control.registry import Registry
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class AccountOperations:
    """One method an operation."""

    def __init__(self, registry: Registry, concurrency: Concurrency) -> None:
        self._registry = registry
        self._concurrency = concurrency

    def handlers(self) -> Mapping[str, Handler]:
        return {"GetAccountSettings": self.get_account_settings}

    async def get_account_settings(self, params: Shape, context: RequestContext) -> Shape:
        settings = get_account_settings(self._registry, self._concurrency)
        return {
            "AccountLimit": {
                "TotalCodeSize": settings.code_size_total_max,
                "CodeSizeUnzipped": settings.code_size_unzipped_max,
                "CodeSizeZipped": settings.code_size_zipped_max,
                "ConcurrentExecutions": settings.concurrency,
                "UnreservedConcurrentExecutions": settings.unreserved_concurrency,
            },
            "AccountUsage": {
                "TotalCodeSize": settings.code_size_total,
                "FunctionCount": settings.function_count,
            },
        }
