"""What linters cannot see: documents that fell behind the code, code that outgrew its bounds."""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.generate_docs import ROOT, generate

from lambent.cli.main import build_parser
from lambent.settings import Settings

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 100
RECORD_LINES_MAX = 40
CODE_FOLDERS = ("src", "tests", "tools", "benchmarks", "examples")

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
MARKDOWN_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
TEST_NAME = re.compile(r"\b(tests/[\w/]+\.py)(?:::(\w+))?")
FORGOTTEN = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?! ?\(#\d+\))")
SETTING_ROW = re.compile(r"^\| `LAMBENT_(\w+)` \| `(--[\w-]+)` \| (?:`([^`]*)`)? *\|", re.MULTILINE)


def sources(*folders: str) -> list[Path]:
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_generated_pages_are_those_of_todays_tables() -> None:
    """`make docs` writes them."""
    for path, text in generate().items():
        assert path.read_text(encoding="utf-8") == text, f"{shown(path)} is out of date: make docs"


def test_every_module_says_what_it_is_responsible_for() -> None:
    silent = [
        shown(path)
        for path in sources("src")
        if (text := path.read_text(encoding="utf-8")) and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_nothing_is_left_to_do_without_an_issue() -> None:
    """A marker names its issue: `(#12)` behind it."""
    forgotten = [
        f"{shown(path)}:{number}"
        for path in sources(*CODE_FOLDERS)
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FORGOTTEN.search(line)
    ]
    assert forgotten == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
def test_links_of_documents_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    targets = [target for target in MARKDOWN_LINK.findall(text) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
def test_tests_that_documents_name_exist(path: Path) -> None:
    missing = []
    for file, name in TEST_NAME.findall(path.read_text(encoding="utf-8")):
        if not (ROOT / file).exists():
            missing.append(file)
        elif name and name not in {function.name for function in functions(ROOT / file)}:
            missing.append(f"{file}::{name}")
    assert missing == []


def test_every_dependency_has_a_decision_record() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {
        re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]
        for requirements in (project["dependencies"], *project["optional-dependencies"].values())
        for requirement in requirements
    }
    records = "".join(path.read_text(encoding="utf-8") for path in decision_records())
    assert [name for name in sorted(names) if name not in records] == []


def decision_records() -> list[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_decision_records_have_each_a_number_of_their_own_and_are_short() -> None:
    """Gaps may be: a number is taken when a piece of work begins, and several are under way."""
    records = decision_records()
    assert len({int(path.name[:4]) for path in records}) == len(records)
    for path in records:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith(f"# {path.name[:4]}: "), shown(path)
        assert len(lines) <= RECORD_LINES_MAX, shown(path)


def test_no_file_and_no_function_outgrows_a_reader() -> None:
    long = []
    for path in sources("src"):
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > FILE_LINES_MAX:
            long.append(f"{shown(path)}: {count} lines")
        for function in functions(path):
            count = (function.end_lineno or function.lineno) - function.lineno + 1
            if count > FUNCTION_LINES_MAX:
                long.append(f"{shown(path)}: {function.name}: {count} lines")
    assert long == []


def test_the_settings_of_the_readme_are_those_of_the_code() -> None:
    """Variable, option and default of each."""
    rows = SETTING_ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    told = {name.lower(): (option, default) for name, option, default in rows}
    options, settings = options_of_start(), Settings()
    real = {
        name: (options.get(name), default_text(name, getattr(settings, name)))
        for name in Settings.__annotations__
    }
    assert told == real


def options_of_start() -> dict[str, str]:
    """The last option string for each setting."""
    commands = next(
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return {
        action.dest: action.option_strings[-1]
        for action in commands.choices["start"]._actions
        if action.option_strings
    }


def default_text(name: str, value: object) -> str:
    return "~/.local/share/lambent" if name == "data_dir" else str(value)
