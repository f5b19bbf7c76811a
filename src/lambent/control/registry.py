"""The resources of one account: in memory, in front of the rows.

Reads are answered from memory alone. A write validates against memory, commits its rows, and only
then changes memory, in the order of the commits; both happen even when the caller gives up in
between, so memory and rows never differ for longer than one turn of the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lambent.control.interface import Publisher, Retirer
from lambent.control.packages import Packages
from lambent.domain import limits
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError, resource_conflict, resource_not_found
from lambent.domain.function import (
    CodePackage,
    Function,
    FunctionVersion,
    LastUpdateStatus,
    LayerVersion,
    State,
    Status,
)
from lambent.store import rows
from lambent.store.database import Database
from lambent.store.files import CodeStore, opt_digest

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
        publisher: Publisher,
        retirer: Retirer,
    ) -> None:
        self.account = account
        self.files = files
        self.packages = packages
        self.publisher = publisher
        self.retirer = retirer
        self.functions: dict[str, Function] = {}
        self.layers: dict[str, Layer] = {}
        self._database = database
        self._changing: set[str] = set()
        self._reserved_bytes = 0
        self._generation = 0
        self._resetting = False

    async def load(self) -> None:
        """Fill memory from the rows, drop what no row needs, repair what can be repaired."""
        functions, layers, last_versions, referenced = await self._database.read(self._load_rows)
        await self.files.start(referenced)
        self.functions = {function.name: function for function in functions}
        for name, last_version in last_versions.items():
            self.layers[name] = Layer(last_version=last_version)
        for layer in layers:
            self.layers[layer.name].versions[layer.version] = layer
        self.packages.learn(self._packages())
        for package in list(self._packages()):
            if not await self.packages.restore(package):
                log.error("the package %s is gone from %s", package.digest, self.files.root)
        for function in functions:
            await self._recover(function.latest)

    async def _recover(self, latest: FunctionVersion) -> None:
        """Where a function could not run before the restart, it may be able to now."""
        try:
            await self.packages.merge([layer.package.digest for layer in latest.layers])
        except OSError as error:  # the others still work; its invocations say so again
            log.error("the layers of %s cannot be merged: %s", latest.name, error)
        if latest.state.value != State.FAILED:
            return
        state = await self.publisher.prepare(latest)
        if state != latest.state:
            await self.store_version(self.begin(), with_state(latest, state))

    def _load_rows(
        self, connection: sqlite3.Connection
    ) -> tuple[list[Function], list[LayerVersion], dict[str, int], set[str]]:
        return (
            rows.load_functions(connection, self.account),
            rows.load_layer_versions(connection, self.account),
            rows.load_last_layer_versions(connection, self.account),
            rows.load_referenced_digests(connection),
        )

    def find(self, name: str, qualifier: str | None = None) -> Function:
        """Raises ResourceNotFoundException with the ARN as it was asked for."""
        function = self.functions.get(name)
        if function is None:
            arn = self.account.function_arn(name, qualifier)
            raise resource_not_found(f"Function not found: {arn}")
        return function

    def code_bytes(self) -> int:
        """Account-wide code storage in use: packages of functions and of layer versions."""
        return sum(f.latest.code.size_bytes for f in self.functions.values()) + sum(
            version.package.size_bytes
            for layer in self.layers.values()
            for version in layer.versions.values()
        )

    @contextmanager
    def reserving(self, size_bytes: int) -> Iterator[None]:
        """Room for that much more code until the rows count it. CodeStorageExceededException."""
        total = self.code_bytes() + self._reserved_bytes + size_bytes
        if total > limits.CODE_STORAGE_BYTES_MAX:
            raise LambdaError(
                "CodeStorageExceededException", "Code storage limit exceeded.", Type="User"
            )
        self._reserved_bytes += size_bytes
        try:
            yield
        finally:
            self._reserved_bytes -= size_bytes

    @contextmanager
    def changing(self, name: str) -> Iterator[int]:
        """One change of a function at a time; the second is refused, as AWS does. See `begin`."""
        if name in self._changing:
            raise resource_conflict(
                "The operation cannot be performed at this time. An update is in progress for "
                f"resource: {self.account.function_arn(name)}"
            )
        self._changing.add(name)
        try:
            yield self.begin()
        finally:
            self._changing.discard(name)

    @asynccontextmanager
    async def storing(self, content: bytes) -> AsyncIterator[CodePackage]:
        """`Packages.storing`, after the garbage of operations that failed is gone."""
        await self.sweep()
        async with self.packages.storing(content) as package:
            yield package

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

    async def store_version(
        self, generation: int, latest: FunctionVersion, *, tags: Mapping[str, str] | None = None
    ) -> None:
        """Commit $LATEST of a function, new (then with tags) or changed; then that is what runs."""
        digests = digests_of(latest)
        before = self.functions.get(latest.name)

        def write(connection: sqlite3.Connection) -> None:
            rows.store_function(connection, self.account, latest, digests=digests)
            if tags is not None:
                rows.store_tags(connection, self.account, latest.name, tags)

        def apply(_: None) -> None:
            current = self.functions.get(latest.name, Function(latest=latest, tags=tags or {}))
            self.functions[latest.name] = replace(current, latest=latest)
            self.retirer.retire(latest.name)

        await self.commit(generation, write, apply, digests=digests)
        if before is not None:
            await self.sweep(digests_of(before.latest))

    async def sweep(self, digests: Collection[str] = ()) -> None:
        """Remove what nothing needs any more of `digests` and of what earlier sweeps had to leave.

        Environments that still run on a folder keep it; call again when they have ended.
        """
        garbage = self.packages.garbage
        garbage.update(digests)
        if not garbage:
            return
        asked = set(garbage)
        unreferenced = await self._database.read(lambda c: rows.load_unreferenced(c, asked))
        # From here on no await: what memory refers to or somebody holds now stays.
        garbage -= asked - unreferenced
        needed = {digest for f in self.functions.values() for digest in digests_of(f.latest)}
        needed.update(package.digest for package in self._packages())
        doomed = unreferenced - needed - set(self.retirer.mounted())
        removed = doomed - self.files.collect(doomed)
        self.packages.forget(removed)
        garbage |= unreferenced
        garbage -= removed | needed

    async def reset(self) -> None:
        """Forget every function and layer: rows first, then memory and files."""
        generation = self.begin()
        self._resetting = True
        self._generation = generation + 1

        def apply(_: None) -> None:
            self.functions.clear()
            self.layers.clear()
            self.packages.reset()
            self.retirer.retire_all()
            self.files.reset()

        try:
            await self.commit(self._generation, rows.delete_everything, apply)
        finally:
            self._resetting = False

    def _packages(self) -> Iterator[CodePackage]:
        for function in self.functions.values():
            yield function.latest.code
            yield from (layer.package for layer in function.latest.layers)
        for layer in self.layers.values():
            yield from (version.package for version in layer.versions.values())


def digests_of(version: FunctionVersion) -> list[str]:
    """The folders that a version needs: its code, its layers, and these merged."""
    layers = [layer.package.digest for layer in version.layers]
    merged = [opt_digest(layers)] if len(layers) > 1 else []
    return list(dict.fromkeys([version.code.digest, *layers, *merged]))


def with_state(version: FunctionVersion, state: Status) -> FunctionVersion:
    """The version with what `prepare` said of it, as state and as outcome of the last update."""
    failed = state.value == State.FAILED
    value = LastUpdateStatus.FAILED if failed else LastUpdateStatus.SUCCESSFUL
    return replace(version, state=state, last_update=replace(state, value=value))
