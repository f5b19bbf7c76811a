"""`make demo`, and what it leaves behind: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"

TRIES = 5
SOMEONES_SETTINGS = {"LAMBENT_PORT": "1", "AWS_PROFILE": "absent", "HTTP_PROXY": "http://0.0.0.0:1"}
"""None of them may reach the demo."""


def start_demo(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", str(DEMO)],
        env={**os.environ, "TMPDIR": str(folder), **SOMEONES_SETTINGS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def remains(folder: Path) -> tuple[list[Path], list[str]]:
    """Files in the demo's temporary folder, and processes that were started on it.

    A child of the server, begun as the server was ended, has a moment to follow it.
    """
    deadline = time.monotonic() + 60
    while any(found := look(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def look(folder: Path) -> tuple[list[Path], list[str]]:
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (OSError, UnicodeDecodeError):
            continue
    return list(folder.iterdir()), [line for line in lines if str(folder) in line]


def test_the_demo_runs_shows_what_it_did_and_leaves_nothing(tmp_path: Path) -> None:
    demo = start_demo(tmp_path)
    out, err = demo.communicate(timeout=200)
    assert demo.returncode == 0, out + err
    assert err == ""
    for text in ("Hello, Ada!", "Bonjour, Ada!", "START RequestId", "REPORT RequestId", "total"):
        assert text in out
    assert "\x1b" not in out
    assert remains(tmp_path) == ([], [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["Lambent", "start the server", "deploy hello", "invoke hello"])
def test_the_demo_interrupted_at_any_moment_leaves_nothing(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    for _ in range(TRIES):
        demo = start_demo(tmp_path)
        assert demo.stdout is not None
        for line in demo.stdout:
            if moment in line:
                demo.send_signal(number)
                break
        _, err = demo.communicate(timeout=200)
        if demo.returncode != 0:  # else it had ended before the signal came
            break
    assert demo.returncode == 130, err
    assert "Traceback" not in err
    assert remains(tmp_path) == ([], [])
