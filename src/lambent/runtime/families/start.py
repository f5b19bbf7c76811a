"""How the process of a runtime is started in its sandbox: what every family answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from lambent.domain.interpreter import Interpreter

PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
LD_LIBRARY_PATH = (
    "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
)
"""As in a real python3.12 environment (recorded), see facts, 'Environment'."""


WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
"""Names a script that starts the runtime in our stead. Source: Developer Guide, "Modifying the
runtime environment": of all runtimes but those that bring their own program."""


class Link(StrEnum):
    """What a runtime speaks with the server."""

    FRAMES = "frames"
    """Length-prefixed frames on a socket that it inherits (runtime/frames.py)."""
    HTTP = "http"
    """The Runtime API on AWS_LAMBDA_RUNTIME_API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One runtime process."""

    commands: tuple[tuple[str, ...], ...]
    """Argument lists; the first whose program exists is run. Empty: the zygote's own program."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What differs from the variables common to all; a function's own win over these."""
    link: Link
    wrapper: str = ""
    """The script that starts the program, of other programs than the zygote's own part of commands.
    It may start another one in its stead, which then speaks the Runtime API."""
    directory: str | None = None
    """Of a container image: where the process starts, which has to be there."""
    brought: bool = False
    """The program is the function's own: machine code has to be of the function's architecture."""
    launch_error: str = "Runtime.InvalidEntrypoint"
    """The type of error where the program cannot be started."""


def wrapped(command: tuple[str, ...], variables: Mapping[str, str]) -> tuple[str, ...]:
    """The script is given the program's path and all arguments."""
    wrapper = variables.get(WRAPPER)
    return (wrapper, *command) if wrapper else command


class Family(Protocol):
    """One language, or all that bring their own bootstrap."""

    RUNTIMES: tuple[str, ...]
    """Lambda's names."""
    PROGRAM_DIR: Path | None
    """What appears in /var/runtime; None where nothing does."""
    OS_ONLY: bool
    """AWS_EXECUTION_ENV is not set. Source: Developer Guide, "Defined runtime environment
    variables"."""

    def find(
        self, setting: str, environ: Mapping[str, str], *, root: str = "/"
    ) -> dict[str, Interpreter]:
        """Runtime → what this host has for it, by the layout of files alone.

        `setting` is `runtime=/path,…` and wins. Raises ValueError where it names what is none.
        """
        ...

    def how_to_get(self, runtime: str) -> str:
        """What an operator does to have it: a sentence without its full stop."""
        ...

    def start(
        self,
        interpreter: Interpreter,
        *,
        handler: str,
        memory_mib: int,
        variables: Mapping[str, str],
    ) -> Start:
        """`variables`: the function's own, which it has in its environment in any case."""
        ...
