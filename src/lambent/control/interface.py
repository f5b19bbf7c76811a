"""What control asks of the parts that run functions, by Protocol; wired in `app`."""

from __future__ import annotations

from collections.abc import Collection
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
