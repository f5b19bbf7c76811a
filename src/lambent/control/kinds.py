"""Every kind of resource that the rows may hold, so that all are read at start."""

from __future__ import annotations

from typing import Any

from lambent.domain.alias import Alias
from lambent.domain.event_invoke import EventInvokeConfig
from lambent.store.resources import Kind

ALIASES: Kind[Alias] = Kind("alias", Alias)
"""Owner: the function; key: the alias's name."""

EVENT_INVOKE_CONFIGS: Kind[EventInvokeConfig] = Kind("event-invoke-config", EventInvokeConfig)
"""Owner: the function; key: $LATEST, a version or an alias."""

KINDS: tuple[Kind[Any], ...] = (
    ALIASES,
    EVENT_INVOKE_CONFIGS,
)
