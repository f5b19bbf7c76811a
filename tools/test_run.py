"""Run the whole test-suite in two processes: `make test`.

What needs no server of its own runs beside all the rest, which waits for disks, kernels and
time-outs more than it computes; its output is shown at the end.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ("tests/unit", "tests/wire", "tests/store", "tests/control")
PYTEST = (sys.executable, "-m", "pytest")
NO_TESTS = 5
"""pytest's own exit code where a choice, e.g. by PYTEST_ADDOPTS, leaves nothing to run."""


def main() -> int:
    """1 where a test of either failed."""
    with tempfile.TemporaryFile() as output:
        # They keep no record of what failed last: there is one such record for both processes.
        beside = subprocess.Popen(
            [*PYTEST, *BESIDE, "-q", "-p", "no:cacheprovider"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            others = [f"--ignore={folder}" for folder in BESIDE]
            first = subprocess.run([*PYTEST, "tests", *others], cwd=ROOT).returncode
            second = beside.wait()
        finally:
            beside.kill()
            beside.wait()
        output.seek(0)
        sys.stdout.write(f"\nBeside them ran {', '.join(BESIDE)}:\n")
        sys.stdout.flush()
        sys.stdout.buffer.write(output.read())
        sys.stdout.flush()
    return int({first, second} - {0, NO_TESTS} != set())


if __name__ == "__main__":
    sys.exit(main())
