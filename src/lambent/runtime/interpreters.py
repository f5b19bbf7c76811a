"""Finding real Python interpreters on the host, by the layout of their files alone.

Nothing is executed: a shim of pyenv costs 79–142 ms, and eight of them a second. What the layout
promises is verified when the first zygote of a runtime starts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.settings import SettingError

RUNTIMES = tuple(f"python3.{minor}" for minor in range(8, 15))
"""Lambda's names of the runtimes that run here."""

_BINARY = re.compile(r"python3\.(\d+)")
_PATCHLEVEL = re.compile(rb'^#define\s+PY_VERSION\s+"([^"]+)"', re.MULTILINE)
_FOLDER_VERSION = re.compile(r"(?:cpython-)?(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)(?=$|[^\d.\w])")
_VERSION = re.compile(r"3\.(\d+)\.(\d+)(?:(a|b|rc)(\d+))?")
_VENV_HOME = re.compile(r"^home\s*=\s*(.+?)\s*$", re.MULTILINE)


class NotAnInterpreter(Exception):
    """A file that could not serve."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")


def find_interpreters(
    setting: str, environ: Mapping[str, str], *, root: str = "/"
) -> dict[str, Interpreter]:
    """Runtime → interpreter, in the order of the runtimes.

    `setting` is `python3.12=/path/to/binary or prefix,…` and wins; else the newest patch release
    wins, and among equals the first of: $PATH, pyenv, uv, /usr/local, /usr, /opt/python*. Folders
    that cannot be read are passed over. Raises ValueError where `setting` names what is none.
    """
    found = _from_setting(setting)
    best: dict[str, Interpreter] = {}
    seen: set[str] = set()
    for candidate in _candidates(environ, root):
        try:
            path = resolve_binary(candidate)
            if path in seen:
                continue
            seen.add(path)
            interpreter = inspect_binary(path)
        except (NotAnInterpreter, OSError):
            continue
        held = best.get(interpreter.runtime)
        if held is None or version_key(interpreter.version) > version_key(held.version):
            best[interpreter.runtime] = interpreter
    best.update(found)
    return {runtime: best[runtime] for runtime in RUNTIMES if runtime in best}


def how_to_get(runtime: str) -> str:
    """What an operator does to have a runtime whose interpreter was not found."""
    number = runtime.removeprefix("python")
    return (
        f"No Python {number} was found on this host: install it with `uv python install {number}`, "
        f"`pyenv install {number}` or `apt install {runtime}`, or name one with "
        f"LAMBENT_PYTHONS={runtime}=/path/to/{runtime}, and start Lambent again"
    )


def version_key(version: str) -> tuple[int, int, int, int]:
    """Orders versions; pre-releases before their release, unknown ones before all."""
    match = _VERSION.match(version)
    if match is None:
        return (0, 0, 0, 0)
    stage = {"a": 0, "b": 1, "rc": 2, None: 3}[match[3]]
    return (int(match[1]), int(match[2]), stage, int(match[4] or 0))


def resolve_binary(path: str) -> str:
    """The real binary behind links and virtual environments; raises NotAnInterpreter, OSError."""
    real = os.path.realpath(path, strict=True)
    config = os.path.join(os.path.dirname(os.path.dirname(real)), "pyvenv.cfg")
    if os.path.exists(config):  # a venv made with --copies
        home = _VENV_HOME.search(Path(config).read_text(errors="replace"))
        if home is None:
            raise NotAnInterpreter(path, "its pyvenv.cfg names no home")
        real = os.path.realpath(os.path.join(home[1], os.path.basename(real)), strict=True)
    return real


def inspect_binary(real: str) -> Interpreter:
    """What a resolved binary is, by the files around it; raises NotAnInterpreter, OSError."""
    match = _BINARY.fullmatch(os.path.basename(real))
    if match is None or f"python3.{match[1]}" not in RUNTIMES:
        raise NotAnInterpreter(real, "not a python3.8 … python3.14")
    runtime = match[0]
    if not os.access(real, os.X_OK):
        raise NotAnInterpreter(real, "not executable")
    with open(real, "rb") as file:
        if file.read(2) == b"#!":
            raise NotAnInterpreter(real, "a script (a shim?), not a binary")
    prefix = os.path.dirname(os.path.dirname(real))
    for needed in (f"bin/{runtime}", f"lib/{runtime}/os.py"):
        if not os.path.isfile(os.path.join(prefix, needed)):
            raise NotAnInterpreter(real, f"{prefix}/{needed} is missing")
    return Interpreter(
        runtime=runtime,
        version=_version(prefix, runtime),
        executable=Path(real),
        prefix=Path(prefix),
    )


def _version(prefix: str, runtime: str) -> str:
    try:
        header = Path(prefix, "include", runtime, "patchlevel.h").read_bytes()
        if (match := _PATCHLEVEL.search(header)) is not None:
            return match[1].decode()
    except OSError:  # Debian has it in a package of its own
        pass
    named = _FOLDER_VERSION.match(os.path.basename(prefix))
    if named is not None and f"python{named[1]}".startswith(f"{runtime}."):
        return named[1]
    return ""


def _from_setting(setting: str) -> dict[str, Interpreter]:
    found = {}
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        runtime, _, path = entry.partition("=")
        try:
            if runtime not in RUNTIMES or not os.path.isabs(path):
                raise NotAnInterpreter(entry, "must be python3.X=/absolute/path")
            if os.path.isdir(path):
                path = os.path.join(path, "bin", runtime)
            interpreter = inspect_binary(resolve_binary(path))
            if interpreter.runtime != runtime:
                raise NotAnInterpreter(entry, f"that is a {interpreter.runtime}")
        except NotAnInterpreter as error:
            raise SettingError(f"LAMBENT_PYTHONS: {error}") from None
        except OSError as error:
            raise SettingError(f"LAMBENT_PYTHONS: {entry}: {error.strerror}") from None
        found[runtime] = interpreter
    return found


def _candidates(environ: Mapping[str, str], root: str) -> Iterator[str]:
    """Paths that may be interpreters, in the order of preference."""
    for folder in environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            yield from _binaries(folder)
            yield os.path.join(folder, "python3")
    for prefix in _managed_prefixes(environ):
        yield from _binaries(os.path.join(prefix, "bin"))
    for system in ("usr/local/bin", "usr/bin"):
        yield from _binaries(os.path.join(root, system))
    for name in _names(os.path.join(root, "opt")):
        if name.startswith("python"):
            yield from _binaries(os.path.join(root, "opt", name, "bin"))


def _managed_prefixes(environ: Mapping[str, str]) -> Iterator[str]:
    home = environ.get("HOME", "")
    pyenv = environ.get("PYENV_ROOT") or (home and os.path.join(home, ".pyenv"))
    if pyenv:
        versions = os.path.join(pyenv, "versions")
        yield from (os.path.join(versions, name) for name in _names(versions))
    data = environ.get("XDG_DATA_HOME") or (home and os.path.join(home, ".local/share"))
    uv = environ.get("UV_PYTHON_INSTALL_DIR") or (data and os.path.join(data, "uv/python"))
    if uv:
        yield from (os.path.join(uv, name) for name in _names(uv))


def _binaries(folder: str) -> Iterator[str]:
    yield from (os.path.join(folder, runtime) for runtime in RUNTIMES)


def _names(folder: str) -> list[str]:
    """Sorted, so that the same host always gives the same answer; empty where not readable."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
