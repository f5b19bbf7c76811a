"""The debuggers that attach to a function without a change to its code, by language. Pure.

Ports are those that each language's own documentation uses. They are inside a sandbox, on a
loopback of its own, and so the same for every function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambent.runtime.families import java, nodejs, python

FOLDER = "/var/debugger"
"""Where a debugger that was fetched for a language appears inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debugger:
    """What listens inside a sandbox while its function is debugged."""

    name: str
    port: int
    variable: str = ""
    """The variable that makes the runtime itself listen; empty where our bootstrap has it do so."""
    option: str = ""
    """What is added to the function's own value of it."""

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """What differs in the environment of a debugged function; its own options stay."""
        if not self.variable:
            return {}
        given = environment.get(self.variable, "")
        return {self.variable: f"{given} {self.option}".strip()}


DEBUGPY = Debugger(name="debugpy", port=5678)
_INSPECTOR = Debugger(
    name="inspector", port=9229, variable="NODE_OPTIONS", option="--inspect=127.0.0.1:9229"
)
_JDWP = Debugger(
    name="jdwp",
    port=5005,
    variable="JAVA_TOOL_OPTIONS",
    option="-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:5005",
)

_BY_RUNTIME: Mapping[str, Debugger] = {
    **dict.fromkeys(python.RUNTIMES, DEBUGPY),
    **dict.fromkeys(nodejs.RUNTIMES, _INSPECTOR),
    **dict.fromkeys(java.RUNTIMES, _JDWP),
}


def debugger_of(runtime: str) -> Debugger | None:
    """None for languages that have none here."""
    return _BY_RUNTIME.get(runtime)
