"""What goes into one invocation: a batch that is full, or whose window is over. Pure.

Source: [DG] "Configuring batching": a batch is sent when its window is over, its size is reached,
or its payload reaches 6 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lambent.domain.limits import SYNC_REQUEST_BYTES_MAX

ENVELOPE_BYTES = len('{"Records": []}')
SEPARATOR_BYTES = len(", ")


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a source."""

    id: str
    """What a partial batch response names it by."""
    text: str
    """Its JSON, ASCII, as the function gets it."""
    handle: str = ""
    """What deletes it, where the source is a queue."""
    group: str | None = None
    """Whose order it keeps: the message group of a FIFO queue."""
    trace: bytes = b""
    """The trace header that it came with."""


def make_payload(batch: Sequence[Item]) -> bytes:
    """The event of one invocation."""
    return f'{{"Records": [{", ".join(item.text for item in batch)}]}}'.encode("ascii")


class Batcher:
    """Collects items until they make a batch."""

    def __init__(
        self, size_max: int, window_s: float, bytes_max: int = SYNC_REQUEST_BYTES_MAX
    ) -> None:
        self._size_max = size_max
        self._window_s = window_s
        self._bytes_max = bytes_max
        self._full: list[list[Item]] = []
        self._items: list[Item] = []
        self._bytes = ENVELOPE_BYTES
        self.first_s: float | None = None
        """When the first item came."""

    def __len__(self) -> int:
        """Items, of all batches."""
        return sum(map(len, self._full)) + len(self._items)

    @property
    def room(self) -> int:
        """How many more items fit the batch that is being filled."""
        return self._size_max - len(self._items)

    def add(self, items: Sequence[Item], now_s: float) -> None:
        """Items in their order; one that does not fit begins another batch."""
        for item in items:
            if self.first_s is None:
                self.first_s = now_s
            too_long = self._bytes + len(item.text) + SEPARATOR_BYTES > self._bytes_max
            if self._items and (too_long or len(self._items) >= self._size_max):
                self._full.append(self._items)
                self._items, self._bytes = [], ENVELOPE_BYTES
            self._items.append(item)
            self._bytes += len(item.text) + SEPARATOR_BYTES

    def wait_s(self, now_s: float) -> float | None:
        """How long more items are waited for: 0 where a batch is due, None where there is none."""
        if self.first_s is None:
            return None
        if self._full or self.room <= 0:
            return 0.0
        return max(0.0, self.first_s + self._window_s - now_s)

    def take(self) -> list[list[Item]]:
        """All batches, in the order of their items; then it is empty."""
        batches = [*self._full, self._items] if self._items else self._full
        self._full, self._items, self._bytes = [], [], ENVELOPE_BYTES
        self.first_s = None
        return batches
