"""What tests of .NET share: a .NET Core 3.1 and a C# compiler, from the registries, in a cache.

PyPI's `dotnetcore2` is Microsoft's own runtime, unchanged; the compiler is Mono's, the host's or
out of Debian's packages, unpacked and not installed.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.registries import run_command

RUNTIME = "dotnetcore3.1"
VERSION = "3.1.23"
CACHE = Path(__file__).resolve().parent.parent / ".pytest_cache" / "dotnet"
DEBIAN = (
    *("mono-mcs", "mono-runtime-sgen", "mono-runtime-common", "libmono-corlib4.5-dll"),
    *("libmono-system-core4.0-cil", "libmono-system4.0-cil", "libmono-system-xml4.0-cil"),
)
AVAILABLE = platform.machine() == "x86_64" and sys.platform == "linux"
needs_dotnet = pytest.mark.skipif(
    not AVAILABLE,
    reason="PyPI has .NET Core 3.1 for Linux on x86_64 only",
)


@functools.cache
def dotnet_root() -> Path:
    """The folder that holds `dotnet`."""
    made = CACHE / VERSION
    if not made.exists():
        partial = _empty(CACHE / "partial")
        package = f"dotnetcore2=={VERSION}"
        run_command([sys.executable, "-m", "pip", "download", "-q", "--no-deps", package], partial)
        with zipfile.ZipFile(next(partial.glob("*.whl"))) as wheel:
            wheel.extractall(partial)
        (partial / "dotnetcore2" / "bin" / "dotnet").chmod(0o755)
        partial.rename(made)
    return made / "dotnetcore2" / "bin"


@functools.cache
def compiler() -> Path:
    """A `mcs`."""
    found = shutil.which("mcs")
    if found is not None:
        return Path(found)
    made = CACHE / "mono"
    if not made.exists():
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            pytest.skip("no C# compiler on here (apt install mono-mcs)")
        partial = _empty(CACHE / "partial")
        lists = ["-o", f"Dir::State::Lists={partial / 'lists'}"]  # the host's may be empty
        (partial / "lists" / "partial").mkdir(parents=True)
        run_command(["apt-get", "-q", *lists, "update"], partial)
        run_command(["apt-get", "-q", *lists, "download", *DEBIAN], partial)
        for package in partial.glob("*.deb"):
            run_command(["dpkg-deb", "-x", package, partial], partial)
        _write_mcs(partial / "mcs", made / "usr")
        partial.rename(made)
    return made / "mcs"


def _write_mcs(path: Path, usr: Path) -> None:
    folders = ":".join(f"{usr}/lib/mono/{one}" for one in ("4.5", *_cached_assemblies(path.parent)))
    path.write_text(
        f"#!/bin/sh\nMONO_PATH={folders} MONO_CFG_DIR={usr.parent}/etc \\\n"
        f'    exec {usr}/bin/mono-sgen {usr}/lib/mono/4.5/mcs.exe "$@"\n'
    )
    path.chmod(0o755)


def _cached_assemblies(root: Path) -> list[str]:
    mono = root / "usr" / "lib" / "mono"
    return sorted(str(path.relative_to(mono)) for path in mono.glob("gac/*/*"))


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def compile_library(sources: Sequence[Path], target: Path, *references: Path) -> bytes:
    """The assembly of C# sources, which is left at `target` as well."""
    return _compile(sources, target, "library", references)


def compile_program(sources: Sequence[Path], target: Path, *references: Path) -> bytes:
    """As compile_library, with a Main."""
    return _compile(sources, target, "exe", references)


def _compile(sources: Sequence[Path], target: Path, kind: str, references: Sequence[Path]) -> bytes:
    framework = next((dotnet_root() / "shared" / "Microsoft.NETCore.App").iterdir())
    every = [*sorted(framework.glob("System*.dll")), *references]
    options = ["-nologo", "-noconfig", "-nostdlib", "-warn:0", f"-target:{kind}", f"-out:{target}"]
    run_command(
        [compiler(), *options, *(f"-reference:{one}" for one in every), *sources],
        target.parent,
    )
    return target.read_bytes()


def get_bootstraps(data: Path) -> None:
    """As an operator does, for the server of a data folder."""
    command = [sys.executable, "-m", "lambent", "runtimes", "get", "dotnet"]
    host = ["--dotnet", f"{RUNTIME}={dotnet_root()}", "--data-dir", str(data)]
    path = f"{compiler().parent}:{os.environ['PATH']}"
    run_command([*command, *host], CACHE, PATH=path)


def published(name: str) -> dict[str, bytes]:
    """What `dotnet publish` writes beside an assembly."""
    library, target = f"{name}/1.0.0", ".NETCoreApp,Version=v3.1"
    framework = {"name": "Microsoft.NETCore.App", "version": "3.1.0"}
    config = {"runtimeOptions": {"tfm": "netcoreapp3.1", "framework": framework}}
    dependencies = {
        "runtimeTarget": {"name": target, "signature": ""},
        "compilationOptions": {},
        "targets": {target: {library: {"runtime": {f"{name}.dll": {}}}}},
        "libraries": {library: {"type": "project", "serviceable": False, "sha512": ""}},
    }
    return {
        f"{name}.runtimeconfig.json": json.dumps(config).encode(),
        f"{name}.deps.json": json.dumps(dependencies).encode(),
    }
