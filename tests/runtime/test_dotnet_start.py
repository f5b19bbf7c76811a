"""What the script that starts .NET does before it is .NET."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lambent.runtime.families import dotnet
from lambent.runtime.families.start import AHEAD

CANNOT_EXECUTE = (126, 127)
"""There is no .NET at /var/lang here: the script came to its end."""


@pytest.mark.parametrize(
    ("config", "variables", "statuses"),
    [
        ("{}", {AHEAD: "1"}, CANNOT_EXECUTE),
        ('{"STARTUP_HOOKS": "Mine.dll"}', {AHEAD: "1"}, (107,)),
        ('{"STARTUP_HOOKS": "Mine.dll"}', {}, CANNOT_EXECUTE),
    ],
)
def test_a_net_with_startup_hooks_of_the_functions_own_is_not_started_ahead(
    tmp_path: Path, config: str, variables: dict[str, str], statuses: tuple[int, ...]
) -> None:
    (tmp_path / "Mine.deps.json").write_text("{}")
    (tmp_path / "Mine.runtimeconfig.json").write_text(config)
    done = subprocess.run(
        ["/bin/sh", dotnet.SOURCE_DIR / "start.sh"],
        env={"LAMBDA_TASK_ROOT": str(tmp_path), "_HANDLER": "Mine::Type::Method", **variables},
        stderr=subprocess.PIPE,
        check=False,
        timeout=20,
    )
    assert done.returncode in statuses, done.stderr
