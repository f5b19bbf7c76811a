"""The code that an account holds: how much it is, and what of it nothing needs any more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager

from lambent.control.interface import Retirer
from lambent.control.packages import Packages
from lambent.domain import limits
from lambent.domain.errors import LambdaError
from lambent.domain.function import CodePackage, FunctionVersion, LayerVersion
from lambent.images.store import ImageStore, key_of
from lambent.store import rows
from lambent.store.database import Database
from lambent.store.files import CodeStore, opt_digest


class CodeStorage:
    """What functions and layers need, as memory shows them."""

    def __init__(
        self,
        versions: Callable[[], Iterator[FunctionVersion]],
        layer_versions: Callable[[], Iterator[LayerVersion]],
        *,
        database: Database,
        packages: Packages,
        files: CodeStore,
        images: ImageStore,
        retirer: Retirer,
    ) -> None:
        """`versions`, `layer_versions`: all that are there."""
        self._versions = versions
        self._layer_versions = layer_versions
        self._database = database
        self._packages = packages
        self._files = files
        self._images = images
        self._retirer = retirer
        self._reserved_bytes = 0

    def used_bytes(self) -> int:
        """Account-wide code storage in use: packages of all versions of functions and layers."""
        functions = sum(version.code.size_bytes for version in self._versions())
        return functions + sum(version.package.size_bytes for version in self._layer_versions())

    def packages(self) -> Iterator[CodePackage]:
        """Every package that is needed; some are needed by several."""
        for version in self._versions():
            if version.image is None:
                yield version.code
            yield from (layer.package for layer in version.layers)
        yield from (version.package for version in self._layer_versions())

    @contextmanager
    def reserving(self, size_bytes: int) -> Iterator[None]:
        """Room for that much more code until the rows count it. CodeStorageExceededException."""
        total = self.used_bytes() + self._reserved_bytes + size_bytes
        if total > limits.CODE_STORAGE_BYTES_MAX:
            raise LambdaError(
                "CodeStorageExceededException", "Code storage limit exceeded.", Type="User"
            )
        self._reserved_bytes += size_bytes
        try:
            yield
        finally:
            self._reserved_bytes -= size_bytes

    @asynccontextmanager
    async def storing(self, content: bytes) -> AsyncIterator[CodePackage]:
        """`Packages.storing`, after the garbage of operations that failed is gone."""
        await self.sweep()
        async with self._packages.storing(content) as package:
            yield package

    async def sweep(self, digests: Collection[str] = ()) -> None:
        """Remove what nothing needs any more of `digests` and of what earlier sweeps had to leave.

        Environments that still run on a folder keep it; call again when they have ended.
        """
        garbage = self._packages.garbage
        garbage.update(digests)
        if not garbage:
            return
        asked = set(garbage)
        unreferenced = await self._database.read(lambda c: rows.load_unreferenced(c, asked))
        # From here on no await: what memory refers to or somebody holds now stays.
        garbage -= asked - unreferenced
        needed = {digest for version in self._versions() for digest in digests_of(version)}
        needed.update(package.digest for package in self.packages())
        doomed = unreferenced - needed - set(self._retirer.mounted())
        removed = doomed - self._files.collect(doomed)
        self._images.collect(removed)
        self._packages.forget(removed)
        garbage |= unreferenced
        garbage -= removed | needed


def digests_of(version: FunctionVersion) -> list[str]:
    """The folders that a version needs: its code, its layers, and these merged; or its images."""
    layers = [layer.package.digest for layer in version.layers]
    merged = [opt_digest(layers)] if len(layers) > 1 else []
    coming = [] if version.next_image is None else [key_of(version.next_image.digest)]
    return list(dict.fromkeys([version.code.digest, *layers, *merged, *coming]))
