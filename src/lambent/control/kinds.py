"""Every kind of resource that the rows may hold, so that all are read at start."""

from __future__ import annotations

from typing import Any

from lambent.domain.alias import Alias
from lambent.domain.capacity_provider import CapacityProvider, FunctionScaling
from lambent.domain.concurrency import ProvisionedConcurrency, ReservedConcurrency
from lambent.domain.event_invoke import EventInvokeConfig
from lambent.domain.event_source import EventSourceMapping
from lambent.domain.function_url import FunctionUrlConfig
from lambent.domain.recursion import RecursionConfig
from lambent.domain.resource_policy import LayerPolicy, ResourcePolicy
from lambent.domain.runtime_management import RuntimeManagement
from lambent.domain.signing import (
    CodeSigningConfig,
    FunctionCodeSigning,
    SigningJob,
    SigningProfile,
)
from lambent.store.resources import Kind

ALIASES: Kind[Alias] = Kind("alias", Alias)
"""Owner: the function; key: the alias's name."""

EVENT_INVOKE_CONFIGS: Kind[EventInvokeConfig] = Kind("event-invoke-config", EventInvokeConfig)
"""Owner: the function; key: $LATEST, a version or an alias."""

EVENT_SOURCE_MAPPINGS: Kind[EventSourceMapping] = Kind("event-source-mapping", EventSourceMapping)
"""Owner: the account, as a mapping outlives its function; key: the UUID."""

RESERVED_CONCURRENCY: Kind[ReservedConcurrency] = Kind("reserved-concurrency", ReservedConcurrency)
"""Owner: the function; key: empty."""

PROVISIONED_CONCURRENCY: Kind[ProvisionedConcurrency] = Kind(
    "provisioned-concurrency", ProvisionedConcurrency
)
"""Owner: the function; key: a version's number or an alias."""

RUNTIME_MANAGEMENT: Kind[RuntimeManagement] = Kind("runtime-management", RuntimeManagement)
"""Owner: the function; key: $LATEST or a version's number."""

RECURSION_CONFIGS: Kind[RecursionConfig] = Kind("recursion-config", RecursionConfig)
"""Owner: the function; one key."""

CAPACITY_PROVIDERS: Kind[CapacityProvider] = Kind("capacity-provider", CapacityProvider)
"""Owner: the account; key: its name."""

FUNCTION_SCALING: Kind[FunctionScaling] = Kind("function-scaling", FunctionScaling)
"""Owner: the function; key: a version's number."""

FUNCTION_POLICIES: Kind[ResourcePolicy] = Kind("function-policy", ResourcePolicy)
"""Owner: the function; key: $LATEST (its own), a version or an alias."""

LAYER_POLICIES: Kind[LayerPolicy] = Kind("layer-policy", LayerPolicy)
"""Owner: the account; key: `layer:version`."""

FUNCTION_URLS: Kind[FunctionUrlConfig] = Kind("function-url", FunctionUrlConfig)
"""Owner: the function; key: $LATEST or an alias."""

CODE_SIGNING_CONFIGS: Kind[CodeSigningConfig] = Kind("code-signing-config", CodeSigningConfig)
"""Owner: the account; key: the config's id."""

FUNCTION_CODE_SIGNING: Kind[FunctionCodeSigning] = Kind(
    "function-code-signing", FunctionCodeSigning
)
"""Owner: the function; key: its name."""

SIGNING_PROFILES: Kind[SigningProfile] = Kind("signing-profile", SigningProfile)
"""Owner: the account; key: name/version."""

SIGNING_JOBS: Kind[SigningJob] = Kind("signing-job", SigningJob)
"""Owner: the account; key: the job's id."""

KINDS: tuple[Kind[Any], ...] = (
    CODE_SIGNING_CONFIGS,
    FUNCTION_CODE_SIGNING,
    SIGNING_PROFILES,
    SIGNING_JOBS,
    RESERVED_CONCURRENCY,
    PROVISIONED_CONCURRENCY,
    RUNTIME_MANAGEMENT,
    ALIASES,
    EVENT_INVOKE_CONFIGS,
    FUNCTION_URLS,
    EVENT_SOURCE_MAPPINGS,
    FUNCTION_POLICIES,
    CAPACITY_PROVIDERS,
    FUNCTION_SCALING,
    LAYER_POLICIES,
    RECURSION_CONFIGS,
)
