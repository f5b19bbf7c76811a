"""Fakes of what control asks for, and a control plane on them, for tests."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambent.clock import Clock, ManualClock
from lambent.control.downloads import load_downloads
from lambent.control.functions import Functions
from lambent.control.interface import Publisher
from lambent.control.packages import Packages
from lambent.control.plane import Plane
from lambent.control.registry import Registry
from lambent.domain.arns import Account
from lambent.domain.function import FunctionVersion, State, Status
from lambent.images.images import Access, Images
from lambent.images.store import ImageStore
from lambent.store.database import Database
from lambent.store.files import CodeStore


@dataclass(slots=True, kw_only=True)
class FakePublisher:
    """Every runtime is there, but those in `missing`."""

    missing: set[str] = field(default_factory=set)
    prepared: list[FunctionVersion] = field(default_factory=list)

    async def prepare(self, version: FunctionVersion) -> Status:
        self.prepared.append(version)
        if version.runtime in self.missing:
            return Status(
                value=State.FAILED,
                reason=f"No interpreter for {version.runtime}.",
                reason_code="InvalidRuntime",
            )
        return Status(value=State.ACTIVE)


@dataclass(slots=True, kw_only=True)
class FakeRetirer:
    """Remembers what was retired; `in_use` is what environments have mounted."""

    retired: list[str] = field(default_factory=list)
    in_use: set[str] = field(default_factory=set)

    def retire(self, name: str, version: str | None = None) -> None:
        self.retired.append(name)

    def retire_all(self) -> None:
        self.retired.append("*")

    def mounted(self) -> set[str]:
        return self.in_use


class Background:
    """Tasks of operations that answered already."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def spawn(self, work: Coroutine[Any, Any, object], *, name: str) -> asyncio.Task[object]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        return task

    async def settle(self) -> None:
        """Until all have ended; raises what one of them raised."""
        while self._tasks:
            task = self._tasks.pop()
            with suppress(asyncio.CancelledError):
                await task


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """All of control on a real database and a real code store."""

    account: Account
    clock: Clock
    database: Database
    files: CodeStore
    retirer: FakeRetirer
    registry: Registry
    plane: Plane
    background: Background

    @property
    def functions(self) -> Functions:
        return self.plane.functions


@asynccontextmanager
async def running_control(
    folder: Path,
    *,
    publisher: Publisher | None = None,
    clock: Clock | None = None,
    retirer: FakeRetirer | None = None,
) -> AsyncIterator[ControlPlane]:
    """A control plane whose state is in `folder`; entered again, it finds that state."""
    account, clock, retirer = Account(), clock or ManualClock(), retirer or FakeRetirer()
    executor = ThreadPoolExecutor(2, thread_name_prefix="lambent-files")
    database = Database(folder / "lambent.db")
    files = CodeStore(folder / "store", executor=executor)
    images = Images(
        ImageStore(folder / "store" / "images", executor=executor),
        Access(docker_config=folder / "docker.json"),
        executor=executor,
    )
    registry = Registry(
        account=account,
        database=database,
        files=files,
        packages=Packages(files, executor=executor),
        images=images.store,
        publisher=publisher or FakePublisher(),
        retirer=retirer,
        key_file=folder / "environment.key",
    )
    background = Background()
    plane = Plane(registry, clock=clock, images=images, tasks=background, concurrency=1000)
    try:
        await database.start()
        await registry.load()
        plane.downloads = await load_downloads(database, clock=clock)
        yield ControlPlane(
            account=account,
            clock=clock,
            database=database,
            files=files,
            retirer=retirer,
            registry=registry,
            plane=plane,
            background=background,
        )
    finally:
        plane.image_functions.close()
        await background.settle()
        await images.store.close()
        await files.close()
        await database.close()
        executor.shutdown()


def make_zip(contents: Mapping[str, str | bytes]) -> bytes:
    """A zip of these files: the same bytes whenever it is made, without the time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
