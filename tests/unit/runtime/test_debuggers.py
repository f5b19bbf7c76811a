"""Which debugger each language has, and how its runtime is told."""

from __future__ import annotations

import pytest

from lambent.runtime.debuggers import debugger_of


@pytest.mark.parametrize(
    ("runtime", "name", "port"),
    [
        ("python3.8", "debugpy", 5678),
        ("python3.14", "debugpy", 5678),
        ("nodejs20.x", "inspector", 9229),
        ("java8.al2", "jdwp", 5005),
        ("java21", "jdwp", 5005),
    ],
)
def test_a_language_has_its_own_debugger(runtime: str, name: str, port: int) -> None:
    debugger = debugger_of(runtime)
    assert debugger is not None
    assert (debugger.name, debugger.port) == (name, port)


@pytest.mark.parametrize("runtime", ["ruby3.4", "dotnet8", "provided.al2023", "go1.x", ""])
def test_other_languages_have_none(runtime: str) -> None:
    assert debugger_of(runtime) is None


def test_a_functions_own_options_stay_before_the_debuggers() -> None:
    inspector, debugpy = debugger_of("nodejs22.x"), debugger_of("python3.12")
    assert inspector is not None
    assert debugpy is not None
    given = {"NODE_OPTIONS": "--no-warnings", "OTHER": "x"}
    listening = "--inspect=127.0.0.1:9229"
    assert inspector.variables(given) == {"NODE_OPTIONS": f"--no-warnings {listening}"}
    assert inspector.variables({}) == {"NODE_OPTIONS": listening}
    assert debugpy.variables(given) == {}
