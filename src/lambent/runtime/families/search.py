"""What the searches for languages share: files are looked at, and nothing is executed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.settings import SettingError

Inspect = Callable[[Path], Interpreter | None]
"""From a resolved path to what lies there; None where that could not serve. May raise OSError."""

ELF = b"\x7fELF"


def search(
    candidates: Iterable[str], inspect: Inspect, runtimes: Iterable[str]
) -> dict[str, Interpreter]:
    """The newest release for each runtime, in their order; among equals the first candidate's."""
    best: dict[str, Interpreter] = {}
    seen: set[str] = set()
    for candidate in candidates:
        try:
            path = os.path.realpath(candidate, strict=True)
            if path in seen:
                continue
            seen.add(path)
            found = inspect(Path(path))
        except OSError:
            continue
        if found is not None:
            held = best.get(found.runtime)
            if held is None or version_key(found.version) > version_key(held.version):
                best[found.runtime] = found
    return {runtime: best[runtime] for runtime in runtimes if runtime in best}


def parse_setting(setting: str, variable: str, inspect: Inspect) -> dict[str, Interpreter]:
    """From `runtime=/absolute/path,…`. Raises ValueError that names `variable`."""
    named: dict[str, Interpreter] = {}
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        runtime, _, path = entry.partition("=")
        if not runtime or not os.path.isabs(path):
            raise SettingError(f"{variable}: {entry}: must be RUNTIME=/absolute/path")
        try:
            found = inspect(Path(path).resolve(strict=True))
        except OSError as error:
            raise SettingError(f"{variable}: {entry}: {error.strerror}") from None
        if found is None:
            raise SettingError(f"{variable}: {entry}: nothing lies there that could serve")
        if found.runtime != runtime:
            raise SettingError(f"{variable}: {entry}: that is a {found.runtime}")
        named[runtime] = found
    return named


def merge(
    found: Mapping[str, Interpreter], named: Mapping[str, Interpreter], runtimes: Iterable[str]
) -> dict[str, Interpreter]:
    """What was named wins."""
    both = {**found, **named}
    return {runtime: both[runtime] for runtime in runtimes if runtime in both}


def version_key(version: str) -> tuple[int, ...]:
    """Orders releases, `1.8.0_392` as well; what is unknown comes first."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def names(folder: str) -> list[str]:
    """Sorted, so that the same host always gives the same answer; empty where not readable."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def is_elf(path: Path) -> bool:
    """A binary, not a shim; raises OSError."""
    with path.open("rb") as file:
        return file.read(4) == ELF
