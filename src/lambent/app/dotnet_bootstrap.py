"""Compiles the bootstrap of .NET (runtime/dotnet) for the .NETs of this host, once for each.

By the compiler of any .NET SDK, else by a `csc` or `mcs` (Mono's) in $PATH. Against the framework
itself: the assembly is for that one, and nothing but what is on the host is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import dotnet
from lambent.runtime.families.search import version_key

TIMEOUT_S = 120.0
NO_DOTNET = "there is no .NET that Lambda has on this host"
NO_COMPILER = "there is no C# compiler on this host: install a .NET SDK, or Mono's mcs"
_OPTIONS = ("-nologo", "-noconfig", "-nostdlib+", "-optimize+", "-langversion:7", "-warn:0")


def make_bootstraps(named: str, bootstraps: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each .NET of the host, for people; `named`: the setting.

    Raises OSError, and ValueError where there is none, or no compiler, or none that could.
    """
    installed = dotnet.find_installed(named, environ)
    if not installed:
        raise ValueError(f"{NO_DOTNET}: install an SDK, or name one with --dotnet RUNTIME=PATH")
    for runtime, one in installed.items():
        target = dotnet.assembly_in(bootstraps, runtime)
        made = "is there"
        if not target.is_file():
            made = f"made by {_make(one, target, find_compilers(installed.values(), environ))}"
        yield f".NET {one.version}: {target} {made}"


def _make(interpreter: Interpreter, target: Path, compilers: Sequence[tuple[str, ...]]) -> str:
    """The compiler that could. Raises as above."""
    if not compilers:
        raise ValueError(NO_COMPILER)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    problems = []
    for compiler in compilers:
        problem = _compile(compiler, interpreter, target)
        if not problem:
            return compiler[-1]
        problems.append(f"{compiler[-1]}: {problem}")
    raise ValueError("\n".join(problems))


def find_compilers(
    installed: Iterable[Interpreter], environ: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Commands, in the order in which they are tried."""
    made: list[tuple[str, ...]] = []
    for one in installed:
        root = one.executable.parent
        found = sorted(
            (root / "sdk").glob("*/Roslyn/bincore/csc.dll"),
            key=lambda path: version_key(path.parents[2].name),
        )
        made += [(str(one.executable), "exec", str(path)) for path in reversed(found)]
    for name in ("csc", "mcs"):
        path = shutil.which(name, path=environ.get("PATH", ""))
        if path is not None:
            made.append((path,))
    return made


def _compile(compiler: tuple[str, ...], interpreter: Interpreter, target: Path) -> str:
    """What is wrong; nothing where it was made, which it is as a whole or not at all."""
    installed = interpreter.executable.parent
    framework = installed / "shared" / "Microsoft.NETCore.App" / interpreter.version
    # Names alone: in a path `=`, `,` and `;` would mean something.
    references = (f"-reference:{path.name}" for path in sorted(framework.glob("System*.dll")))
    with tempfile.TemporaryDirectory(prefix="lambent-dotnet-") as folder:
        made = Path(folder) / dotnet.ASSEMBLY
        command = (*compiler, *_OPTIONS, *references, f"-out:{made}", *map(str, dotnet.sources()))
        environment = {**os.environ, **dotnet.cultures(), "DOTNET_CLI_TELEMETRY_OPTOUT": "1"}
        try:
            done = subprocess.run(
                command,
                cwd=framework,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0 or not made.is_file():
            return (done.stdout + done.stderr).decode(errors="replace").strip()[-2000:]
        partial = target.with_suffix(".partial")
        shutil.copyfile(made, partial)
        partial.chmod(0o644)
        partial.rename(target)
    return ""
