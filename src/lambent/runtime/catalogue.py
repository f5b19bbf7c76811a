"""Every runtime that Lambent knows, and what this host has of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import dotnet, java, nodejs, provided, python, ruby
from lambent.runtime.families.start import Family

FAMILIES: Mapping[str, Family] = {
    "python": cast(Family, python),
    "nodejs": cast(Family, nodejs),
    "ruby": cast(Family, ruby),
    "java": cast(Family, java),
    "dotnet": cast(Family, dotnet),
    "provided": cast(Family, provided),
}
"""By name; in the order in which they are shown."""

_FAMILY_OF = {runtime: family for family in FAMILIES.values() for runtime in family.RUNTIMES}

RUNTIMES: tuple[str, ...] = tuple(_FAMILY_OF)


def family_of(runtime: str) -> Family:
    """Raises KeyError where Lambent does not know the runtime."""
    return _FAMILY_OF[runtime]


def find_runtimes(
    settings: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, Interpreter]:
    """Runtime → what this host has; `settings`: by family's name. Raises ValueError."""
    found: dict[str, Interpreter] = {}
    for name, family in FAMILIES.items():
        found.update(family.find(settings.get(name, ""), environ))
    return found


def how_to_get(runtime: str) -> str:
    """What an operator does to have a runtime that was not found."""
    return family_of(runtime).how_to_get(runtime)
