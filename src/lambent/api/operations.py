"""Lambda's operations by name; Invoke and its relatives are the gateway's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from lambent.api.account import AccountOperations
from lambent.api.aliases import AliasOperations
from lambent.api.capacity_providers import CapacityProviderOperations
from lambent.api.code_signing import CodeSigningOperations
from lambent.api.code_sources import CodeSources, Objects
from lambent.api.concurrency import ConcurrencyOperations
from lambent.api.durable import DurableOperations
from lambent.api.event_invoke import EventInvokeOperations
from lambent.api.event_sources import EventSourceOperations
from lambent.api.functions import FunctionOperations
from lambent.api.layers import LayerOperations
from lambent.api.permissions import PermissionOperations
from lambent.api.recursion import RecursionOperations
from lambent.api.runtime_management import RuntimeManagementOperations
from lambent.api.tags import TagOperations
from lambent.api.urls import UrlOperations
from lambent.api.versions import VersionOperations
from lambent.control.plane import Plane
from lambent.domain.request import Handler


class Group(Protocol):
    """The operations on one kind of resource."""

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the operation's name."""
        ...


def lambda_operations(plane: Plane, objects: Objects | None = None) -> Mapping[str, Handler]:
    """All that control can do, as the API names it."""
    sources = CodeSources(objects)
    groups: tuple[Group, ...] = (
        FunctionOperations(
            plane.functions, plane.image_functions, plane.downloads, plane.concurrency, sources
        ),
        VersionOperations(plane.versions),
        AliasOperations(plane.aliases),
        CodeSigningOperations(plane.code_signing),
        RuntimeManagementOperations(plane.runtime_management),
        LayerOperations(plane.layers, plane.downloads, sources),
        EventInvokeOperations(plane.event_invoke),
        EventSourceOperations(plane.event_sources),
        UrlOperations(plane.urls),
        CapacityProviderOperations(plane.capacity_providers, plane.function_scalings),
        PermissionOperations(plane.permissions, plane.layer_policies),
        RecursionOperations(plane.recursion),
        DurableOperations(plane.functions),
        TagOperations(plane.tags),
        AccountOperations(plane.registry, plane.concurrency),
        ConcurrencyOperations(plane.concurrency),
    )
    operations: dict[str, Handler] = {}
    for group in groups:
        for name, handler in group.handlers().items():
            assert name not in operations, f"{name} is there twice"
            operations[name] = handler
    return operations
