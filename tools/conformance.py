"""Run the conformance suite and write its table, runtime × case: `make conformance`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lambent.runtime.catalogue import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "conformance.md"
HEAD = """# Conformance: every runtime, the same Lambda

Written by `make conformance`, which runs `tests/conformance` on the runtimes of the host it runs
on. ✓: the case passes; ✗: it fails; –: the runtime was not on that host, so nothing was run.

"""
MARKS = {"passed": "✓", "failed": "✗", "skipped": "–"}


class Results:
    """A pytest plugin that keeps the outcome of each case for each runtime."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2]
        case, _, runtime = name.removesuffix("]").partition("[")
        if runtime and (report.when == "call" or report.outcome != "passed"):
            self.outcomes[case.removeprefix("test_"), runtime] = report.outcome


def format_table(outcomes: dict[tuple[str, str], str]) -> str:
    """The page; a row for each runtime that Lambent knows."""
    cases = list(dict.fromkeys(case for case, _ in outcomes))
    lines = [
        "| runtime | " + " | ".join(case.replace("_", " ") for case in cases) + " |",
        "| --- |" + " :-: |" * len(cases),
    ]
    for family in FAMILIES.values():
        for runtime in family.RUNTIMES:
            marks = [MARKS[outcomes.get((case, runtime), "skipped")] for case in cases]
            lines.append(f"| {runtime} | " + " | ".join(marks) + " |")
    return HEAD + "\n".join(lines) + "\n"


def main() -> int:
    results = Results()
    code = pytest.main(["-q", str(ROOT / "tests" / "conformance")], plugins=[results])
    PAGE.write_text(format_table(results.outcomes), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
