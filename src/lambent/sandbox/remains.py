"""What one sandbox leaves to the one after it: its /tmp, and the user to whom the files belong."""

from __future__ import annotations

import os
from collections import Counter

_FIRST = 200_000
_COUNT = 60_000


class Uids:
    """The uid of each sandbox; one may have several holders, one of which lives."""

    def __init__(self) -> None:
        self._holders: Counter[int] = Counter()
        self._next = 0

    def take(self) -> int:
        """One that nobody holds, and that was not in use a moment ago."""
        assert len(self._holders) < _COUNT
        while True:
            uid = _FIRST + self._next % _COUNT
            self._next += 1
            if uid not in self._holders:
                self._holders[uid] = 1
                return uid

    def hold(self, uid: int) -> None:
        """One holder more."""
        self._holders[uid] += 1

    def give_back(self, uid: int) -> None:
        self._holders[uid] -= 1
        if self._holders[uid] <= 0:
            del self._holders[uid]


class NamespaceRemains:
    """See interface.Remains; `tmp` is a detached mount (open_tree(2))."""

    def __init__(self, tmp: int, uid: int, uids: Uids) -> None:
        self.tmp = tmp
        self.uid = uid
        self._uids = uids
        uids.hold(uid)

    def close(self) -> None:
        if self.tmp >= 0:
            os.close(self.tmp)
            self.tmp = -1
            self._uids.give_back(self.uid)
