"""Java: AWS's own runtime interface client on a Java of the host, over the Runtime API.

The client is no part of Lambent: `lambent runtimes get java` fetches it once (java_client.py).
With it lie archives of class data, one for each Java that was there then; a Java without one only
starts more slowly. java8.al2023, java11.al2023 and java17.al2023 are the same Javas under the names
of another system.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import java_client
from lambent.runtime.families.search import is_elf, merge, names, parse_setting, search
from lambent.runtime.families.start import WRAPPER, Link, Start, starts_ahead, wrapped

RUNTIMES: tuple[str, ...] = (
    *("java8.al2", "java11", "java17", "java21", "java25"),
    *("java8.al2023", "java11.al2023", "java17.al2023"),
)
PROGRAM_DIR: Path | None = None
OS_ONLY = False

CLIENT = "client="
"""Begins the end of the setting: the folder whose `lib` holds the client."""

_RELEASE = re.compile(r'^JAVA_VERSION="(?:1\.)?((\d+)[^"]*)"', re.MULTILINE)
_BUILT_8 = re.compile(rb"\x001\.(8\.0_\d+)[^\x00]*\x00")
"""In the binary of a Java 8, which is told its own version when it is compiled."""
_HEAP_SHARE = 0.85
_BESIDE_THE_HEAP_MIB = 80
"""[own] Classes, compiled code, stacks: of a small function they are the greater part."""
_HEAP_MIB_MIN = 32


def find(setting: str, environ: Mapping[str, str], *, root: str = "/") -> dict[str, Interpreter]:
    """By the `release` file of each installation; none where AWS's client is not there."""
    named, _, client = setting.partition(CLIENT)
    jars = Path(client) / "lib"
    found = find_javas(named, environ, root=root)
    if not client or not java_client.is_complete(jars):
        return {}
    return {runtime: dataclasses.replace(java, brings=(jars,)) for runtime, java in found.items()}


def find_javas(
    named: str, environ: Mapping[str, str], *, root: str = "/"
) -> dict[str, Interpreter]:
    """As `find`, with or without the client. Raises ValueError where `named` names what is none."""
    found = merge(
        search(_candidates(environ, root), _inspect, RUNTIMES),
        parse_setting(named, "LAMBENT_JAVAS", _inspect_named),
        RUNTIMES,
    )
    every = {}
    for runtime in RUNTIMES:
        java = found.get(_first_name(runtime))
        if java is not None:
            every[runtime] = dataclasses.replace(java, runtime=runtime)
    return every


def how_to_get(runtime: str) -> str:
    first = _first_name(runtime)
    number = first.removeprefix("java").removesuffix(".al2")
    return (
        f"No Java {number} with AWS's runtime interface client was found on this host: install a "
        f"JDK or JRE {number}, or name one with LAMBENT_JAVAS={first}=/path/to/jdk; run "
        "`lambent runtimes get java` once for the client; and start Lambent again"
    )


def start(
    interpreter: Interpreter, *, handler: str, memory_mib: int, variables: Mapping[str, str]
) -> Start:
    """The client itself adds /var/task, /var/task/lib/* and /opt/java/lib/* for the function."""
    (jars,) = interpreter.brings
    chosen = java_client.options(
        jars,
        interpreter.version,
        heap_mib=heap_mib(memory_mib),
        tool_options=variables.get("JAVA_TOOL_OPTIONS", ""),
    )
    command = ("/var/lang/bin/java", *chosen)
    can_wait = (jars / java_client.LAUNCHER_FILE.name).is_file() and starts_ahead(variables)
    return Start(
        commands=(wrapped((*command, java_client.MAIN, handler), variables),),
        link=Link.HTTP,
        ahead=(*command, java_client.LAUNCHER, handler) if can_wait else (),
        wrapper=variables.get(WRAPPER, ""),
    )


def heap_mib(memory_mib: int) -> int:
    """What the heap may grow to. Source: none of AWS's; UNVERIFIED."""
    return max(_HEAP_MIB_MIN, min(int(memory_mib * _HEAP_SHARE), memory_mib - _BESIDE_THE_HEAP_MIB))


def _first_name(runtime: str) -> str:
    first = runtime.removesuffix(".al2023")
    return "java8.al2" if first == "java8" else first


def _inspect_named(path: Path) -> Interpreter | None:
    """The binary, or the folder that holds bin."""
    return _inspect(path / "bin" / "java" if path.is_dir() else path)


def _inspect(executable: Path) -> Interpreter | None:
    home = executable.parent.parent
    if executable.parent.name != "bin" or not is_elf(executable):
        return None
    version = _version(executable)
    number = version.partition(".")[0]
    runtime = "java8.al2" if number == "8" else f"java{number}"
    if runtime not in RUNTIMES:
        return None
    return Interpreter(
        runtime=runtime,
        version=version,
        executable=executable,
        prefix=home,
        needs=_configuration(home),
    )


def _version(executable: Path) -> str:
    """By the file `release`, which Debian's Java 8 does not have; `` where nothing tells."""
    try:
        told = (executable.parent.parent / "release").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        built = _BUILT_8.search(executable.read_bytes())
        return built[1].decode() if built else ""
    release = _RELEASE.search(told)
    return release[1] if release else ""


def _configuration(home: Path) -> tuple[Path, ...]:
    """Packages of distributions keep it elsewhere, as in /etc/java-17-openjdk, and link to it."""
    for security in ("conf/security", "lib/security", "jre/lib/security"):
        file = home / security / "java.security"
        if file.exists():
            kept = file.resolve().parent.parent
            return () if kept.is_relative_to(home.resolve()) else (kept,)
    return ()


def _candidates(environ: Mapping[str, str], root: str) -> Iterator[str]:
    named = environ.get("JAVA_HOME", "")
    if os.path.isabs(named):
        yield os.path.join(named, "bin", "java")
    for folder in environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            yield os.path.join(folder, "java")
    home = environ.get("HOME", "")
    places = [os.path.join(root, place) for place in ("usr/lib/jvm", "usr/java", "opt")]
    if home:
        data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local/share")
        sdkman = environ.get("SDKMAN_DIR") or os.path.join(home, ".sdkman")
        places += [
            os.path.join(sdkman, "candidates/java"),
            os.path.join(home, ".jdks"),
            os.path.join(home, ".asdf/installs/java"),
            os.path.join(data, "mise/installs/java"),
        ]
    for place in places:
        for name in names(place):
            yield os.path.join(place, name, "bin", "java")
