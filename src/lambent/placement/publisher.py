"""What is done when code is published, so that no invocation has to: compile, warm the runtime."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from lambent.domain import limits
from lambent.domain.function import FunctionVersion, State, Status
from lambent.domain.image import Image, ImageConfig
from lambent.domain.interpreter import Interpreter
from lambent.placement.architecture import cannot_run, host_architectures, read_machine
from lambent.placement.host_folders import HostFolders
from lambent.placement.parking import Parking
from lambent.placement.preload import PRELOAD, choose_preload
from lambent.placement.snapshots import Snapshots
from lambent.runtime.catalogue import FAMILIES, family_of
from lambent.runtime.families.start import Link, Start
from lambent.sandbox.interface import Sandbox, SandboxBackend, SandboxSpec

log = logging.getLogger("lambent")

PRELOADS_MAX = 10_000
IMAGE_RUNTIME = "provided.al2023"
"""Whose sandboxes images run in: of the host's own root nothing is left in either."""

_ROOTS = ("/var/task/", "/opt/")
"""Where a function's package and its layers lie in its sandbox."""

_ACTIVE = Status(value=State.ACTIVE)


class CodeFolders(Protocol):
    """Where a version's files lie on this host."""

    def task_dir(self, version: FunctionVersion) -> Path: ...

    def opt_dir(self, version: FunctionVersion) -> Path | None: ...


class ImageFolders(Protocol):
    """Where images lie on this host."""

    def root_of(self, key: str) -> Path:
        """`key`: the digest of the image's code."""
        ...


class Specs:
    """From a function's configuration to what its sandbox is bound to."""

    def __init__(self, folders: CodeFolders, images: ImageFolders) -> None:
        self._folders = folders
        self._images = images

    def extensions(self, version: FunctionVersion) -> tuple[str, ...]:
        if version.image is not None:
            return find_extensions(self._images.root_of(version.code.digest) / "opt")
        return find_extensions(self._folders.opt_dir(version))

    def spec(self, version: FunctionVersion, program: bytes) -> SandboxSpec:
        """1,769 MB are one vCPU. Source: Developer Guide, "Configure Lambda function memory"."""
        image = version.image is not None
        elsewhere = image or bool(version.hot_reload_folder)
        return SandboxSpec(
            root_dir=self._images.root_of(version.code.digest) if image else None,
            task_dir=None if elsewhere else self._folders.task_dir(version),
            opt_dir=self._folders.opt_dir(version),
            tmp_mib=version.ephemeral_mib,
            memory_mib=version.memory_mib,
            vcpus=version.memory_mib / limits.MEMORY_MIB_PER_VCPU,
            processes_max=limits.PROCESSES_MAX,
            hostname="lambda",
            program=program,
        )


def find_extensions(opt_dir: Path | None) -> tuple[str, ...]:
    """Names of the external extensions in what becomes /opt: all of `extensions` but folders."""
    if opt_dir is None:
        return ()
    folder = opt_dir / "extensions"
    try:
        if opt_dir.is_symlink() or folder.is_symlink():  # its target is inside, not of this host
            return ()
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if not one.is_dir(follow_symlinks=False)]
            return tuple(sorted(names))
    except OSError:
        return ()


