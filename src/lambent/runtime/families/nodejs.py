"""Node.js: our bootstrap on the frames, run by a node of the host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families.start import WRAPPER, Link, Start, starts_ahead, wrapped
from lambent.settings import SettingError

RUNTIMES: tuple[str, ...] = tuple(f"nodejs{major}.x" for major in (18, 20, 22, 24, 26))
PROGRAM_DIR: Path | None = Path(__file__).parent.parent / "nodejs"
OS_ONLY = False

_VERSION = re.compile(rb"^#define\s+NODE_(MAJOR|MINOR|PATCH)_VERSION\s+(\d+)", re.MULTILINE)
_NAMED = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_CHANGELOG = re.compile(r'<a href="#(\d+\.\d+\.\d+)">')
_HEAP_SHARE = 0.9
"""[own] Of the function's memory, to V8's old space: the rest is buffers, code and the stack."""


def find(setting: str, environ: Mapping[str, str], *, root: str = "/") -> dict[str, Interpreter]:
    """The newest release of each major version, by the files beside the binary."""
    best: dict[str, Interpreter] = {}
    seen: set[str] = set()
    for candidate in _candidates(environ, root):
        try:
            path = os.path.realpath(candidate, strict=True)
        except OSError:
            continue
        if path in seen:
            continue
        seen.add(path)
        found = _inspect(Path(path))
        if found is None:
            continue
        held = best.get(found.runtime)
        if held is None or _key(found.version) > _key(held.version):
            best[found.runtime] = found
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        named = _named(entry)
        best[named.runtime] = named
    return {runtime: best[runtime] for runtime in RUNTIMES if runtime in best}


def how_to_get(runtime: str) -> str:
    major = runtime.removeprefix("nodejs").removesuffix(".x")
    return (
        f"No Node.js {major} was found on this host: install it (`nvm install {major}`, "
        f"`fnm install {major}`, or your distribution's package), or name one with "
        f"LAMBENT_NODES={runtime}=/path/to/node, and start Lambent again"
    )


def start(
    interpreter: Interpreter, *, handler: str, memory_mib: int, variables: Mapping[str, str]
) -> Start:
    major = interpreter.runtime.removeprefix("nodejs").removesuffix(".x")
    command = (
        f"/var/lang/bin/{interpreter.executable.name}",
        "--expose-gc",
        f"--max-old-space-size={int(memory_mib * _HEAP_SHARE)}",
        "/var/runtime/bootstrap.js",
    )
    return Start(
        commands=(wrapped(command, variables),),
        environment={
            "NODE_PATH": f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:"
            "/var/runtime/node_modules:/var/runtime:/var/task"
        },
        link=Link.FRAMES,
        ahead=command if starts_ahead(variables) else (),
        wrapper=variables.get(WRAPPER, ""),
    )


def _named(entry: str) -> Interpreter:
    """From `nodejs22.x=/path`, to the binary or its prefix. Raises ValueError."""
    runtime, _, path = entry.partition("=")
    if runtime not in RUNTIMES or not os.path.isabs(path):
        raise SettingError(f"LAMBENT_NODES: {entry}: must be nodejsNN.x=/absolute/path")
    try:
        real = Path(path, "bin", "node") if os.path.isdir(path) else Path(path)
        found = _inspect(real.resolve(strict=True))
    except OSError as error:
        raise SettingError(f"LAMBENT_NODES: {entry}: {error.strerror}") from None
    if found is None:
        raise SettingError(f"LAMBENT_NODES: {entry}: no Node.js that Lambda has lies there")
    if found.runtime != runtime:
        raise SettingError(f"LAMBENT_NODES: {entry}: that is a {found.runtime}")
    return found


def _inspect(executable: Path) -> Interpreter | None:
    """None where it is no node that could serve."""
    try:
        with executable.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                return None
    except OSError:
        return None
    prefix = executable.parent.parent
    version = _version(prefix)
    runtime = f"nodejs{version.partition('.')[0]}.x"
    if runtime not in RUNTIMES:
        return None
    return Interpreter(runtime=runtime, version=version, executable=executable, prefix=prefix)


def _version(prefix: Path) -> str:
    for header in ("include/node/node_version.h", "include/nodejs/src/node_version.h"):
        try:
            parts = dict(_VERSION.findall((prefix / header).read_bytes()))
            return ".".join(parts[name].decode() for name in (b"MAJOR", b"MINOR", b"PATCH"))
        except (OSError, KeyError):
            continue
    named = _NAMED.search(prefix.name if prefix.name != "installation" else prefix.parent.name)
    if named is not None:
        return ".".join(named.groups())
    return _packaged_version(prefix)


def _packaged_version(prefix: Path) -> str:
    """Of Debian's package, which names itself; `` where nothing tells."""
    for name in ("nodejs", "libnode*"):
        for folder in sorted((prefix / "share" / "doc").glob(name)):
            for text in _texts(folder):
                found = _CHANGELOG.search(text)
                if found is not None:
                    return found[1]
    status = prefix.parent / "var" / "lib" / "dpkg" / "status"
    try:
        package = re.search(
            r"^Package: nodejs\n(?:.+\n)*?Version: (\d+\.\d+\.\d+)",
            status.read_text(encoding="utf-8", errors="replace"),
            re.MULTILINE,
        )
    except OSError:
        return ""
    return package[1] if package else ""


def _texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("CHANGELOG*.md")):
        try:
            yield path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _candidates(environ: Mapping[str, str], root: str) -> Iterator[str]:
    for folder in environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            yield os.path.join(folder, "node")
            yield os.path.join(folder, "nodejs")
    home = environ.get("HOME", "")
    places = [
        environ.get("NVM_DIR", home and os.path.join(home, ".nvm")) + "/versions/node",
        environ.get("VOLTA_HOME", home and os.path.join(home, ".volta")) + "/tools/image/node",
        environ.get("FNM_DIR", home and os.path.join(home, ".local/share/fnm")) + "/node-versions",
        os.path.join(root, "opt"),
        os.path.join(root, "usr/local/lib/nodejs"),
    ]
    for place in places:
        for name in _names(place):
            yield os.path.join(place, name, "bin", "node")
            yield os.path.join(place, name, "installation", "bin", "node")
    for system in ("usr/local/bin", "usr/bin"):
        yield os.path.join(root, system, "node")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
