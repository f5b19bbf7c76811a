"""The events that writes cause."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lambent.services.s3.calls import Call
from lambent.services.s3.model import ObjectVersion


class Notifier:
    """Puts them where they are delivered from."""

    def post(
        self, connection: sqlite3.Connection, event: str, version: ObjectVersion, call: Call
    ) -> list[int]:
        return []

    def sent(self, messages: Sequence[int]) -> None:
        return
