"""Everything of EventBridge in memory, in step with its rows; patterns compiled, inputs parsed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.event_pattern import EventPattern, parse_pattern
from lambent.queue.targets import Landing
from lambent.services.events import rows
from lambent.services.events.inputs import InputPlan, parse_input
from lambent.services.events.model import (
    AGE_S_DEFAULT,
    DEFAULT_BUS,
    RETRIES_DEFAULT,
    Archive,
    Bus,
    Replay,
    Resource,
    Rule,
    bus_arn,
    bus_not_found,
    parse_bus,
    rule_arn,
    rule_not_found,
)
from lambent.store.database import Database


class OnRule(Protocol):
    """Learns of rules as they are in memory."""

    def __call__(self, rule: Rule, *, gone: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTarget:
    """A target, ready to be sent to."""

    arn: str
    plan: InputPlan
    role_arn: str
    group_id: str | None
    dead_letter_arn: str
    age_s_max: float
    tries_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRule:
    """A rule, ready to be asked."""

    row: Rule
    arn: str
    pattern: EventPattern | None
    targets: tuple[LiveTarget, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveArchive:
    """An archive, ready to be asked."""

    row: Archive
    pattern: EventPattern | None


class State:
    """Memory changes after the commit; changes wait in line for one another."""

    def __init__(self, database: Database, account: Account, clock: Clock) -> None:
        self.database = database
        self.account = account
        self.clock = clock
        self.buses: dict[str, Bus] = {}
        self.rules: dict[str, dict[str, LiveRule]] = {}
        """Bus → name → rule."""
        self.archives: dict[str, LiveArchive] = {}
        self.replays: dict[str, Replay] = {}
        self.on_rule: OnRule = _ignore
        self._archive_number = 0
        self._settling = asyncio.Lock()

    async def load(self) -> None:
        """All that the disk holds, and the default bus."""
        for live in self.all_rules():
            self.on_rule(live.row, gone=True)
        self.buses, self.rules, self.archives, self.replays = {}, {}, {}, {}
        for resource in await self.database.read(lambda c: rows.load_resources(c, self.account)):
            self._keep(resource)
        numbers = [archive.row.number for archive in self.archives.values()]
        highest = await self.database.read(rows.load_highest_archive)
        self._archive_number = max([highest, *numbers])
        if DEFAULT_BUS not in self.buses:
            now_s = self.clock.wall_s()
            bus = Bus(name=DEFAULT_BUS, created_s=now_s, modified_s=now_s)
            await self.change(lambda: bus)

    async def reset(self) -> None:
        await self.database.write(rows.delete_everything)
        await self.load()

    # Finding

    def bus(self, text: str | None) -> Bus:
        """By name or ARN. Raises ResourceNotFoundException."""
        name = parse_bus(self.account, text)
        if name not in self.buses:
            raise bus_not_found(name)
        return self.buses[name]

    def find_bus(self, text: str | None) -> Bus | None:
        return self.buses.get(parse_bus(self.account, text))

    def rule(self, bus: str, name: str) -> LiveRule:
        """Raises ResourceNotFoundException."""
        found = self.rules.get(bus, {}).get(name)
        if found is None:
            raise rule_not_found(bus, name)
        return found

    def rules_of(self, bus: str) -> Iterator[LiveRule]:
        return iter(self.rules.get(bus, {}).values())

    def all_rules(self) -> Iterator[LiveRule]:
        for rules in self.rules.values():
            yield from rules.values()

    def bus_arn(self, name: str) -> str:
        return bus_arn(self.account, name)

    def next_archive_number(self) -> int:
        self._archive_number += 1
        return self._archive_number

    # Changing

    async def change(self, make: Callable[[], Resource | None]) -> Resource | None:
        """Store what `make` wants, decided when its turn has come; None: nothing. It may raise."""
        async with self._settling:
            resource = make()
            if resource is not None:
                account = self.account
                await self.database.write(lambda c: rows.store_resource(c, account, resource))
                self._keep(resource)
            return resource

    async def advance(self, make: Callable[[], tuple[Resource, Landing] | None]) -> Resource | None:
        """The same, in one transaction with what follows from it."""
        async with self._settling:
            made = make()
            if made is None:
                return None
            resource, landing = made
            account = self.account

            def write(connection: sqlite3.Connection) -> None:
                rows.store_resource(connection, account, resource)
                landing.write(connection)

            future = self.database.submit(write)
            future.add_done_callback(landing.settle_by)
            await asyncio.shield(future)
            self._keep(resource)
            return resource

    async def delete(self, find: Callable[[], Resource | None]) -> None:
        """Take what `find` gives away; None: nothing. It may raise."""
        async with self._settling:
            resource = find()
            if resource is None:
                return
            account = self.account
            await self.database.write(lambda c: rows.delete_resource(c, account, resource))
            match resource:
                case Bus():
                    del self.buses[resource.name]
                case Rule():
                    del self.rules[resource.bus][resource.name]
                    self.on_rule(resource, gone=True)
                case Archive():
                    del self.archives[resource.name]
                case Replay():
                    del self.replays[resource.name]

    def _keep(self, resource: Resource) -> None:
        match resource:
            case Bus():
                self.buses[resource.name] = resource
            case Rule():
                self.rules.setdefault(resource.bus, {})[resource.name] = self._live(resource)
                self.on_rule(resource, gone=False)
            case Archive():
                pattern = parse_pattern(resource.pattern) if resource.pattern else None
                self.archives[resource.name] = LiveArchive(row=resource, pattern=pattern)
            case Replay():
                self.replays[resource.name] = resource

    def _live(self, rule: Rule) -> LiveRule:
        return LiveRule(
            row=rule,
            arn=rule_arn(self.account, rule.bus, rule.name),
            pattern=parse_pattern(rule.pattern) if rule.pattern else None,
            targets=tuple(_live_target(target) for target in rule.targets),
        )


def _ignore(rule: Rule, *, gone: bool) -> None:
    return


def _live_target(target: Mapping[str, Any]) -> LiveTarget:
    retry = target.get("RetryPolicy") or {}
    return LiveTarget(
        arn=target["Arn"],
        plan=parse_input(target),
        role_arn=target.get("RoleArn", ""),
        group_id=(target.get("SqsParameters") or {}).get("MessageGroupId"),
        dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn", ""),
        age_s_max=retry.get("MaximumEventAgeInSeconds", AGE_S_DEFAULT),
        tries_max=1 + int(retry.get("MaximumRetryAttempts", RETRIES_DEFAULT)),
    )
