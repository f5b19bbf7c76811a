"""All of control for one account: a module a resource, on one registry."""

from __future__ import annotations

from collections.abc import Collection

from lambent.clock import Clock
from lambent.control.aliases import Aliases
from lambent.control.capacity_providers import CapacityProviders
from lambent.control.code_signing import CodeSigning
from lambent.control.concurrency import Concurrency
from lambent.control.deliveries import Deliveries
from lambent.control.downloads import Downloads
from lambent.control.event_invoke import EventInvokeConfigs
from lambent.control.event_sources import EventSources
from lambent.control.function_scaling import FunctionScalings
from lambent.control.functions import Functions
from lambent.control.image_functions import ImageFunctions, Spawner
from lambent.control.layer_policies import LayerPolicies
from lambent.control.layers import Layers
from lambent.control.permissions import Permissions
from lambent.control.recursion import Recursion
from lambent.control.registry import Registry
from lambent.control.role_permissions import RolePermissions
from lambent.control.runtime_management import RuntimeManagements
from lambent.control.signing import Signing
from lambent.control.tags import Tags
from lambent.control.urls import FunctionUrls
from lambent.control.versions import Versions
from lambent.images.images import Images


class Plane:
    """What the API's operations work on."""

    def __init__(
        self,
        registry: Registry,
        *,
        clock: Clock,
        images: Images,
        tasks: Spawner,
        concurrency: int,
        file_systems: Collection[str] = (),
        hot_reload_roots: Collection[str] | None = None,
    ) -> None:
        """`concurrency`: the account's limit of concurrent executions. `file_systems`: ARNs of
        access points that stand for folders of this host. `hot_reload_roots`: where code may be
        run in place; None: anywhere."""
        self.registry = registry
        self.capacity_providers = CapacityProviders(registry, clock=clock)
        self.role_permissions = RolePermissions()
        self.layers = Layers(registry, clock=clock)
        self.versions = Versions(registry, clock=clock)
        self.signing = Signing(registry, clock=clock)
        self.code_signing = CodeSigning(registry, self.signing, clock=clock)
        self.functions = Functions(
            registry,
            self.layers,
            self.versions,
            self.code_signing,
            self.capacity_providers,
            clock=clock,
            file_systems=file_systems,
            hot_reload_roots=hot_reload_roots,
        )
        self.image_functions = ImageFunctions(
            registry, self.functions, self.versions, images, tasks
        )
        self.event_invoke = EventInvokeConfigs(
            registry, self.functions, self.role_permissions, clock=clock
        )
        self.aliases = Aliases(registry)
        self.event_sources = EventSources(
            registry, self.functions, self.role_permissions, clock=clock
        )
        self.runtime_management = RuntimeManagements(registry)
        self.urls = FunctionUrls(registry, clock=clock)
        self.permissions = Permissions(registry, self.functions)
        self.layer_policies = LayerPolicies(registry, self.layers)
        self.recursion = Recursion(registry)
        self.concurrency = Concurrency(registry, self.functions, clock=clock, limit=concurrency)
        self.function_scalings = FunctionScalings(registry, self.functions, self.concurrency)
        self.deliveries = Deliveries(
            self.functions, self.event_invoke, self.recursion, self.concurrency
        )
        self.tags = Tags(registry)
        self.tags.register("capacity-provider", self.capacity_providers)
        self.tags.register("event-source-mapping", self.event_sources)
        self.tags.register("code-signing-config", self.code_signing)
        self.downloads: Downloads
        """Set once its secret was read: see `load_downloads`."""
