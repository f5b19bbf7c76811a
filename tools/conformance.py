"""Run the conformance suite and write its table, runtime × case: `make conformance`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.conformance.runtimes import versions

from lambent.runtime.catalogue import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "conformance.md"
HEAD = """# Conformance: every runtime, the same Lambda

Written by `make conformance`, which runs `tests/conformance` on the runtimes of the host it runs
on: those that `lambent runtimes` lists there, and those that LAMBENT_PYTHONS, LAMBENT_NODES,
LAMBENT_RUBIES and LAMBENT_JAVAS name. ✓: the case passes; ✗: it fails; –: the runtime was not on
that host, so nothing was run.

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


def format_table(outcomes: dict[tuple[str, str], str], run_by: Mapping[str, str]) -> str:
    """The page; a row for each runtime that Lambent knows. `run_by`: runtime → exact version."""
    cases = list(dict.fromkeys(case for case, _ in outcomes))
    lines = [
        "| runtime | version run | " + " | ".join(case.replace("_", " ") for case in cases) + " |",
        "| --- | --- |" + " :-: |" * len(cases),
    ]
    for family in FAMILIES.values():
        for runtime in family.RUNTIMES:
            marks = [MARKS[outcomes.get((case, runtime), "skipped")] for case in cases]
            cells = [runtime, run_by.get(runtime, "–"), *marks]
            lines.append("| " + " | ".join(cells) + " |")
    return HEAD + "\n".join(lines) + "\n"


def main() -> int:
    results = Results()
    code = pytest.main(["-q", str(ROOT / "tests" / "conformance")], plugins=[results])
    PAGE.write_text(format_table(results.outcomes, versions()), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
