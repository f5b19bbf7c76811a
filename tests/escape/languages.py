"""The one probe as a function of each language, and a host that has them all."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambent.runtime.catalogue import FAMILIES, family_of
from tests import dotnets
from tests.escape.servers import PROGRAMS, World
from tests.javas import compile_java, core_jar

PROBES = Path(__file__).parent / "probes"
RUN_BY_PROBE = ("probe", "attempts", "host_files", "kernel", "writing")

Files = Callable[[Path], Mapping[str, bytes]]
"""From a folder to build in to what the package holds besides the probe."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """How the probe is run from a function of it."""

    handler: str
    files: Files
    memory_mib: int = 256


def one_file(name: str) -> Files:
    return lambda _: {name: (PROBES / name).read_bytes()}


def executable(files: Mapping[str, bytes]) -> bytes:
    """A package whose files all are programs, for a bootstrap is one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            package.writestr(entry, content)
    return buffer.getvalue()


def csharp(folder: Path) -> Mapping[str, bytes]:
    target = folder / "Probe.dll"
    assembly = dotnets.compile_library([PROBES / "Probe.cs"], target)
    return {target.name: assembly, **dotnets.published("Probe")}


def java(folder: Path) -> Mapping[str, bytes]:
    return compile_java([PROBES / "Probe.java"], folder, [core_jar(folder.parent / "java")])


LANGUAGES = {
    "nodejs": Language(handler="app.handler", files=one_file("app.js")),
    "ruby": Language(handler="app.handler", files=one_file("app.rb")),
    "java": Language(handler="Probe::handleRequest", files=java, memory_mib=512),
    "dotnet": Language(handler="Probe::Probe::Handle", files=csharp),
    "provided": Language(handler="unused", files=one_file("bootstrap")),
}


def host_arguments(folder: Path, client: Path | None) -> tuple[str, ...]:
    """Options of a server whose user may read everything in `folder`."""
    arguments: tuple[str, ...] = ()
    if client is not None:
        shutil.copytree(client, folder / "java")
        arguments += ("--java-client", str(folder / "java"))
    if dotnets.AVAILABLE:
        root = shutil.copytree(dotnets.dotnet_root(), folder / "dotnet")
        dotnets.get_bootstraps(folder / "data")
        arguments += ("--dotnet", f"{dotnets.RUNTIME}={root}")
    return arguments


def runtime_of(world: World, name: str) -> str | None:
    """The oldest runtime of the language that the world's server has."""
    found = (one for one in world.health["runtimes"] if family_of(one) is FAMILIES[name])
    return next(found, None)


def deploy(world: World, name: str, runtime: str) -> None:
    """The language's probe, under its name."""
    language = LANGUAGES[name]
    folder = world.folder / f"build-{name}"
    if name in world.deployed:
        return
    folder.mkdir()
    files = {f"{one}.py": (PROGRAMS / f"{one}.py").read_bytes() for one in RUN_BY_PROBE}
    files |= language.files(folder)
    world.deploy(
        name,
        program="probe",
        Code={"ZipFile": executable(files)},
        Runtime=runtime,
        Handler=language.handler,
        MemorySize=language.memory_mib,
        Timeout=30,
    )
