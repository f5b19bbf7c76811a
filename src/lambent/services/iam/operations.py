"""IAM's operations."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.clock import Clock
from lambent.domain.request import Handler
from lambent.services.iam.policies import Policies
from lambent.services.iam.roles import Roles
from lambent.store.database import Database


class Iam:
    """Roles and managed policies, over rows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._roles = Roles(database, clock)
        self._policies = Policies(database, clock)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {**self._roles.operations, **self._policies.operations}
