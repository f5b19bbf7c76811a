"""Ruby: our bootstrap on the frames, run by a Ruby of the host.

Lambda has had 3.2 and newer; ruby3.1, Debian 12's own, is a name of Lambent's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families.search import is_elf, merge, names, parse_setting, search
from lambent.runtime.families.start import WRAPPER, Link, Start, starts_ahead, wrapped

RUNTIMES: tuple[str, ...] = ("ruby3.1", "ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0")
PROGRAM_DIR: Path | None = Path(__file__).parent.parent / "ruby"
OS_ONLY = False

_BINARY = re.compile(r"ruby(\d+\.\d+)?")
_VERSION = re.compile(r'^\s*CONFIG\["(MAJOR|MINOR|TEENY)"\]\s*=\s*"(\d+)"', re.MULTILINE)
_PARTS = ("MAJOR", "MINOR", "TEENY")
_MACHINES = ("x86_64-linux", "aarch64-linux")
_CONFIGS = (
    *(f"lib/ruby/*/{machine}*/rbconfig.rb" for machine in _MACHINES),
    *(f"lib/{machine}-gnu/ruby/*/rbconfig.rb" for machine in _MACHINES),  # Debian
    "lib64/ruby/rbconfig.rb",  # Fedora
)


def find(setting: str, environ: Mapping[str, str], *, root: str = "/") -> dict[str, Interpreter]:
    """By the rbconfig.rb beside each binary; $PATH, rbenv, RVM, chruby, asdf, mise, the system."""
    return merge(
        search(_candidates(environ, root), _inspect, RUNTIMES),
        parse_setting(setting, "LAMBENT_RUBIES", _inspect_named),
        RUNTIMES,
    )


def how_to_get(runtime: str) -> str:
    number = runtime.removeprefix("ruby")
    return (
        f"No Ruby {number} was found on this host: install it (`rbenv install {number}`, "
        f"`rvm install {number}`, or your distribution's package), or name one with "
        f"LAMBENT_RUBIES={runtime}=/path/to/ruby, and start Lambent again"
    )


def start(
    interpreter: Interpreter, *, handler: str, memory_mib: int, variables: Mapping[str, str]
) -> Start:
    """Variables as in the Developer Guide, "Defined runtime environment variables"."""
    api = f"{interpreter.runtime.removeprefix('ruby')}.0"
    command = (
        f"/var/lang/bin/{interpreter.executable.name}",
        "-EUTF-8",  # the host may not have the locale that LANG names
        "/var/runtime/bootstrap.rb",
    )
    environment = {
        "GEM_PATH": f"/var/task/vendor/bundle/ruby/{api}:/opt/ruby/gems/{api}",
        "RUBYLIB": "/var/task:/var/runtime/lib:/opt/ruby/lib",
    }
    return Start(
        commands=(wrapped(command, variables),),
        environment=environment,
        link=Link.FRAMES,
        ahead=_ahead(command, environment) if starts_ahead(variables) else (),
        wrapper=variables.get(WRAPPER, ""),
    )


def _ahead(command: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Ruby's own start would load what a function has there; _lambent_ahead.rb puts it back."""
    without = ("/usr/bin/env", "-u", "RUBYLIB", "GEM_PATH=/var/runtime")
    return (*without, *(f"_LAMBENT_{name}={path}" for name, path in environment.items()), *command)


def _inspect_named(path: Path) -> Interpreter | None:
    return _inspect(path / "bin" / "ruby" if path.is_dir() else path)


def _inspect(executable: Path) -> Interpreter | None:
    binary = _BINARY.fullmatch(executable.name)
    if binary is None or not is_elf(executable):
        return None
    prefix = executable.parent.parent
    for version in _versions(prefix):
        number = ".".join(version.split(".")[:2])
        if f"ruby{number}" in RUNTIMES and binary[1] in (None, number):
            return Interpreter(
                runtime=f"ruby{number}",
                version=version,
                executable=executable,
                prefix=prefix,
                needs=(prefix,),  # where it was built to find its own library
            )
    return None


def _versions(prefix: Path) -> Iterator[str]:
    for pattern in _CONFIGS:
        for config in sorted(prefix.glob(pattern)):
            parts = dict(_VERSION.findall(config.read_text(encoding="utf-8", errors="replace")))
            if len(parts) == len(_PARTS):
                yield ".".join(parts[name] for name in _PARTS)


def _candidates(environ: Mapping[str, str], root: str) -> Iterator[str]:
    for folder in environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            yield from _binaries(folder)
    home = environ.get("HOME", "")
    places = [os.path.join(root, "opt/rubies"), os.path.join(root, "opt")]
    if home:
        data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local/share")
        places = [
            os.path.join(environ.get("RBENV_ROOT") or os.path.join(home, ".rbenv"), "versions"),
            os.path.join(environ.get("rvm_path") or os.path.join(home, ".rvm"), "rubies"),
            os.path.join(home, ".rubies"),
            os.path.join(home, ".asdf/installs/ruby"),
            os.path.join(data, "mise/installs/ruby"),
            *places,
        ]
    for place in places:
        for name in names(place):
            yield os.path.join(place, name, "bin", "ruby")
    for system in ("usr/local/bin", "usr/bin"):
        yield from _binaries(os.path.join(root, system))


def _binaries(folder: str) -> Iterator[str]:
    yield os.path.join(folder, "ruby")
    for runtime in RUNTIMES:
        yield os.path.join(folder, runtime)