class Publisher:
    """Prepares a version to run on this host."""

    def __init__(
        self,
        folders: CodeFolders,
        backend: SandboxBackend,
        parking: Parking,
        interpreters: Mapping[str, Interpreter],
        *,
        how_to_get: Callable[[str], str],
        host_folders: HostFolders,
        snapshots: Snapshots,
    ) -> None:
        self._folders = folders
        self._backend = backend
        self._parking = parking
        self._interpreters = interpreters
        self._how_to_get = how_to_get
        self._host_folders = host_folders
        self._snapshots = snapshots
        self._preloads: dict[tuple[str, ...], str] = {}
        self._compiled: set[tuple[int, str]] = set()
        """Inode of a folder (a digest may go and come back) and runtime."""
        self._architectures = host_architectures()

    async def prepare(self, version: FunctionVersion) -> Status:
        """Active; or Failed with what to do about it. Never another interpreter in its place."""
        foreign = self._foreign(version)
        if foreign is not None:
            return foreign
        if version.image is not None:
            if not self._host_folders.needed(version):
                self._parking.refill(IMAGE_RUNTIME, PRELOAD)
            return version.state if version.state.value == State.FAILED else _ACTIVE
        interpreter = self._interpreters.get(version.runtime)
        if interpreter is None:
            return Status(
                value=State.FAILED,
                reason=f"{self._how_to_get(version.runtime)}.",
                reason_code="InvalidRuntime",
            )
        preload = await self.preload(version)
        for folder in self.folders_of(version) if _is_python(version) else ():
            if folder != Path(version.hot_reload_folder):  # that one is left as it is
                await self._compile(interpreter, folder, preload)
        if not self._host_folders.needed(version):
            self._parking.refill(version.runtime, preload)
        return _ACTIVE

    def _foreign(self, version: FunctionVersion) -> Status | None:
        """Failed where the version is machine code that this host cannot run.

        What interpreters run, scripts too, runs on the host's own processor.
        """
        architecture = version.architectures[0]
        if architecture in self._architectures:
            return None
        if version.image is not None:
            code = "InvalidImage"
        elif self._is_machine_code(version):
            code = "FunctionError.InvalidEntryPoint"
        else:
            return None
        reason = f"{cannot_run(architecture, self._architectures)}."
        return Status(value=State.FAILED, reason=reason, reason_code=code)

    def _is_machine_code(self, version: FunctionVersion) -> bool:
        if version.runtime not in FAMILIES["provided"].RUNTIMES:
            return False
        folders = self.folders_of(version)
        for command in self.start(version).commands:
            for root, folder in zip(_ROOTS, folders, strict=False):
                path = folder / command[0].removeprefix(root)
                if command[0].startswith(root) and os.path.lexists(path):
                    return ".." not in path.parts and read_machine(path) is not None
        return False

    async def preload(self, version: FunctionVersion) -> str:
        """What the zygote of this version's environments has loaded; read once per package."""
        if not _is_python(version):
            return PRELOAD
        code = version.hot_reload_folder or version.code.digest
        key = (code, *(layer.package.digest for layer in version.layers))
        found = self._preloads.get(key)
        if found is None:
            folders = self.folders_of(version)
            found = await asyncio.to_thread(choose_preload, folders)
            if len(self._preloads) >= PRELOADS_MAX:
                self._preloads.clear()
            self._preloads[key] = found
        return found

    async def take(self, version: FunctionVersion) -> Sandbox:
        """A blank sandbox for `version`: parked or new; or one restored from its snapshot.

        Raises LambdaError: a folder is gone, or no snapshot can be made.
        """
        if version.optimized:
            return await self._snapshots.restore(version)
        runtime = IMAGE_RUNTIME if version.image is not None else version.runtime
        if self._host_folders.needed(version):
            folders = await self._host_folders.take(version)
            preload = await self.preload(version)
            return await self._parking.make(runtime, preload, folders)
        return await self._parking.take(runtime, await self.preload(version))

    def start(self, version: FunctionVersion) -> Start:
        """How the runtime's process is started."""
        if version.image is not None:
            return start_of_image(version.image, version.image_config)
        interpreter = self._interpreters.get(version.runtime)
        if interpreter is None:  # it went since the version was published: `take` says so
            return Start(commands=(), link=Link.FRAMES)
        return family_of(version.runtime).start(
            interpreter,
            handler=version.handler,
            memory_mib=version.memory_mib,
            variables=version.environment or {},
        )

    def folders_of(self, version: FunctionVersion) -> list[Path]:
        """Its package and, where it has layers, what becomes /opt."""
        task, opt = self._folders.task_dir(version), self._folders.opt_dir(version)
        if version.hot_reload_folder:
            task = Path(version.hot_reload_folder)
        return [task] if opt is None else [task, opt]

    async def _compile(self, interpreter: Interpreter, folder: Path, preload: str) -> None:
        try:
            key = (os.stat(folder).st_ino, interpreter.runtime)
            if key in self._compiled:
                return
            await self._backend.compile(interpreter, folder, preload=preload)
            self._compiled.add(key)
        except OSError as error:  # uncompiled code still runs, only its cold start is slower
            log.warning("could not compile %s: %s", folder.name, error)


def start_of_image(image: Image, config: ImageConfig) -> Start:
    """An image without any command fails as one whose program is not there."""
    return Start(
        commands=(image.start_command(config) or ("",),),
        environment=dict(image.environment),
        link=Link.HTTP,
        directory=config.working_directory or image.working_directory or "/",
    )


def _is_python(version: FunctionVersion) -> bool:
    return version.runtime in FAMILIES["python"].RUNTIMES
