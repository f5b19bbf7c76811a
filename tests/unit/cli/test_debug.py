"""What `lambent debug` prints for VS Code."""

from __future__ import annotations

import pytest

from lambent.cli.debug import configuration


@pytest.mark.parametrize(
    ("debugger", "expected"),
    [
        (
            "inspector",
            {
                "type": "node",
                "address": "127.0.0.1",
                "port": 9229,
                "localRoot": "${workspaceFolder}",
                "remoteRoot": "/var/task",
            },
        ),
        ("jdwp", {"type": "java", "hostName": "127.0.0.1", "port": 9229}),
    ],
)
def test_vs_code_attaches_by_its_debugger_of_the_language(
    debugger: str, expected: dict[str, object]
) -> None:
    """Source: VS Code's documentation, "Node.js debugging" and "Debugging Java"."""
    session = {"FunctionName": "f", "Debugger": debugger, "Host": "127.0.0.1", "Port": 9229}
    assert configuration(session) == {"name": "Lambent: f", "request": "attach", **expected}
