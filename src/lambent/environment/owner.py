"""Who an environment belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lambent.environment.platform import Lease

if TYPE_CHECKING:
    from lambent.environment.environment import Environment


class Owner(Protocol):
    """The pool that an environment belongs to."""

    def on_free(self, environment: Environment) -> None: ...

    def on_answered(self, environment: Environment) -> None:
        """It has answered and will be free: its runtime is about to ask for the next invocation,
        or it is being reset.
        """
        ...

    def on_init_failed(self, environment: Environment) -> Lease | None:
        """The invocation in which this environment shall try its init again, if one waits."""
        ...

    def on_gone(self, environment: Environment) -> None: ...
