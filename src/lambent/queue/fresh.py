"""What was accepted lately, in memory, so that most of it need not be read from disk again."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")

FRESH_BYTES_MAX = 64 * 1024 * 1024
"""Payloads that are kept in memory, of each kind."""


class Fresh(Generic[Key, Item]):
    """As many items as have room; whatever has none is read from disk when it is due."""

    def __init__(self) -> None:
        self._items: dict[Key, tuple[Item, int]] = {}
        self._bytes = 0

    def put(self, key: Key, item: Item, size: int) -> None:
        """`size`: bytes of its payload."""
        if self._bytes + size <= FRESH_BYTES_MAX:
            self._items[key] = (item, size)
            self._bytes += size

    def get(self, key: Key) -> Item | None:
        found = self._items.get(key)
        return None if found is None else found[0]

    def take(self, key: Key) -> Item | None:
        """No longer kept afterwards."""
        found = self._items.pop(key, None)
        if found is None:
            return None
        self._bytes -= found[1]
        return found[0]

    def clear(self) -> None:
        self._items.clear()
        self._bytes = 0
