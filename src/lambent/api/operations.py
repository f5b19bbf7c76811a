"""Lambda's operations by name; Invoke and what is not there yet are the gateway's."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.api.account import AccountOperations
from lambent.api.functions import FunctionOperations
from lambent.api.layers import LayerOperations
from lambent.api.tags import TagOperations
from lambent.control.downloads import Downloads
from lambent.control.functions import Functions
from lambent.control.layers import Layers
from lambent.control.registry import Registry
from lambent.control.tags import Tags
from lambent.domain.request import Handler


class LambdaOperations:
    """All that control can do, as the API names it."""

    def __init__(
        self,
        *,
        registry: Registry,
        functions: Functions,
        layers: Layers,
        tags: Tags,
        downloads: Downloads,
        concurrency: int,
    ) -> None:
        self.operations: Mapping[str, Handler] = {
            **FunctionOperations(functions, downloads).handlers(),
            **LayerOperations(layers, downloads).handlers(),
            **TagOperations(tags).handlers(),
            **AccountOperations(registry, concurrency=concurrency).handlers(),
        }
