"""What every part of one server works with."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.store.database import Database
from lambent.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Around:
    """Whose resources, where they are kept, what time it is, and who runs what takes its time."""

    account: Account
    database: Database
    clock: Clock
    tasks: Tasks
