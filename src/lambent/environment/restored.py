"""An execution environment that begins from a snapshot: its init is a restore, with errors of its
own. Source: [B] SnapStartException, SnapStartTimeoutException; Developer Guide, "SnapStart runtime
hooks": a restore has 10 s.
"""

from __future__ import annotations

import json

from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.function import FunctionVersion
from lambent.environment.environment import Environment
from lambent.environment.lifecycle import Phase
from lambent.environment.owner import Owner
from lambent.environment.platform import Platform


class RestoredEnvironment(Environment):
    """Of a version whose OptimizationStatus is On."""

    resets = False

    def start(self) -> None:
        """Restore; where the snapshot is gone (a restart) it is made again first."""
        snapshots = self._platform.snapshots
        if snapshots is None or snapshots.holds(self.version):
            super().start()
        else:
            name = f"snapshot {self.version.name}:{self.version.version}"
            self._platform.tasks.spawn(self._make_again(), name=name)

    async def _make_again(self) -> None:
        assert self._platform.snapshots is not None
        await self._platform.snapshots.hold(self.version)
        if self.phase is Phase.INIT:
            super().start()

    def _init_failed(self, error: FunctionError | LambdaError) -> None:
        if isinstance(error, FunctionError):
            error = LambdaError("SnapStartException", _message(error), Type="User")
        super()._init_failed(error)

    def _init_timed_out(self) -> None:
        self._init_failed(
            LambdaError(
                "SnapStartTimeoutException",
                "Lambda couldn't restore the snapshot within the timeout limit.",
                Type="User",
            )
        )


def open_environment(
    version: FunctionVersion, owner: Owner, platform: Platform, *, provisioned: bool = False
) -> Environment:
    """An environment as the version asks for it; not started yet."""
    kind = RestoredEnvironment if version.optimized else Environment
    return kind(version, owner, platform, provisioned=provisioned)


def _message(error: FunctionError) -> str:
    """The function's own words, which name the hook's error."""
    try:
        told = json.loads(error.payload)
        return f"{error.error_type}: {told['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return error.error_type
