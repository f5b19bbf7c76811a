"""Every kind of resource that the rows may hold, so that all are read at start."""

from __future__ import annotations

from typing import Any

from lambent.domain.alias import Alias
from lambent.store.resources import Kind

ALIASES: Kind[Alias] = Kind("alias", Alias)
"""Owner: the function; key: the alias's name."""

KINDS: tuple[Kind[Any], ...] = (ALIASES,)
