"""Finds images and brings them into the store: the part that lives on the event loop.

`find` asks for the documents only (a second or so): everything that is wrong with a name, a login
or an architecture is known then. `make` fetches, verifies and unpacks what layers are missing and
composes the root. Threads do the work; two that want the same layer wait for each other.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from lambent.domain import limits
from lambent.domain.image import Image
from lambent.images.credentials import find_login
from lambent.images.errors import ImageDenied, ImageInvalid
from lambent.images.found import Found, Source
from lambent.images.http_client import HttpClient
from lambent.images.local import open_local
from lambent.images.manifest import Blob, compression_of
from lambent.images.reference import LocalReference, Reference, RegistryReference, parse_reference
from lambent.images.registry import RegistrySource
from lambent.images.store import ImageStore, key_of
from lambent.images.unpack import Budget, unpack_layer

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where images may come from, by the operator's settings."""

    docker_config: Path
    """Its logins."""
    registries: frozenset[str] = frozenset()
    """Hosts, with their port; empty: any."""
    plain_registries: frozenset[str] = frozenset()
    """Spoken to without TLS; loopback is at all times."""
    folders: tuple[str, ...] | None = None
    """Of this host, under which local images may lie; None: anywhere."""


@dataclass(slots=True)
class _Making:
    """What threads share that make one image."""

    stop: threading.Event = field(default_factory=threading.Event)
    budget: Budget = field(default_factory=Budget)


class Images:
    """The images of one server."""

    def __init__(self, store: ImageStore, access: Access, *, executor: Executor) -> None:
        """`executor`: for what waits for the network; not shared with what must be quick."""
        self.store = store
        self._access = access
        self._executor = executor
        self._client = HttpClient(access.plain_registries)
        self._locks: dict[str, asyncio.Lock] = {}
        self._making: set[threading.Event] = set()

    def close(self) -> None:
        """Let threads end soon that wait for a registry or unpack; nothing is asked any more."""
        for stop in self._making:
            stop.set()
        self._client.abort()

    async def find(self, uri: str, architecture: str) -> Image:
        """The image for Lambda's `architecture`. Raises ImageError."""
        return await self._run(self._find, uri, architecture)

    async def make(self, image: Image) -> None:
        """Have its root in the store. Raises ImageError, OSError (the disk's)."""
        key = key_of(image.digest)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if not self.store.has(key):
                with self.store.wanting(image.layers):
                    async with asyncio.timeout(limits.IMAGE_PULL_S_MAX):
                        await self._fetch_layers(image)
                        await self._run_to_end(self.store.compose, key, image.layers)
                        self.store.learn(key, image.layers)
        if not lock.locked():
            self._locks.pop(key, None)

    async def _fetch_layers(self, image: Image) -> None:
        making = _Making()
        self._making.add(making.stop)
        try:
            await self._run(self._fetch, image, making)
        finally:
            making.stop.set()  # where nobody waits any more, the thread ends soon
            self._making.discard(making.stop)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, work, *arguments)

    async def _run_to_end(self, work: Callable[..., T], *arguments: object) -> T:
        """A cancelled one still ends first, so that what it makes is known or not there."""
        running = asyncio.ensure_future(self._run(work, *arguments))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    # In a thread

    def _find(self, uri: str, architecture: str) -> Image:
        reference = parse_reference(uri)
        source = self._open(reference, threading.Event())
        try:
            found = source.find(architecture)
        finally:
            source.close()
        return _image(uri, architecture, reference, found)

    def _fetch(self, image: Image, making: _Making) -> None:
        """Every layer that is missing, of the digest that was found, whatever the tag is now."""
        reference = parse_reference(image.uri)
        if isinstance(reference, RegistryReference):
            reference = replace(reference, digest=f"sha256:{image.digest}")
        source = self._open(reference, making.stop)
        try:
            found = source.find(image.architecture)
            if found.digest != image.digest:
                raise ImageInvalid("there is another image under its name by now")
            for layer, blob in zip(image.layers, found.layers, strict=True):
                self._bring(layer, blob, source, making)
        finally:
            source.close()

    def _bring(self, layer: str, blob: Blob, source: Source, making: _Making) -> None:
        """One layer into the store, where it is not there."""
        known = self.store.find_layer(layer)
        if known is not None:
            making.budget.take(size=known.size, entries=known.entries)
            return
        staged = self.store.make_staging()
        try:
            tree = staged / "tree"
            tree.mkdir(mode=0o755)
            with source.open_layer(blob) as raw:
                unpacked = unpack_layer(
                    raw,
                    compression_of(blob),
                    os.fspath(tree),
                    budget=making.budget,
                    stop=making.stop,
                )
            if unpacked.diff_id != f"sha256:{layer}":
                raise ImageInvalid(f"the content of the layer {blob.digest} has another digest")
            self.store.publish_layer(layer, staged, unpacked)
        finally:
            self.store.discard_staging(staged)

    def _open(self, reference: Reference, stop: threading.Event) -> Source:
        if isinstance(reference, LocalReference):
            self._check_folder(reference.path)
            return open_local(reference)
        allowed = self._access.registries
        if allowed and reference.host not in allowed:
            raise ImageDenied(
                f"This server pulls no images from {reference.host}. Its operator allows "
                "registries with --registries."
            )
        login = find_login(self._access.docker_config, reference.host)
        folder = self.store.root / "tmp"
        return RegistrySource(reference, login, self._client, folder=folder, stop=stop)

    def _check_folder(self, path: str) -> None:
        if self._access.folders is None:
            return
        real = os.path.realpath(path)
        for folder in map(os.path.realpath, self._access.folders):
            if os.path.commonpath([real, folder]) == folder:
                return
        raise ImageDenied(
            f"This server reads no images from {path}. Its operator allows folders with "
            "--image-folders."
        )


def _image(uri: str, architecture: str, reference: Reference, found: Found) -> Image:
    config = found.config
    named = reference.named
    return Image(
        architecture=architecture,
        uri=uri,
        resolved_uri=f"{named}@sha256:{found.digest}",
        digest=found.digest,
        layers=tuple(one.removeprefix("sha256:") for one in config.diff_ids),
        environment=config.environment,
        entry_point=config.entry_point,
        command=config.command,
        working_directory=config.working_directory,
    )
