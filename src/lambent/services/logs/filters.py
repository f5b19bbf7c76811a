"""The filters of log groups, in memory and as rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from lambent.domain.arns import Account
from lambent.services.logs.filter_rows import (
    Filter,
    Kind,
    delete_all_filters,
    delete_filter,
    load_filters,
    store_filter,
)
from lambent.store.database import Database


class Filters:
    """By kind, group and name. Belongs to one event loop."""

    def __init__(self, database: Database, account: Account) -> None:
        self.database = database
        self.account = account
        self._held: dict[tuple[Kind, str], dict[str, Filter]] = {}
        self.on_changed: Callable[[str], None] = lambda group: None
        """The subscriptions of a group are others than before."""

    async def load(self) -> None:
        for one in await self.database.read(lambda c: load_filters(c, self.account)):
            self._held.setdefault((one.kind, one.group), {})[one.name] = one

    def of(self, kind: Kind, group: str) -> list[Filter]:
        """By name."""
        return list(self._held.get((kind, group), {}).values())

    def every(self, kind: Kind) -> list[Filter]:
        """By group and name."""
        groups = sorted(group for held, group in self._held if held is kind)
        return [one for group in groups for one in self.of(kind, group)]

    def find(self, kind: Kind, group: str, name: str) -> Filter | None:
        return self._held.get((kind, group), {}).get(name)

    def subscribed_groups(self) -> list[str]:
        return [group for kind, group in self._held if kind is Kind.SUBSCRIPTION]

    async def put(self, one: Filter) -> None:
        """In the place of the one of that name; it is on disk when this returns."""
        await self.database.write(lambda c: store_filter(c, self.account, one))
        self.keep(one)
        if one.kind is Kind.SUBSCRIPTION:
            self.on_changed(one.group)

    def keep(self, one: Filter) -> None:
        """What the disk has already."""
        held = self._held.setdefault((one.kind, one.group), {})
        held[one.name] = one
        self._held[one.kind, one.group] = dict(sorted(held.items()))

    async def remove(self, one: Filter) -> None:
        await self._remove([one])

    async def remove_group(self, group: str) -> None:
        """Every filter of a group that is about to go."""
        await self._remove([one for kind in Kind for one in self.of(kind, group)])

    async def clear(self) -> None:
        """Back to empty (a reset)."""
        await self.database.write(delete_all_filters)
        groups = self.subscribed_groups()
        self._held.clear()
        for group in groups:
            self.on_changed(group)

    async def _remove(self, gone: list[Filter]) -> None:
        if not gone:
            return

        def delete(connection: sqlite3.Connection) -> None:
            for one in gone:
                delete_filter(connection, self.account, one)

        await self.database.write(delete)
        for one in gone:
            held = self._held.get((one.kind, one.group), {})
            if held.pop(one.name, None) and not held:
                del self._held[one.kind, one.group]
            if one.kind is Kind.SUBSCRIPTION:
                self.on_changed(one.group)
