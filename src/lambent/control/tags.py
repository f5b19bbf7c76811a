"""Tags of functions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from lambent.control import rules
from lambent.control.registry import Registry
from lambent.domain.arns import parse_function_ref
from lambent.domain.errors import invalid_parameter, not_supported
from lambent.store import rows

_FUNCTIONS_ONLY = (  # [LS]
    "Tagging operations are permitted on Lambda functions only. Tags on aliases and versions are "
    "not supported. Please specify either a function name or a function ARN."
)


class Tags:
    """The operations on tags of one account."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def list(self, resource: str) -> Mapping[str, str]:
        """Raises ResourceNotFoundException where the function is not there."""
        return self._registry.find(self._function_name(resource)).tags

    async def tag(self, resource: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite."""
        if not tags:  # [LS]
            raise invalid_parameter("An error occurred and the request cannot be processed.")
        await self._change(resource, lambda current: {**current, **tags})

    async def untag(self, resource: str, keys: Collection[str]) -> None:
        """Remove; keys that are not there are passed over."""
        await self._change(
            resource, lambda current: {k: v for k, v in current.items() if k not in keys}
        )

    async def _change(
        self, resource: str, change: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> None:
        name = self._function_name(resource)
        changed = change(self._registry.find(name).tags)
        rules.check_tags(changed)

        # A change of tags and one of the code go together on AWS; two of tags at once do not.
        with self._registry.changing(f"{name}:tags") as generation:

            def write(connection: sqlite3.Connection) -> None:
                rows.store_tags(connection, self._registry.account, name, changed)

            def apply(_: None) -> None:
                current = self._registry.functions.get(name)
                if current is not None:
                    self._registry.functions[name] = replace(current, tags=changed)

            await self._registry.commit(generation, write, apply)

    def _function_name(self, resource: str) -> str:
        if ":function:" not in resource:
            kind = resource.split(":")[5] if resource.count(":") >= 5 else resource
            raise not_supported(f"tags on resources of the kind {kind}")
        ref = parse_function_ref(resource, self._registry.account)
        if ref.qualifier is not None:
            raise invalid_parameter(_FUNCTIONS_ONLY)
        return ref.name
