"""The resources of one account: in memory, in front of the rows.

Reads are answered from memory alone. A write validates against memory, commits its rows, and only
then changes memory, in the order of the commits; both happen even when the caller gives up in
between, so memory and rows never differ for longer than one turn of the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from lambent.control.code_storage import CodeStorage, digests_of
from lambent.control.interface import Publisher, Retirer
from lambent.control.kinds import KINDS
from lambent.control.packages import Packages
from lambent.control.resources import (
    Change,
    Put,
    Resources,
    delete_resources_of,
    write_changes,
)
from lambent.domain.arns import LATEST, LATEST_PUBLISHED, Account
from lambent.domain.errors import LambdaError, resource_conflict, resource_not_found
from lambent.domain.function import (
    Function,
    FunctionVersion,
    LastUpdateStatus,
    LayerVersion,
    State,
    Status,
)
from lambent.images.store import ImageStore
from lambent.store import rows
from lambent.store.database import Database
from lambent.store.files import CodeStore
from lambent.store.resources import load_resources
from lambent.store.vault import Vault, open_vault

T = TypeVar("T")

log = logging.getLogger("lambent")


@dataclass(slots=True)
class Layer:
    """A layer's versions that are there, and the highest number ever given out."""

    last_version: int = 0
    versions: dict[int, LayerVersion] = field(default_factory=dict)


