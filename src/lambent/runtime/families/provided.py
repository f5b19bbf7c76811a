"""Runtimes of which Lambda gives the system only: a program named bootstrap brings the rest.

Go, Rust, C++, Swift, PowerShell, a shell script: whatever the host's own libraries can run.
Source: Developer Guide, "When to use Lambda's OS-only runtimes" and "Building a custom runtime".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families.start import Link, Start

RUNTIMES: tuple[str, ...] = ("provided", "provided.al2", "provided.al2023", "go1.x")
PROGRAM_DIR: Path | None = None
OS_ONLY = True

_BOOTSTRAPS = ("/var/task/bootstrap", "/opt/bootstrap")


def find(setting: str, environ: Mapping[str, str], *, root: str = "/") -> dict[str, Interpreter]:
    """Every host has them."""
    return {
        runtime: Interpreter(runtime=runtime, version="", executable=Path("bootstrap"), prefix=None)
        for runtime in RUNTIMES
    }


def how_to_get(runtime: str) -> str:
    return f"{runtime} needs nothing but this host's own libraries"


def start(
    interpreter: Interpreter, *, handler: str, memory_mib: int, variables: Mapping[str, str]
) -> Start:
    """`go1.x` ran the handler itself, from a bootstrap written in Go, whose PathError a function
    got that could not be: aws-lambda-go#333. It spoke RPC on _LAMBDA_SERVER_PORT; here the program
    is offered the Runtime API, which aws-lambda-go speaks as well from 1.18 on (AWS Compute Blog,
    "Migrating AWS Lambda functions from the Go1.x runtime", update of 2024-02-13).
    """
    if interpreter.runtime == "go1.x":
        return Start(
            commands=((f"/var/task/{handler}",),),
            link=Link.HTTP,
            brought=True,
            launch_error="PathError",
        )
    commands = tuple((path,) for path in _BOOTSTRAPS)
    return Start(commands=commands, link=Link.HTTP, brought=True)
