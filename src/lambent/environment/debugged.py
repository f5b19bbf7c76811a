"""An execution environment to which a debugger attaches: it has no clock while the session lasts,
and a way to the ports of its own loopback.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from lambent.clock import Instant
from lambent.domain import limits
from lambent.domain.function import FunctionVersion
from lambent.environment.environment import Environment
from lambent.environment.lifecycle import Phase
from lambent.environment.owner import Owner
from lambent.environment.platform import Platform


class DebuggedEnvironment(Environment):
    """Of a function that is debugged; `platform` names the debugger and freezes nothing."""

    resets = False

    def __init__(
        self,
        version: FunctionVersion,
        owner: Owner,
        platform: Platform,
        *,
        held: Callable[[], bool],
    ) -> None:
        """`held`: whether the clock of init and of invocations stands still."""
        self._held = held
        super().__init__(version, owner, platform)

    async def connect(self, port: int) -> socket.socket:
        """A connection to a port inside. Raises ConnectionError."""
        return await self._guest.connect(port)

    def start_clock(self) -> None:
        """It is held no more: what runs has its whole time-out from now on."""
        if self.phase in (Phase.READY, Phase.STOPPED):
            return
        init = self.phase is Phase.INIT
        limit_s = limits.INIT_TIMEOUT_S if init else float(self.version.timeout_s)
        self._deadline = Instant(self._clock.now() + limit_s)
        self._arm(limit_s)

    def _arm(self, delay_s: float) -> None:
        if not self._held():
            super()._arm(delay_s)
