"""What `lambent deploy` and `lambent dev` find out about code in other languages than Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.cli.handlers import guess_handler, guess_runtime, has_lost_handler
from lambent.cli.package import collect_files
from lambent.cli.terminal import CliError
from tests.unit.cli.test_package import write

NODE = "nodejs20.x"


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"index.js": "exports.handler = async () => 1"}, "index.handler"),
        ({"app.mjs": "export const handler = async () => 1"}, "app.handler"),
        ({"job.mjs": "\nexport async function handler() {}"}, "job.handler"),
        ({"app.mjs": "export const lambdaHandler = () => 1"}, "app.lambdaHandler"),
        ({"app.cjs": "module.exports = { other, handler }"}, "app.handler"),
        ({"app.mjs": "const handler = 1\nexport { handler };", "util.mjs": ""}, "app.handler"),
    ],
)
def test_the_handler_of_javascript_is_found_by_its_export(
    tmp_path: Path, files: dict[str, str], handler: str
) -> None:
    assert guess_handler(collect_files(write(tmp_path, files)), NODE) == handler


def test_the_handler_of_ruby_is_a_method_at_the_top(tmp_path: Path) -> None:
    code = "def lambda_handler(event:, context:)\nend\n"
    files = collect_files(write(tmp_path, {"lambda_function.rb": code}))
    assert guess_handler(files, "ruby3.4") == "lambda_function.lambda_handler"


def test_a_handler_that_is_not_exported_must_be_named(tmp_path: Path) -> None:
    files = collect_files(write(tmp_path, {"app.js": "const handler = () => 1"}))
    with pytest.raises(CliError, match=r"in app\.js: name it with --handler"):
        guess_handler(files, NODE)


def test_what_is_compiled_has_its_handler_named(tmp_path: Path) -> None:
    files = collect_files(write(tmp_path, {"App.class": ""}))
    with pytest.raises(CliError, match="java21 is not guessed"):
        guess_handler(files, "java21")


def test_a_bootstrap_is_a_program_and_python_wins_over_it(tmp_path: Path) -> None:
    own = collect_files(write(tmp_path / "own", {"bootstrap": "#!/bin/sh", "web.js": ""}))
    assert guess_runtime(own) == "provided.al2023"
    assert guess_handler(own, "provided.al2023") == "bootstrap"
    both = collect_files(write(tmp_path / "both", {"bootstrap": "", "app.py": ""}))
    assert guess_runtime(both).startswith("python")


def test_a_handler_is_lost_only_where_reading_tells(tmp_path: Path) -> None:
    files = collect_files(write(tmp_path, {"main.js": "", "lib/a.mjs": "", "job.py": "x = 1"}))
    assert not has_lost_handler(files, NODE, "main.anything.nested")
    assert not has_lost_handler(files, NODE, "lib/a.handler")
    assert has_lost_handler(files, NODE, "index.handler")
    assert has_lost_handler(files, "python3.12", "job.handler")
    assert not has_lost_handler(files, "java21", "App::handleRequest")
    assert not has_lost_handler(files, "provided.al2023", "anything")
