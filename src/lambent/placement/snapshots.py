"""Functions that are initialised already, from which SnapStart's environments begin."""

from __future__ import annotations

from lambent.domain.function import FunctionVersion, State, Status
from lambent.runtime.catalogue import FAMILIES


def refusal(version: FunctionVersion) -> str:
    """Why no snapshot of this version can be had on any host; empty where one may be."""
    if version.runtime not in FAMILIES["python"].RUNTIMES:
        return (
            f"SnapStart is off: Lambent takes snapshots of Python functions only, not of "
            f"{version.runtime}. The version starts without one."
        )
    if version.hot_reload_folder:
        return "SnapStart is off: the code of this function is a folder that may change."
    return ""


def off(reason: str) -> tuple[Status, bool]:
    """What a version is that starts without a snapshot."""
    return Status(value=State.ACTIVE, reason=reason), False


class Snapshots:
    """See control.interface.Snapshots."""

    async def make(self, version: FunctionVersion) -> tuple[Status, bool]:
        return off(refusal(version) or "SnapStart is off: this host cannot take snapshots yet.")

    def drop(self, name: str, version: str | None = None) -> None:
        """Nothing is held."""
