"""Each example runs by the command that its first lines name, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RUNS = sorted(path.parent.name for path in EXAMPLES.glob("*/run.py"))


@pytest.mark.parametrize("name", RUNS)
def test_the_example_runs_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    command = f".venv/bin/python examples/{name}/run.py"
    script = EXAMPLES / name / "run.py"
    assert command in script.read_text()
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_there_are_examples() -> None:
    assert {"log-alert", "thumbnail"} <= set(RUNS)
