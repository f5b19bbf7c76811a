"""EventBridge Scheduler as one."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.request import Handler
from lambent.policy.principal import ContextValue
from lambent.services.delivery.courier import Courier
from lambent.services.delivery.timetable import Timetable
from lambent.services.scheduler.group_operations import GroupOperations
from lambent.services.scheduler.schedule_operations import MayAssume, ScheduleOperations
from lambent.services.scheduler.state import State
from lambent.store.database import Database
from lambent.tasks import Tasks


def _anything(role: str, service: str, context: Mapping[str, ContextValue]) -> bool:
    return True


class Scheduler:
    """Built by the app: `load` before the first call, `start` once all targets are there."""

    def __init__(
        self,
        database: Database,
        *,
        account: Account,
        clock: Clock,
        tasks: Tasks,
        courier: Courier,
        may_assume: MayAssume = _anything,
    ) -> None:
        """`may_assume`: whether this service may act in a schedule's role."""
        self._may_assume = may_assume
        self._state = State(database, account=account, clock=clock, tasks=tasks, courier=courier)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            **ScheduleOperations(self._state, self._may_assume).operations,
            **GroupOperations(self._state).operations,
        }

    @property
    def timetable(self) -> Timetable:
        return self._state.timetable

    async def load(self) -> None:
        """All that the disk holds."""
        await self._state.load()

    def start(self) -> None:
        """Follow the clock."""
        self._state.timetable.start()

    def stop(self) -> None:
        """Fire nothing more."""
        self._state.timetable.stop()

    async def reset(self) -> None:
        """Back to the default group alone."""
        await self._state.reset()
