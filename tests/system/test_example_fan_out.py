"""The example of a fan-out, by its one command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.test_demo import SOMEONES_SETTINGS, remains

RUN = Path(__file__).resolve().parents[2] / "examples" / "fan-out" / "run.py"


def test_the_fan_out_example_gives_each_function_its_orders(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(RUN)],
        env={**os.environ, "TMPDIR": str(tmp_path), **SOMEONES_SETTINGS},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "billing order 1: 20 EUR",
        "billing order 2: 900 EUR",
        "billing order 3: 15 EUR",
        "shipping order 2: 40 kg to DE",
        "shipping order 3: 1 kg to PT",
    ]
    assert remains(tmp_path) == ([], [])
