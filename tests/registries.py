"""Commands that ask registries of packages, which have bad moments: tried a few times."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

ATTEMPTS = 3
PAUSE_S = 3.0
TIMEOUT_S = 300


def run_command(command: Sequence[str | Path], folder: Path, **environment: str) -> None:
    """Run it, again where it fails; fails with what it said last. It must be repeatable."""
    words = [str(part) for part in command]
    for attempt in range(1, ATTEMPTS + 1):
        told = _try(words, folder, {**os.environ, **environment})
        if not told:
            return
        if attempt < ATTEMPTS:
            time.sleep(PAUSE_S * attempt)
    raise AssertionError(f"{words[0]} failed {ATTEMPTS} times: {told[-2000:]}")


def _try(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What it said where it failed; empty where it did not."""
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return str(error)
    said = done.stdout + done.stderr
    return f"exit status {done.returncode}: {said}" if done.returncode else ""
