"""Published versions: $LATEST as it was, under a number that is never given out again.

A version is a value of its own: what $LATEST becomes afterwards, layers that are deleted and
packages that are replaced do not touch it, because its row keeps alive the folders it needs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum

from lambent.clock import Clock, format_iso_ms
from lambent.control import rules
from lambent.control.capacity_providers import check_room
from lambent.control.kinds import ALIASES
from lambent.control.paging import Page, take_page
from lambent.control.qualifiers import changes_on_delete
from lambent.control.registry import Registry, update_in_progress
from lambent.control.snap_start import publishing
from lambent.domain.arns import LATEST, LATEST_PUBLISHED
from lambent.domain.errors import invalid_parameter, resource_conflict
from lambent.domain.function import Function, FunctionVersion, State

VERSIONS_PAGE_MAX = 50  # [B] ListVersionsByFunction

# What differs between $LATEST and a version that was published from it.
_OF_THE_VERSION = (
    "version",
    "description",
    "source_description",
    "optimized",
    "last_modified",
    "revision_id",
    "state",
    "last_update",
)


class Publish(Enum):
    """Whether and as what an operation publishes $LATEST; false where it does not."""

    NO = ""
    AS_NUMBER = "number"
    TO_LATEST_PUBLISHED = LATEST_PUBLISHED

    def __bool__(self) -> bool:
        return self is not Publish.NO


class Versions:
    """The operations on published versions of one account's functions."""

    def __init__(self, registry: Registry, *, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self.begin_snapshot: Callable[[FunctionVersion], None] = lambda version: None
        """Told each version that was published."""

    async def publish(
        self,
        name: str,
        *,
        code_sha256: str | None,
        description: str | None,
        revision_id: str | None,
        publish: Publish = Publish.AS_NUMBER,
    ) -> FunctionVersion:
        """$LATEST under the next number; the newest version where nothing changed since.

        As $LATEST.PUBLISHED it takes the place of what that was.
        """
        latest = self._registry.find(name).latest
        rules.check_revision(revision_id, latest.revision_id)
        if code_sha256 and code_sha256 != latest.code.sha256_b64:  # [LS]
            raise invalid_parameter(
                f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST "
                f"({latest.code.sha256_b64}). Please try again with the CodeSHA256 in $LATEST."
            )
        check_publish_to(latest, publish)
        check_settled(latest)
        with self._registry.changing(name) as generation:
            existing = self.unchanged(latest, publish)
            if existing is not None:
                return existing
            with self._registry.storage.reserving(latest.code.size_bytes):
                version = self.snapshot(latest, publish, description)
                # AWS gives $LATEST a new RevisionId when it is published [LS].
                await self._registry.store_published(
                    generation, version, revision_id=str(uuid.uuid4())
                )
                self.begin_snapshot(version)
        return version

    def snapshot(
        self,
        latest: FunctionVersion,
        publish: Publish = Publish.AS_NUMBER,
        description: str | None = None,
    ) -> FunctionVersion:
        """What `latest` is as a published version; its number is not yet given out."""
        number = self._registry.version_numbers.get(latest.name, 0) + 1
        status = {} if publish is Publish.TO_LATEST_PUBLISHED else publishing(latest)
        version = replace(
            latest,
            **status,
            version=LATEST_PUBLISHED if publish is Publish.TO_LATEST_PUBLISHED else str(number),
            description=latest.description if description is None else description,
            source_description=latest.description,
            last_modified=format_iso_ms(self._clock.wall_s()),
            revision_id=str(uuid.uuid4()),
        )
        check_room(self._registry, version)
        return version

    def unchanged(
        self, latest: FunctionVersion, publish: Publish = Publish.AS_NUMBER
    ) -> FunctionVersion | None:
        """The newest version, where it was published from the same code and configuration.

        Of $LATEST.PUBLISHED likewise. A description that only PublishVersion gave makes no
        difference [LS].
        """
        function = self._registry.functions.get(latest.name)
        if function is None:
            return None
        number = str(self._registry.version_numbers.get(latest.name, 0))
        if publish is Publish.TO_LATEST_PUBLISHED:
            number = LATEST_PUBLISHED
        newest = function.versions.get(number)
        if newest is None or newest.source_description != latest.description:
            return None
        same = {member: getattr(newest, member) for member in _OF_THE_VERSION}
        return newest if replace(latest, **same) == newest else None

    def list(
        self, name: str, *, marker: str | None, items_max: int | None
    ) -> Page[FunctionVersion]:
        """$LATEST, then by number."""
        function = self._registry.find(name)
        by_key = {_sort_key(one): one for one in function.every_version()}
        return take_page(
            sorted(by_key),
            by_key.__getitem__,
            marker=marker,
            items_max=min(items_max or VERSIONS_PAGE_MAX, VERSIONS_PAGE_MAX),
        )

    async def delete(self, name: str, qualifier: str) -> None:
        """One version with what hangs on it; quiet where the number is not there, as on AWS.

        Texts: measured on AWS by floci-io/floci#2824.
        """
        if qualifier == LATEST:
            raise invalid_parameter(
                "$LATEST version cannot be deleted without deleting the function."
            )
        self._registry.find(name, qualifier)
        if not qualifier.isdecimal() and qualifier != LATEST_PUBLISHED:
            raise invalid_parameter("Deletion of aliases is not currently supported.")
        with self._registry.changing(name) as generation:
            async with self._registry.settling:
                version = self._registry.find(name).versions.get(qualifier)
                if version is None:
                    return
                self._check_unused(name, qualifier)
                changes = changes_on_delete(self._registry, name, qualifier)
                await self._registry.delete_published(generation, version, changes)

    def _check_unused(self, name: str, number: str) -> None:
        using = [
            alias.name
            for alias in self._registry.resources.of(ALIASES, name).values()
            if number == alias.version or number in alias.weights
        ]
        if using:  # AWS's text, as quoted in many issue threads
            raise resource_conflict(
                "Unable to delete version because the following aliases reference it: "
                f"[{', '.join(sorted(using))}]"
            )


def check_settled(latest: FunctionVersion) -> None:
    """Raise where $LATEST cannot run, so that nothing may be made from it."""
    if latest.state.value != State.ACTIVE:
        raise resource_conflict(
            "The operation cannot be performed at this time. "
            f"The function is currently in the following state: {latest.state.value}"
        )
    if latest.next_image is not None:
        raise update_in_progress(latest.arn)


def check_publish_to(latest: FunctionVersion, publish: Publish) -> None:
    """Only functions on a capacity provider have $LATEST.PUBLISHED [DG]. Text: unverified."""
    if publish is Publish.TO_LATEST_PUBLISHED and latest.capacity_provider is None:
        raise invalid_parameter(
            "PublishTo is supported only for functions with a CapacityProviderConfig."
        )


def page_of_all(
    functions: Sequence[Function], *, marker: str | None, items_max: int
) -> Page[FunctionVersion]:
    """Every version of every function, by name and number: ListFunctions with ALL."""
    by_key = {
        f"{function.name}:{_sort_key(one)}": one
        for function in functions
        for one in function.every_version()
    }
    return take_page(sorted(by_key), by_key.__getitem__, marker=marker, items_max=items_max)


def _sort_key(version: FunctionVersion) -> str:
    """Sorts as text: $LATEST, $LATEST.PUBLISHED, then the numbers."""
    if version.version.startswith(LATEST):
        return f"{0:020d}{version.version}"
    return f"{int(version.version):020d}"
