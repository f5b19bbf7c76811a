"""Which sandbox backend this host gets, and what it says of itself."""

from __future__ import annotations

import functools
import importlib.util
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lambent.domain.errors import PlatformFault
from lambent.domain.interpreter import Interpreter
from lambent.environment.runtime_apis import PORT as RUNTIME_API_PORT
from lambent.placement.placement import environments_ceiling
from lambent.runtime.catalogue import FAMILIES, family_of
from lambent.runtime.families.dotnet import BOOTSTRAPS as DOTNET_BOOTSTRAPS
from lambent.runtime.families.java import CLIENT as JAVA_CLIENT
from lambent.runtime.interpreters import inspect_binary, resolve_binary
from lambent.sandbox.cgroups import detect_cgroups
from lambent.sandbox.interface import (
    GuestProgram,
    IsolationItem,
    IsolationReport,
    SandboxBackend,
)
from lambent.sandbox.namespace_report import FREEZING
from lambent.sandbox.namespaces import NamespaceBackend
from lambent.sandbox.network import make_network
from lambent.settings import Settings

INSIDE_PORT = 4566
"""Where a function finds Lambent's endpoint on its own loopback, whatever the server's port is."""
AWS_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""What Lambda's Python runtimes bring: boto3 and all that it needs."""
SDK_MINOR_MIN = 10
"""botocore 1.44 needs Python 3.10: older runtimes have no SDK of ours."""


def make_backend(
    settings: Settings,
    *,
    code_root: Path,
    on_listener: Callable[[str, int, socket.socket], None],
    on_closed: Callable[[str], None],
) -> SandboxBackend:
    """The backend that the settings ask for; it proves itself in `start`."""
    if settings.isolation not in ("auto", "namespaces"):
        raise PlatformFault(
            f"isolation {settings.isolation!r} is not there: this version has `namespaces` only"
        )
    as_root = os.geteuid() == 0
    return NamespaceBackend(
        code_root=code_root,
        programs=program_of,
        inside_ports=(INSIDE_PORT, RUNTIME_API_PORT),
        on_listener=on_listener,
        on_closed=on_closed,
        cgroups=detect_cgroups(),
        network=make_network(settings.network, as_root),
        hidden=(settings.data_dir,),
    )


def program_of(interpreter: Interpreter) -> GuestProgram:
    """A Python is its own zygote; of the other languages our own interpreter is."""
    family = family_of(interpreter.runtime)
    python = FAMILIES["python"]
    assert python.PROGRAM_DIR is not None
    if family is python:
        return GuestProgram(
            python=interpreter,
            folder=python.PROGRAM_DIR,
            runtime_files=tuple(sdk_paths(interpreter)),
        )
    files = () if family.PROGRAM_DIR is None else tuple(sorted(family.PROGRAM_DIR.iterdir()))
    return GuestProgram(
        python=own_interpreter(),
        folder=python.PROGRAM_DIR,
        module="_lambent_starter",
        runtime_files=(
            *(path for path in files if path.name != "__pycache__"),
            *interpreter.brings,
        ),
    )


@functools.cache
def own_interpreter() -> Interpreter:
    """The one that runs this server, found like any other."""
    return inspect_binary(resolve_binary(sys.executable))


def sdk_paths(interpreter: Interpreter) -> list[Path]:
    """Files and folders of the SDK in our own site-packages; none for a Python it does not fit."""
    minor = int(interpreter.runtime.rpartition(".")[2])
    if minor < SDK_MINOR_MIN:
        return []
    paths = []
    for name in AWS_SDK:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            paths.append(origin.parent if origin.name == "__init__.py" else origin)
    return paths


async def probe(settings: Settings) -> IsolationReport:
    """What this host can enforce, tried for real and undone."""
    backend = make_backend(
        settings,
        code_root=settings.data_dir / "code",
        on_listener=lambda *_: None,
        on_closed=lambda _: None,
    )
    try:
        await backend.start()
        return report_of(backend, settings)
    finally:
        await backend.stop()


def report_of(backend: SandboxBackend, settings: Settings) -> IsolationReport:
    """What the backend enforces, less what the operator turned off."""
    report = backend.report()
    if settings.freeze != "off":
        return report
    off = IsolationItem(
        name=FREEZING,
        enforced=False,
        how="what a function leaves running goes on between its invocations (LAMBENT_FREEZE=off)",
        hint="leave LAMBENT_FREEZE at auto",
    )
    return replace(
        report, items=tuple(off if one.name == FREEZING else one for one in report.items)
    )


def describe_report(report: IsolationReport) -> dict[str, Any]:
    """The isolation report as JSON shows it."""
    return {
        "backend": report.backend,
        "as_root": report.as_root,
        "items": [
            {"name": one.name, "enforced": one.enforced, "how": one.how, "hint": one.hint}
            for one in report.items
        ],
    }


def runtime_settings(settings: Settings) -> dict[str, str]:
    """Where the operator said that languages are, by family."""
    return {
        "python": settings.pythons,
        "nodejs": settings.nodes,
        "ruby": settings.rubies,
        "java": f"{settings.javas},{JAVA_CLIENT}{java_client_folder(settings)}",
        "dotnet": f"{settings.dotnets},{DOTNET_BOOTSTRAPS}{dotnet_folder(settings)}",
    }


def java_client_folder(settings: Settings) -> Path:
    """What holds AWS's client for Java, in a folder `lib`."""
    given = settings.java_client
    return Path(given).absolute() if given else settings.data_dir.absolute() / "runtimes" / "java"


def dotnet_folder(settings: Settings) -> Path:
    """What holds our bootstrap for .NET, compiled."""
    return settings.data_dir.absolute() / "runtimes" / "dotnet"


def debuggers_folder(settings: Settings) -> Path:
    """What `lambent debug --get` fetches: what every Python can import."""
    return settings.data_dir.absolute() / "debuggers" / "python"


def environments_max(settings: Settings) -> int:
    """The setting, else what this host's memory allows."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return settings.environments_max or environments_ceiling(memory)
