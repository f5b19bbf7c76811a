"""What control asks of the parts that run functions, by Protocol; wired in `app`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from lambent.domain.function import FunctionVersion, Status


class Publisher(Protocol):
    """Makes a version ready to be run."""

    async def prepare(self, version: FunctionVersion) -> Status:
        """Active, or Failed with reason and code (InvalidRuntime: no interpreter on this host).

        The code and the merged layers are in the code store by now; compiling them belongs here.
        Must not raise for what the package holds.
        """
        ...


class ProvisionedStatus(Protocol):
    """What became of a version's provisioned concurrency."""

    @property
    def ready(self) -> int:
        """Environments that are initialised."""
        ...

    @property
    def failure(self) -> str:
        """Why there are not more; empty while they are made."""
        ...


class Scaler(Protocol):
    """Enforces what is set of concurrency."""

    def set_reserved(self, name: str, units: int | None) -> None:
        """From now on, also for what runs already. None: nothing is reserved."""
        ...

    def set_provisioned(self, name: str, wanted: Mapping[str, tuple[FunctionVersion, int]]) -> None:
        """Hold these environments of the function's versions, by number, and no others."""
        ...

    def provisioned_status(self, name: str, version: str) -> ProvisionedStatus: ...


class Retirer(Protocol):
    """Takes environments out of service."""

    def retire(self, name: str, version: str | None = None) -> None:
        """No further invocation may reach the environments that ran so far.

        `version` is `$LATEST` or a number; None means every version of the function. Called once
        what follows (or nothing, after a deletion) is what the registry answers. Returns at once;
        running invocations finish.
        """
        ...

    def retire_all(self) -> None:
        """The same for every function, for a reset: whatever runs may be killed."""
        ...

    def mounted(self) -> Collection[str]:
        """Digests of code and opt that living environments still have mounted."""
        ...


class Snapshots(Protocol):
    """Holds functions that are initialised already, for SnapStart."""

    allowed: bool
    """Whether the operator lets them be."""

    async def make(self, version: FunctionVersion) -> tuple[Status, bool]:
        """Initialise the version once; what it is then, and whether its environments begin there.

        Failed where its init fails; Active and not optimised, with the reason, where this host
        cannot do it. Must not raise for what the package does.
        """
        ...

    def drop(self, name: str, version: str | None = None) -> None:
        """Hold it no more; None means every version of the function."""
        ...
