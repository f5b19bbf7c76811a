"""What hangs on functions and on the account, by kind, owner and key: in memory, before the rows.

A control module names its kind once (`ALIASES = Kind("alias", Alias)`), reads it from here, and
changes it by `Registry.change`, which commits first. `owner` is the function's name, or "" for what
is the account's own; `key` is a qualifier, a name or an id. What a function owns goes with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lambent.domain.arns import Account
from lambent.store.resources import (
    Kind,
    delete_resource,
    delete_resources_of,
    store_resource,
)

T = TypeVar("T")

ACCOUNT = ""
"""The owner of what hangs on no function."""

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Put:
    """Create or replace one."""

    kind: Kind[Any]
    owner: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete one; nothing where it is not there."""

    kind: Kind[Any]
    owner: str
    key: str


Change = Put | Remove


class Resources:
    """The values of all kinds. Reads are plain look-ups; only the registry changes them."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, dict[str, Any]]] = {}
        self.watchers: list[Callable[[str], None]] = []
        """Called with an owner after something of it has changed or gone."""

    def get(self, kind: Kind[T], owner: str, key: str) -> T | None:
        found: T | None = self.of(kind, owner).get(key)
        return found

    def of(self, kind: Kind[T], owner: str) -> Mapping[str, T]:
        """Key → value, of one owner; in the order in which they came."""
        owners = self._values.get(kind.name)
        return _NOTHING if owners is None else owners.get(owner, _NOTHING)

    def every(self, kind: Kind[T]) -> Iterator[tuple[str, str, T]]:
        """Owner, key and value of all there are."""
        for owner, values in self._values.get(kind.name, {}).items():
            for key, value in values.items():
                yield owner, key, value

    # For the registry

    def load(self, kinds: Iterable[Kind[Any]], found: Iterable[tuple[str, str, str, str]]) -> None:
        """Rows into values; a row of a kind that nobody knows is a fault."""
        by_name = {kind.name: kind for kind in kinds}
        self._values.clear()
        for name, owner, key, content in found:
            values = self._values.setdefault(name, {}).setdefault(owner, {})
            values[key] = by_name[name].decode(content)

    def apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            owners = self._values.setdefault(change.kind.name, {})
            if isinstance(change, Put):
                owners.setdefault(change.owner, {})[change.key] = change.value
            elif change.owner in owners:
                owners[change.owner].pop(change.key, None)
                if not owners[change.owner]:
                    del owners[change.owner]
        self.tell({change.owner for change in changes})

    def forget(self, owner: str) -> None:
        for owners in self._values.values():
            owners.pop(owner, None)
        self.tell({owner})

    def clear(self) -> None:
        owners = {owner for values in self._values.values() for owner in values}
        self._values.clear()
        self.tell(owners)

    def tell(self, owners: Iterable[str]) -> None:
        """Have the watchers look at these again."""
        for watcher in self.watchers:
            for owner in owners:
                watcher(owner)


def write_changes(
    connection: sqlite3.Connection, account: Account, changes: Sequence[Change]
) -> None:
    """The rows of `changes`, in the caller's transaction."""
    for change in changes:
        kind, owner, key = change.kind, change.owner, change.key
        if isinstance(change, Put):
            content = kind.encode(change.value)
            store_resource(connection, account, kind.name, owner, key, content)
        else:
            delete_resource(connection, account, kind.name, owner, key)


__all__ = [
    "ACCOUNT",
    "Change",
    "Kind",
    "Put",
    "Remove",
    "Resources",
    "delete_resources_of",
    "write_changes",
]
