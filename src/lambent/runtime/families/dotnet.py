""".NET: our bootstrap in C# on the frames, run by a .NET of the host.

The bootstrap is source in runtime/dotnet and is compiled once on each host, for each .NET there, by
`lambent runtimes get dotnet` (app/dotnet_bootstrap.py). A handler that is the name of a program
instead of ASSEMBLY::TYPE::METHOD needs none of it: the program speaks the Runtime API itself.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families.search import is_elf, merge, names, parse_setting, search
from lambent.runtime.families.start import WRAPPER, Link, Start, starts_ahead

RUNTIMES: tuple[str, ...] = ("dotnetcore3.1", "dotnet6", "dotnet8", "dotnet10")
PROGRAM_DIR: Path | None = None
OS_ONLY = False

SOURCE_DIR = Path(__file__).parent.parent / "dotnet"
ASSEMBLY = "Lambent.Bootstrap.dll"
BOOTSTRAPS = "bootstraps="
"""Begins the end of the setting: the folder of the compiled bootstraps."""

_FRAMEWORK = "shared/Microsoft.NETCore.App"
_RELEASE = re.compile(r"(\d+)\.(\d+)\.\d+")
_DIGEST_LENGTH = 16
_MIB = 1024 * 1024
_ICU = "libicuuc.so.[0-9]*"
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib64", "/usr/local/lib")


def find(setting: str, environ: Mapping[str, str], *, root: str = "/") -> dict[str, Interpreter]:
    """By the frameworks in the folders of each installation; none without a compiled bootstrap."""
    named, _, bootstraps = setting.partition(BOOTSTRAPS)
    installed = find_installed(named, environ, root=root)
    if not bootstraps:
        return {}
    ready = {}
    for runtime, one in installed.items():
        assembly = assembly_in(Path(bootstraps), runtime)
        if assembly.is_file():
            brings = (assembly, SOURCE_DIR / "start.sh")
            ready[runtime] = dataclasses.replace(one, brings=brings)
    return ready


def find_installed(
    named: str, environ: Mapping[str, str], *, root: str = "/"
) -> dict[str, Interpreter]:
    """Those of the host, with or without a bootstrap. Raises ValueError as `find` does."""
    told = {}
    for entry in filter(None, (part.strip() for part in named.split(","))):
        inspect = functools.partial(_inspect_named, entry.partition("=")[0])
        told.update(parse_setting(entry, "LAMBENT_DOTNETS", inspect))
    return merge(search(_candidates(environ, root), _inspect, RUNTIMES), told, RUNTIMES)


def how_to_get(runtime: str) -> str:
    number = runtime.removeprefix("dotnetcore").removeprefix("dotnet")
    return (
        f"No .NET {number} with Lambent's bootstrap was found on this host: install its SDK, or "
        "the runtime and a C# compiler, or name one with "
        f"LAMBENT_DOTNETS={runtime}=/path/to/dotnet; run `lambent runtimes get dotnet` once; "
        "and start Lambent again"
    )


def start(
    interpreter: Interpreter, *, handler: str, memory_mib: int, variables: Mapping[str, str]
) -> Start:
    memory = f"{memory_mib * _MIB:x}"
    environment = {
        **cultures(),
        # The sandbox shows the host's memory, not the function's; both prefixes have been in use.
        "DOTNET_GCTotalPhysicalMemory": memory,
        "COMPlus_GCTotalPhysicalMemory": memory,
        "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
    }
    command = ("/bin/sh", "/var/runtime/start.sh")
    ours = ":" in handler
    return Start(
        commands=(command,),
        environment=environment,
        link=Link.FRAMES if ours else Link.HTTP,
        ahead=command if ours and starts_ahead(variables) else (),
        wrapper=variables.get(WRAPPER, ""),
    )


def sources() -> list[Path]:
    return sorted(SOURCE_DIR.glob("*.cs"))


def assembly_in(bootstraps: Path, runtime: str) -> Path:
    """Where the bootstrap lies that is made of the present source for `runtime`."""
    return bootstraps / _digest() / runtime / ASSEMBLY


@functools.cache
def _digest() -> str:
    hashed = hashlib.sha256()
    for path in sources():
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:_DIGEST_LENGTH]


@functools.cache
def cultures() -> Mapping[str, str]:
    """Variables for the ICU of this host, from which .NET has its cultures.

    A .NET looks for no release of ICU that is newer than itself, and without one it does not start.
    """
    releases = [
        found.suffix[1:]
        for folder in map(Path, _LIBRARIES)
        for pattern in (_ICU, f"*/{_ICU}")
        for found in folder.glob(pattern)
        if found.suffix[1:].isdigit() and found.stem == "libicuuc.so"
    ]
    if not releases:
        return {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    return {"CLR_ICU_VERSION_OVERRIDE": max(releases, key=int)}


def _inspect(framework: Path) -> Interpreter | None:
    """`framework`: such a folder as shared/Microsoft.NETCore.App/8.0.1."""
    release = _RELEASE.fullmatch(framework.name)
    if release is None or not (framework / "libcoreclr.so").is_file():
        return None
    runtime = "dotnetcore3.1" if release[1] == "3" and release[2] == "1" else f"dotnet{release[1]}"
    installed = framework.parents[2]
    executable = installed / "dotnet"
    if runtime not in RUNTIMES or not is_elf(executable) or not os.access(executable, os.X_OK):
        return None
    return Interpreter(
        runtime=runtime,
        version=framework.name,
        executable=executable,
        prefix=installed,
    )


def _inspect_named(runtime: str, path: Path) -> Interpreter | None:
    """Of the binary or its folder: the newest of `runtime`, else whatever is there."""
    folder = path if path.is_dir() else path.parent
    found = search(_frameworks(str(folder)), _inspect, RUNTIMES)
    return found.get(runtime) or next(iter(found.values()), None)


def _candidates(environ: Mapping[str, str], root: str) -> Iterator[str]:
    installed = environ.get("DOTNET_ROOT", "")
    if os.path.isabs(installed):
        yield from _frameworks(installed)
    for folder in environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            yield from _frameworks(os.path.dirname(os.path.realpath(f"{folder}/dotnet")))
    home = environ.get("HOME", "")
    if home:
        yield from _frameworks(os.path.join(home, ".dotnet"))
    for system in ("usr/share", "usr/lib", "usr/lib64", "usr/local/share", "opt"):
        yield from _frameworks(os.path.join(root, system, "dotnet"))


def _frameworks(installed: str) -> Iterator[str]:
    place = os.path.join(installed, _FRAMEWORK)
    for name in names(place):
        yield os.path.join(place, name)
