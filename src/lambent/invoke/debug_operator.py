"""What an operator asks of debugging, by a function's name: begin a session, end it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from lambent.domain.arns import LATEST
from lambent.domain.errors import invalid_parameter, resource_conflict, resource_not_found
from lambent.domain.function import FunctionVersion, State
from lambent.placement.debugging import LOOPBACK, Debugging
from lambent.runtime.debuggers import DEBUGPY, Debugger, debugger_of

LANGUAGES = "Python, Node.js and Java"


class Versions(Protocol):
    """Knows the functions."""

    def get_version(self, name: str, qualifier: str | None = None) -> FunctionVersion:
        """Raises LambdaError ResourceNotFoundException."""
        ...


class DebugOperator:
    """Of one server."""

    def __init__(
        self,
        versions: Versions,
        debugging: Debugging,
        *,
        folders_of: Callable[[FunctionVersion], Sequence[Path]],
        debuggers: dict[tuple[str, str], Path],
        fetched: Path,
    ) -> None:
        """`folders_of`: where a version's package and layers lie. `debuggers`: by name and version,
        what its sandboxes are to see of `fetched`, where `lambent debug --get` puts debugpy.
        """
        self._versions = versions
        self._debugging = debugging
        self._folders_of = folders_of
        self._debuggers = debuggers
        self._fetched = fetched

    async def begin(self, name: str, port: int) -> dict[str, Any]:
        """Debug $LATEST of a function from now on; where it is debugged already, say where.

        `port` 0: the debugger's own, or any. Raises LambdaError.
        """
        if ":" in name:
            raise invalid_parameter(
                f"It is $LATEST of a function that is debugged: give its name alone, not {name}."
            )
        version = self._versions.get_version(name)
        debugger = _check(version)
        found = self._debugging.find(name)
        if found is None:
            self._provide(version, debugger)
            try:
                found = await self._debugging.begin(
                    name, debugger, port, partial(self._versions.get_version, name)
                )
            except OSError as error:
                self._debuggers.pop((name, LATEST), None)
                raise resource_conflict(
                    f"Port {port} on {LOOPBACK} cannot be had: {os.strerror(error.errno or 0)}."
                ) from error
        return {
            "FunctionName": name,
            "Runtime": version.runtime,
            "Debugger": debugger.name,
            "Host": LOOPBACK,
            "Port": found.port,
            "Ready": found.ready,
        }

    async def end(self, name: str) -> dict[str, Any]:
        """Raises LambdaError where the function is not debugged."""
        if not self._debugging.end(name):
            raise resource_not_found(f"{name} is not being debugged.")
        self._debuggers.pop((name, LATEST), None)
        return {"FunctionName": name}

    def _provide(self, version: FunctionVersion, debugger: Debugger) -> None:
        """See to it that a Python finds its debugger."""
        if debugger is not DEBUGPY:
            return
        if (self._fetched / "debugpy").is_dir():
            self._debuggers[version.name, LATEST] = self._fetched
        elif not brings_debugpy(version.runtime, self._folders_of(version)):
            raise invalid_parameter(
                f"There is no debugpy for {version.name}: run `lambent debug --get debugpy` once, "
                "with the --data-dir of the server, or have it in the package or a layer."
            )


def brings_debugpy(runtime: str, folders: Sequence[Path]) -> bool:
    """Whether the package, or /opt of its layers, has it where Python looks for it."""
    inside = ("", "python", f"python/lib/{runtime}/site-packages")
    return any((folder / place / "debugpy").is_dir() for folder in folders for place in inside)


def _check(version: FunctionVersion) -> Debugger:
    """Raises LambdaError where such a function cannot be debugged."""
    debugger = None if version.image is not None else debugger_of(version.runtime)
    if debugger is None:
        what = "a container image" if version.image is not None else version.runtime
        raise invalid_parameter(
            f"{version.name} is {what}, which cannot be debugged: there are debuggers for "
            f"{LANGUAGES} functions in a package."
        )
    if version.tenant_isolation or version.capacity_provider is not None:
        option = "TenancyConfig" if version.tenant_isolation else "CapacityProviderConfig"
        raise invalid_parameter(
            f"{version.name} has a {option}: such functions cannot be debugged, for what runs them "
            "is more than one environment."
        )
    if version.state.value != State.ACTIVE:
        raise resource_conflict(f"{version.name} is {version.state.value}, and not Active.")
    return debugger
