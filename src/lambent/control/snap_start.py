"""SnapStart: a version published with it is Pending until its init has run once.

States as AWS's: Pending, then Active (OptimizationStatus On), or Failed where the init fails. Where
this host cannot take a snapshot of the function the version is Active with OptimizationStatus Off
and a StateReason that says why: it then starts as any other does, and no client has to cope.
Source: Developer Guide, "Improving startup performance with Lambda SnapStart"; [B] SnapStart*.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, Protocol

from lambent.control.interface import Snapshots
from lambent.control.registry import Registry, with_state
from lambent.domain import limits
from lambent.domain.errors import LambdaError, invalid_parameter
from lambent.domain.function import FunctionVersion, State, Status

_CREATING = "The function is being created."

_REFUSED_RUNTIMES = ("ruby", "provided", "go1.x", "dotnetcore")
"""[DG] "OS-only runtimes … are not supported", nor is Ruby; Node.js is taken and stays Off."""

log = logging.getLogger("lambent")


class Spawner(Protocol):
    """Runs a coroutine as a task with an owner."""

    def spawn(self, work: Any, *, name: str) -> object: ...


class SnapStart:
    """Has the snapshots of published versions made, and writes down what became of them."""

    def __init__(self, registry: Registry, snapshots: Snapshots, tasks: Spawner) -> None:
        self._registry = registry
        self._snapshots = snapshots
        self._tasks = tasks

    def begin(self, version: FunctionVersion) -> None:
        """Of a version that was published just now; nothing where it needs no snapshot."""
        if version.state.value == State.PENDING and version.snap_start:
            name = f"snapshot {version.name}:{version.version}"
            self._tasks.spawn(self._make(version), name=name)

    def resume(self) -> None:
        """After a restart: what was Pending then is begun again, what may be no more is ended."""
        for function in self._registry.functions.values():
            for version in function.versions.values():
                self.begin(version)
                if version.optimized and not self._snapshots.allowed:
                    self._tasks.spawn(self._make(version), name=f"end {version.name}")

    async def _make(self, version: FunctionVersion) -> None:
        generation = self._registry.begin()
        status, optimized = await self._snapshots.make(version)
        async with self._registry.settling:  # no deletion may come in between
            function = self._registry.functions.get(version.name)
            current = None if function is None else function.versions.get(version.version)
            if current is None or current.last_modified != version.last_modified:
                self._snapshots.drop(version.name, version.version)
                return
            settled = replace(with_state(current, status), optimized=optimized)
            try:
                await self._registry.store_published(generation, settled)
            except LambdaError:
                self._snapshots.drop(version.name, version.version)  # the server was reset


def publishing(latest: FunctionVersion) -> dict[str, Any]:
    """The fields that a version begins with where it needs a snapshot first."""
    if not latest.snap_start or latest.state.value != State.ACTIVE:
        return {}
    status = Status(value=State.PENDING, reason=_CREATING, reason_code="Creating")
    return {"state": status, "last_update": None}


def check_snap_start(version: FunctionVersion) -> None:
    """Raise where AWS does not have SnapStart for such a function [DG].

    The text on runtimes: AWS's, as LocalStack answers it; the others are UNVERIFIED.
    """
    if not version.snap_start:
        return
    if version.runtime.startswith(_REFUSED_RUNTIMES):
        raise invalid_parameter(
            f"{version.runtime} is not supported for SnapStart enabled functions."
        )
    for what, given in (
        ("a container image", version.image),
        ("a container image", version.image or version.next_image),
        ("Amazon EFS", version.file_systems),
        (
            f"ephemeral storage greater than {limits.EPHEMERAL_MIB_MIN} MB",
            version.ephemeral_mib > limits.EPHEMERAL_MIB_MIN,
        ),
        ("a tenancy configuration", version.tenant_isolation),
        ("a capacity provider", version.capacity_provider),
    ):
        if given:
            raise invalid_parameter(f"SnapStart is not supported for functions with {what}.")
