"""The order of message groups of a FIFO queue over the batches of one receive. Pure.

The queue itself hands out nothing of a group of which something is in flight. So order is lost only
where one receive becomes several batches: what follows a failure in its group must not be run, and
goes back with it.
Source: [DG] "Configuring scaling behavior": a group's messages are retried before others of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lambent.sources.batching import Item


class GroupOrder:
    """Remembers the groups in which something failed."""

    def __init__(self) -> None:
        self._failed: set[str] = set()

    def admit(self, batch: Sequence[Item]) -> list[Item]:
        """Those of the next batch that may run."""
        return [item for item in batch if item.group is None or item.group not in self._failed]

    def finished(self, batch: Sequence[Item], failed: Collection[str]) -> None:
        """A batch has ended; `failed` are the ids of those that go back."""
        self._failed.update(
            item.group for item in batch if item.group is not None and item.id in failed
        )
