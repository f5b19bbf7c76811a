"""The examples, each by its one command, and what they leave behind: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_demo import SOMEONES_SETTINGS, remains

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("cron-job", ["schedule nightly", "report report/", "`nightly` waits"])],
)
def test_an_example_runs_by_one_command_and_leaves_nothing(
    tmp_path: Path, name: str, shown: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name / "run.py")],
        env={**os.environ, "TMPDIR": str(tmp_path), **SOMEONES_SETTINGS},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for text in shown:
        assert text in done.stdout
    assert remains(tmp_path) == ([], [])
