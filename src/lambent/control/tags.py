"""Tags of whatever can have them: each kind keeps its own, the common rules are here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Protocol

from lambent.control import rules
from lambent.control.registry import Registry
from lambent.domain.arns import parse_function_ref
from lambent.domain.errors import invalid_parameter, not_supported, resource_not_found
from lambent.store import rows

Change = Callable[[Mapping[str, str]], dict[str, str]]
"""The tags there are → those that there should be; raises LambdaError."""

_FUNCTIONS_ONLY = (  # [LS]
    "Tagging operations are permitted on Lambda functions only. Tags on aliases and versions are "
    "not supported. Please specify either a function name or a function ARN."
)


class Taggable(Protocol):
    """The resources of one kind, by the last part of their ARN."""

    def tags_of(self, key: str) -> Mapping[str, str]:
        """Raises ResourceNotFoundException."""
        ...

    async def change_tags(self, key: str, change: Change) -> None:
        """What `change` makes of the tags there are, committed. Raises as `tags_of` does."""
        ...


class Tags:
    """The operations on tags of one account."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kinds: dict[str, Taggable] = {"function": _FunctionTags(registry)}

    def register(self, kind: str, resources: Taggable) -> None:
        """`kind` as an ARN names it, e.g. `event-source-mapping`."""
        assert kind not in self._kinds, f"{kind} is there twice"
        self._kinds[kind] = resources

    def list(self, resource: str) -> Mapping[str, str]:
        """Raises ResourceNotFoundException where the resource is not there."""
        resources, key = self._find(resource)
        return resources.tags_of(key)

    async def tag(self, resource: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite."""
        if not tags:  # [LS]
            raise invalid_parameter("An error occurred and the request cannot be processed.")

        def add(current: Mapping[str, str]) -> dict[str, str]:
            changed = {**current, **tags}
            rules.check_tags(changed)
            return changed

        resources, key = self._find(resource)
        await resources.change_tags(key, add)

    async def untag(self, resource: str, keys: Collection[str]) -> None:
        """Remove; keys that are not there are passed over."""

        def remove(current: Mapping[str, str]) -> dict[str, str]:
            return {key: value for key, value in current.items() if key not in keys}

        resources, key = self._find(resource)
        await resources.change_tags(key, remove)

    def _find(self, resource: str) -> tuple[Taggable, str]:
        """Who keeps the resource's tags, and the resource's key there."""
        account = self._registry.account
        if ":function:" in resource:
            ref = parse_function_ref(resource, account)
            if ref.qualifier is not None:
                raise invalid_parameter(_FUNCTIONS_ONLY)
            return self._kinds["function"], ref.name
        parts = resource.split(":", 6)
        if len(parts) != 7:  # the model's pattern lets none of these through
            raise invalid_parameter(f"Invalid resource ARN: {resource}")
        resources = self._kinds.get(parts[5])
        if resources is None:
            raise not_supported(f"tags on resources of the kind {parts[5]}")
        if (parts[3], parts[4]) != (account.region, account.account_id):
            raise resource_not_found("The resource you requested does not exist.")
        return resources, parts[6]


class _FunctionTags:
    """The tags of functions, which have rows of their own."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def tags_of(self, key: str) -> Mapping[str, str]:
        return self._registry.find(key).tags

    async def change_tags(self, key: str, change: Change) -> None:
        changed = change(self._registry.find(key).tags)

        # A change of tags and one of the code go together on AWS; two of tags at once do not.
        with self._registry.changing(f"{key} tags") as generation:

            def write(connection: sqlite3.Connection) -> None:
                rows.store_tags(connection, self._registry.account, key, changed)

            def apply(_: None) -> None:
                current = self._registry.functions.get(key)
                if current is not None:
                    self._registry.functions[key] = replace(current, tags=changed)

            await self._registry.commit(generation, write, apply)