class Registry:
    """Functions and layers of one account, with the rules that concern all of them."""

    def __init__(
        self,
        *,
        account: Account,
        database: Database,
        files: CodeStore,
        packages: Packages,
        images: ImageStore,
        publisher: Publisher,
        retirer: Retirer,
        key_file: Path,
    ) -> None:
        """`key_file`: where the secret is that environment variables are encrypted under."""
        self.account = account
        self.files = files
        self.packages = packages
        self.images = images
        self.publisher = publisher
        self.retirer = retirer
        self.storage = CodeStorage(
            self.every_version,
            self.every_layer_version,
            database=database,
            packages=packages,
            files=files,
            images=images,
            retirer=retirer,
        )
        self.functions: dict[str, Function] = {}
        self.layers: dict[str, Layer] = {}
        self.resources = Resources()
        self.version_numbers: dict[str, int] = {}
        """Function name → highest version number ever given out."""
        self.settling = asyncio.Lock()
        """Held by a change of resources from its checks to its commit: see `change`."""
        self._database = database
        self._key_file = key_file
        self._vault: Vault
        self._changing: set[str] = set()
        self._generation = 0
        self._resetting = False

    async def load(self) -> None:
        """Fill memory from the rows, drop what no row needs, repair what can be repaired."""
        self._vault = await asyncio.to_thread(open_vault, self._key_file)
        functions, layers, last_versions, referenced = await self._database.read(self._load_rows)
        self.version_numbers, resources = await self._database.read(self._load_resources)
        self.resources.load(KINDS, resources)
        await self.files.start(referenced)
        await self.images.start(referenced)
        self.functions = {function.name: function for function in functions}
        for name, last_version in last_versions.items():
            self.layers[name] = Layer(last_version=last_version)
        for layer in layers:
            self.layers[layer.name].versions[layer.version] = layer
        self.packages.learn(self.storage.packages())
        for package in list(self.storage.packages()):
            if not await self.packages.restore(package):
                log.error("the package %s is gone from %s", package.digest, self.files.root)
        for function in functions:
            for version in function.every_version():
                await self._recover(version)

    async def _recover(self, version: FunctionVersion) -> None:
        """Where a function could not run before the restart, it may be able to now."""
        try:
            await self.packages.merge([layer.package.digest for layer in version.layers])
        except OSError as error:  # the others still work; its invocations say so again
            log.error("the layers of %s cannot be merged: %s", version.name, error)
        if version.state.value != State.FAILED or version.image is not None:
            return
        state = await self.publisher.prepare(version)
        if state != version.state:
            store = self.store_latest if version.version == LATEST else self.store_published
            await store(self.begin(), with_state(version, state))

    def _load_rows(
        self, connection: sqlite3.Connection
    ) -> tuple[list[Function], list[LayerVersion], dict[str, int], set[str]]:
        return (
            [self._opened(one) for one in rows.load_functions(connection, self.account)],
            rows.load_layer_versions(connection, self.account),
            rows.load_last_layer_versions(connection, self.account),
            rows.load_referenced_digests(connection),
        )

    def _opened(self, function: Function) -> Function:
        """With environment variables as they are, not as the rows hold them."""
        opened = {number: self._vault.open(one) for number, one in function.versions.items()}
        return replace(function, latest=self._vault.open(function.latest), versions=opened)

    def _load_resources(
        self, connection: sqlite3.Connection
    ) -> tuple[dict[str, int], list[tuple[str, str, str, str]]]:
        return (
            rows.load_version_numbers(connection, self.account),
            list(load_resources(connection, self.account)),
        )

    def find(self, name: str, qualifier: str | None = None) -> Function:
        """Raises ResourceNotFoundException with the ARN as it was asked for."""
        function = self.functions.get(name)
        if function is None:
            raise self._not_found(name, qualifier)
        return function

    def current(self, name: str, version: str) -> FunctionVersion | None:
        """What `version`, a number or $LATEST, is now; None where it is not."""
        function = self.functions.get(name)
        if function is None:
            return None
        return function.latest if version == LATEST else function.versions.get(version)

    def every_version(self) -> Iterator[FunctionVersion]:
        """Of all functions, $LATEST included."""
        for function in self.functions.values():
            yield from function.every_version()

    def every_layer_version(self) -> Iterator[LayerVersion]:
        for layer in self.layers.values():
            yield from layer.versions.values()

    def _not_found(self, name: str, qualifier: str | None = None) -> LambdaError:
        arn = self.account.function_arn(name, qualifier)
        return resource_not_found(f"Function not found: {arn}")

    @contextmanager
    def changing(self, name: str) -> Iterator[int]:
        """One change of a function at a time; the second is refused, as AWS does. See `begin`."""
        if name in self._changing:
            raise update_in_progress(self.account.function_arn(name))
        self._changing.add(name)
        try:
            yield self.begin()
        finally:
            self._changing.discard(name)

    def begin(self) -> int:
        """What `commit` wants back, to refuse what was prepared before a reset."""
        if self._resetting:
            raise resource_conflict("The server is being reset.")
        return self._generation

    async def commit(
        self,
        generation: int,
        write: Callable[[sqlite3.Connection], T],
        apply: Callable[[T], object],
        *,
        digests: Collection[str] = (),
    ) -> T:
        """Commit the rows, then change memory; `digests` are held until both are done."""
        if generation != self._generation:
            raise resource_conflict("The server was reset meanwhile.")
        future = self._database.submit(write)
        for digest in digests:
            self.files.hold(digest)

        def finish(done: asyncio.Future[T]) -> None:
            if not done.cancelled() and done.exception() is None:
                apply(done.result())
            for digest in digests:
                self.files.release(digest)

        future.add_done_callback(finish)
        return await asyncio.shield(future)

    async def change(self, generation: int, changes: Sequence[Change]) -> None:
        """Commit changes of resources, all or none; then memory shows them.

        Who checks before changing holds `settling` from the check to the end of this, so that no
        other change comes in between.
        """

        owners = {change.owner for change in changes if isinstance(change, Put) and change.owner}

        def write(connection: sqlite3.Connection) -> None:
            for name in owners:  # a deletion of the function may be on its way to the rows
                if not rows.has_function(connection, self.account, name):
                    raise self._not_found(name)
            write_changes(connection, self.account, changes)

        await self.commit(generation, write, lambda _: self.resources.apply(changes))

    async def change_revised(
        self, generation: int, name: str, version: str, revision_id: str, changes: Sequence[Change]
    ) -> None:
        """Like `change`, and one version ($LATEST or a number) takes a new RevisionId.

        Nothing else of the version changes, so its environments run on.
        """

        def write(connection: sqlite3.Connection) -> None:
            if not rows.store_revision(connection, self.account, name, version, revision_id):
                raise self._not_found(name)
            write_changes(connection, self.account, changes)

        def apply(_: None) -> None:
            function = self.functions[name]
            if version == LATEST:
                latest = replace(function.latest, revision_id=revision_id)
                self.functions[name] = replace(function, latest=latest)
            else:
                revised = replace(function.versions[version], revision_id=revision_id)
                versions = {**function.versions, version: revised}
                self.functions[name] = replace(function, versions=versions)
            self.resources.apply(changes)

        await self.commit(generation, write, apply)

    async def store_latest(
        self,
        generation: int,
        latest: FunctionVersion,
        *,
        tags: Mapping[str, str] | None = None,
        published: FunctionVersion | None = None,
        changes: Sequence[Change] = (),
    ) -> None:
        """Commit $LATEST of a function, new (then with tags) or changed; then that is what runs.

        `published` is a version that begins to exist with it, `changes` are resources that do.
        """
        digests = digests_of(latest)
        before = self.functions.get(latest.name)

        def write(connection: sqlite3.Connection) -> None:
            sealed = self._vault.seal(latest)
            rows.store_function(connection, self.account, sealed, digests=digests)
            if tags is not None:
                rows.store_tags(connection, self.account, latest.name, tags)
            if published is not None:
                sealed = self._vault.seal(published)
                rows.store_version(connection, self.account, sealed, digests=digests)
            write_changes(connection, self.account, changes)

        def apply(_: None) -> None:
            current = self.functions.get(latest.name, Function(latest=latest, tags=tags or {}))
            self.functions[latest.name] = replace(current, latest=latest)
            if published is not None:
                self._show_published(published)
            self.resources.apply(changes)
            self.retirer.retire(latest.name, LATEST)

        await self.commit(generation, write, apply, digests=digests)
        if before is not None:
            replaced = published and before.versions.get(published.version)
            gone = [before.latest, *([replaced] if replaced else [])]
            await self.storage.sweep({digest for one in gone for digest in digests_of(one)})

    async def store_published(
        self, generation: int, version: FunctionVersion, *, revision_id: str | None = None
    ) -> None:
        """Commit a published version, new or (its state) changed.

        `revision_id` becomes $LATEST's, whose environments run on: nothing else of it changes.
        """
        digests = digests_of(version)
        function = self.functions[version.name]
        before, latest = function.versions.get(version.version), function.latest
        if revision_id is not None:
            latest = replace(latest, revision_id=revision_id)

        def write(connection: sqlite3.Connection) -> None:
            sealed = self._vault.seal(version)
            rows.store_version(connection, self.account, sealed, digests=digests)
            if revision_id is not None:
                held = digests_of(latest)
                sealed = self._vault.seal(latest)
                rows.store_function(connection, self.account, sealed, digests=held)

        def apply(_: None) -> None:
            function = self.functions[version.name]
            self.functions[version.name] = replace(function, latest=latest)
            self._show_published(version)

        await self.commit(generation, write, apply, digests=digests)
        if before is not None:
            await self.storage.sweep(digests_of(before))

    def _show_published(self, version: FunctionVersion) -> None:
        name, number = version.name, version.version
        function = self.functions[name]
        versions = {**function.versions, number: version}
        self.functions[name] = replace(function, versions=versions)
        if number == LATEST_PUBLISHED:
            self.retirer.retire(name, number)  # it may have been there before, as something else
            self.resources.tell([name])
        else:
            self.version_numbers[name] = max(self.version_numbers.get(name, 0), int(number))

    async def delete_published(
        self, generation: int, version: FunctionVersion, changes: Sequence[Change] = ()
    ) -> None:
        """Delete one published version, with the resources that hang on it (`changes`)."""
        name, number = version.name, version.version

        def write(connection: sqlite3.Connection) -> None:
            rows.delete_version(connection, self.account, name, number)
            write_changes(connection, self.account, changes)

        def apply(_: None) -> None:
            function = self.functions[name]
            versions = {key: one for key, one in function.versions.items() if key != number}
            self.functions[name] = replace(function, versions=versions)
            self.resources.apply(changes)
            self.retirer.retire(name, number)

        await self.commit(generation, write, apply)
        await self.storage.sweep(digests_of(version))

    async def delete_function(self, generation: int, name: str) -> None:
        """Delete a function with its versions and all that hangs on it."""
        function = self.functions[name]

        def write(connection: sqlite3.Connection) -> None:
            rows.delete_function(connection, self.account, name)
            delete_resources_of(connection, self.account, name)

        def apply(_: None) -> None:
            self.functions.pop(name, None)
            self.resources.forget(name)
            self.retirer.retire(name)

        await self.commit(generation, write, apply)
        await self.storage.sweep({d for one in function.every_version() for d in digests_of(one)})

    async def reset(self) -> None:
        """Forget every function and layer: rows first, then memory and files."""
        generation = self.begin()
        self._resetting = True
        self._generation = generation + 1

        def apply(_: None) -> None:
            self.functions.clear()
            self.layers.clear()
            self.resources.clear()
            self.version_numbers.clear()
            self.packages.reset()
            self.retirer.retire_all()
            self.files.reset()
            self.images.reset()

        try:
            await self.commit(self._generation, rows.delete_everything, apply)
        finally:
            self._resetting = False


def update_in_progress(arn: str) -> LambdaError:
    return resource_conflict(
        "The operation cannot be performed at this time. An update is in progress for resource: "
        f"{arn}"
    )


def with_state(version: FunctionVersion, state: Status) -> FunctionVersion:
    """The version with what `prepare` said of it, as state and as outcome of the last update."""
    failed = state.value == State.FAILED
    value = LastUpdateStatus.FAILED if failed else LastUpdateStatus.SUCCESSFUL
    return replace(version, state=state, last_update=replace(state, value=value))
