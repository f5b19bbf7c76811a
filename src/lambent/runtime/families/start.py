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


AHEAD = "_LAMBENT_AHEAD"
"""Set of a process that is started ahead of demand. No function can set it: the name of a variable
of its own begins with a letter. Source: the service model, EnvironmentVariableName."""

_AT_THE_START = (
    WRAPPER,
    "CLASSPATH",
    "GCONV_PATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "_JAVA_OPTIONS",
)
_AT_THE_START_PREFIXES = (
    "BUNDLE",
    "COMPlus_",
    "COREHOST_",
    "CORECLR_",
    "DOTNET_",
    "GEM",
    "LD_",
    "NODE_",
    "OPENSSL_",
    "RUBYGEMS_",
)
_HARMLESS = ("NODE_ENV", "NODE_EXTRA_CA_CERTS", "NODE_NO_WARNINGS", "NODE_TLS_REJECT_UNAUTHORIZED")
"""Common ones of the prefixes above, which name no code and are read once they are needed."""


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
    ahead: tuple[str, ...] = ()
    """The argument list of a process that loads all but the function and waits for the server to
    have it go on, where AHEAD is set (FRAMES: START; HTTP: GET /lambent/start). Empty: none can."""
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


def starts_ahead(variables: Mapping[str, str]) -> bool:
    """Whether an interpreter with these variables of a function's own starts without its code.

    Some name a program, a library or options, which have code of the function run, or its files
    read, before any bootstrap could wait.
    """
    return not any(
        name in _AT_THE_START or (name.startswith(_AT_THE_START_PREFIXES) and name not in _HARMLESS)
        for name in variables
    )


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
