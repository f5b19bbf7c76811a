"""Archives of buses: made, told of, swept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from lambent.domain.errors import not_supported
from lambent.domain.request import Handler, RequestContext
from lambent.services.events import rows
from lambent.services.events.model import (
    Archive,
    already_exists,
    events_arn,
    invalid_parameter,
    limit_exceeded,
    not_found,
    parse_arn,
)
from lambent.services.events.paging import list_page
from lambent.services.events.rule_operations import check_pattern
from lambent.services.events.state import LiveArchive, State

Params = dict[str, Any]
Result = dict[str, Any]

ARCHIVES_MAX = 1_000
"""[own]"""
_DAY_S = 86_400


class Archives:
    """Over the archives of the account."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateArchive": self.create_archive,
            "DescribeArchive": self.describe_archive,
            "UpdateArchive": self.update_archive,
            "DeleteArchive": self.delete_archive,
            "ListArchives": self.list_archives,
        }

    async def create_archive(self, params: Params, context: RequestContext) -> Result:
        _check_supported(params)
        check_pattern(params.get("EventPattern", ""))
        name = params["ArchiveName"]

        def make() -> Archive:
            bus = self._bus_of(params["EventSourceArn"])
            if name in self._state.archives:
                raise already_exists("Archive", name)
            if len(self._state.archives) >= ARCHIVES_MAX:
                raise limit_exceeded()
            return Archive(
                name=name,
                number=self._state.next_archive_number(),
                bus=bus,
                created_s=self._state.clock.wall_s(),
                description=params.get("Description", ""),
                pattern=params.get("EventPattern", ""),
                retention_days=params.get("RetentionDays", 0),
            )

        await self._state.change(make)
        return self._made(name)

    async def update_archive(self, params: Params, context: RequestContext) -> Result:
        _check_supported(params)
        check_pattern(params.get("EventPattern", ""))
        changes = {
            field: params[member]
            for member, field in (
                ("Description", "description"),
                ("EventPattern", "pattern"),
                ("RetentionDays", "retention_days"),
            )
            if member in params
        }
        name = params["ArchiveName"]
        await self._state.change(lambda: replace(self._archive(name).row, **changes))
        return self._made(name)

    async def describe_archive(self, params: Params, context: RequestContext) -> Result:
        archive = self._archive(params["ArchiveName"]).row
        described = await self._describe(archive)
        described["ArchiveArn"] = events_arn(self._state.account, "archive", archive.name)
        for member, value in (
            ("Description", archive.description),
            ("EventPattern", archive.pattern),
        ):
            if value:
                described[member] = value
        return described

    async def delete_archive(self, params: Params, context: RequestContext) -> Result:
        name = params["ArchiveName"]
        await self._state.delete(lambda: self._archive(name).row)
        return {}

    async def list_archives(self, params: Params, context: RequestContext) -> Result:
        given = [one for one in ("NamePrefix", "EventSourceArn", "State") if one in params]
        if len(given) > 1:
            raise invalid_parameter("State", f"Only one of {', '.join(given)} may be given.")
        chosen = [archive.row for archive in self._state.archives.values()]
        if "EventSourceArn" in params:
            bus = self._bus_of(params["EventSourceArn"])
            chosen = [archive for archive in chosen if archive.bus == bus]
        if params.get("State", "ENABLED") != "ENABLED":
            chosen = []
        by_name = {archive.name: archive for archive in chosen}
        page = list_page(params, "Archives", by_name, lambda name: by_name[name])
        page["Archives"] = [await self._describe(archive) for archive in page["Archives"]]
        return page

    async def sweep(self) -> None:
        """Delete what is older than its archive keeps it."""
        now_s = self._state.clock.wall_s()
        for archive in [one.row for one in self._state.archives.values()]:
            if archive.retention_days:
                before_s = now_s - archive.retention_days * _DAY_S
                delete = partial(rows.delete_archived, archive=archive.number, before_s=before_s)
                await self._state.database.write(delete)

    def _archive(self, name: str) -> LiveArchive:
        found = self._state.archives.get(name)
        if found is None:
            raise not_found("Archive", name)
        return found

    def _bus_of(self, arn: str) -> str:
        parsed = parse_arn(self._state.account, arn)
        if parsed is None or parsed[0] != "event-bus":
            raise invalid_parameter("EventSourceArn", "It must be the ARN of an event bus here.")
        return self._state.bus(parsed[1]).name

    def _made(self, name: str) -> Result:
        archive = self._archive(name).row
        return {
            "ArchiveArn": events_arn(self._state.account, "archive", name),
            "State": "ENABLED",
            "CreationTime": archive.created_s,
        }

    async def _describe(self, archive: Archive) -> Result:
        number = archive.number
        count, size = await self._state.database.read(lambda c: rows.count_archived(c, number))
        return {
            "ArchiveName": archive.name,
            "EventSourceArn": self._state.bus_arn(archive.bus),
            "State": "ENABLED",
            "RetentionDays": archive.retention_days,
            "SizeBytes": size,
            "EventCount": count,
            "CreationTime": archive.created_s,
        }


def _check_supported(params: Params) -> None:
    if params.get("KmsKeyIdentifier"):
        raise not_supported("encryption of archives")
