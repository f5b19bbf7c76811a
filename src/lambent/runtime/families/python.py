"""Python: forked from a zygote that is itself the interpreter, with the bootstrap loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime import python as program
from lambent.runtime.families.start import WRAPPER, Link, Start
from lambent.runtime.interpreters import RUNTIMES, find_interpreters, how_to_get

__all__ = ["OS_ONLY", "PROGRAM_DIR", "RUNTIMES", "find", "how_to_get", "start"]

PROGRAM_DIR: Path | None = Path(program.__path__[0])
OS_ONLY = False

_START = Start(commands=(), environment={"PYTHONPATH": "/var/runtime"}, link=Link.FRAMES)


def find(setting: str, environ: Mapping[str, str], *, root: str = "/") -> dict[str, Interpreter]:
    return find_interpreters(setting, environ, root=root)


def start(
    interpreter: Interpreter, *, handler: str, memory_mib: int, variables: Mapping[str, str]
) -> Start:
    wrapper = variables.get(WRAPPER)
    return dataclasses.replace(_START, wrapper=wrapper) if wrapper else _START
