"""EventBridge as one: its buses, rules, archives and replays, all operations."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.request import Handler
from lambent.policy.document import PolicyDocument, PolicyKind, parse_policy
from lambent.services.delivery.courier import Courier
from lambent.services.events.archives import Archives
from lambent.services.events.bus_operations import BusOperations
from lambent.services.events.put_operations import PutOperations
from lambent.services.events.replays import Replays
from lambent.services.events.router import Router
from lambent.services.events.rule_operations import RuleOperations
from lambent.services.events.scheduled import ScheduledRules
from lambent.services.events.state import State
from lambent.services.events.target import BusGate, BusTarget, DestinationTarget
from lambent.store.database import Database
from lambent.tasks import Tasks


class EventBridge:
    """Built by the app: `load` before the first call, `resume` once all targets are there."""

    def __init__(
        self, database: Database, *, account: Account, clock: Clock, tasks: Tasks, courier: Courier
    ) -> None:
        self._state = State(database, account, clock)
        router = Router(self._state, courier)
        self._archives = Archives(self._state)
        self._replays = Replays(self._state, router, tasks)
        self.scheduled = ScheduledRules(self._state, router, tasks)
        self._put = PutOperations(self._state, router)
        self.target = BusTarget(self._state, router)
        self.destination = DestinationTarget(self.target, self._state)
        self.gate = BusGate(self._state)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            **BusOperations(self._state).operations,
            **RuleOperations(self._state).operations,
            **self._put.operations,
            **self._archives.operations,
            **self._replays.operations,
        }

    async def load(self) -> None:
        """All that the disk holds."""
        await self._state.load()

    def resume(self) -> None:
        """Go on with what a stop cut off, and follow the clock."""
        self._replays.resume()
        self.scheduled.start()

    def documents(self, arn: str) -> list[PolicyDocument]:
        """The policy of a bus, for those who decide on access."""
        bus = self._state.find_bus(arn)
        if bus is None or not bus.policy:
            return []
        return [parse_policy(bus.policy, kind=PolicyKind.RESOURCE)]

    async def sweep(self) -> None:
        """Delete what is too old."""
        await self._archives.sweep()

    def stop(self) -> None:
        """Replay and trigger nothing more."""
        self._replays.stop()
        self.scheduled.stop()

    async def reset(self) -> None:
        """Back to the default bus alone."""
        await self._state.reset()
